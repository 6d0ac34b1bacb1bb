"""Every search after an erasure has a day on which it is made at the latest.

Revision ID: 0021
Revises: 0020

    erasure_rescans.due_at  never NULL: accounts that are not synced any more bring no next sync
"""

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The owner sees all agencies' rows for as long as the statement runs, and no longer.
    op.execute("ALTER TABLE erasure_rescans NO FORCE ROW LEVEL SECURITY")
    op.execute("UPDATE erasure_rescans SET due_at = now() WHERE due_at IS NULL")
    op.execute("ALTER TABLE erasure_rescans ALTER COLUMN due_at SET NOT NULL")
    op.execute("ALTER TABLE erasure_rescans FORCE ROW LEVEL SECURITY")


def downgrade() -> None:
    op.execute("ALTER TABLE erasure_rescans ALTER COLUMN due_at DROP NOT NULL")

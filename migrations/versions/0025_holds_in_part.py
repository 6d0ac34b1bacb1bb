"""Tombstones of people of whom a legal hold keeps a part.

Revision ID: 0025
Revises: 0024
"""

from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE tombstones ADD COLUMN held TEXT[] NOT NULL DEFAULT '{}'")
    op.execute("ALTER TABLE tombstones ALTER COLUMN held DROP DEFAULT")
    op.execute("GRANT UPDATE (held, epoch) ON tombstones TO bosco_app")

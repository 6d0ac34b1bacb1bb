"""The agency's own people are erased, too.

Revision ID: 0027
Revises: 0026
"""

from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE erasure_run_requests ALTER COLUMN client_id DROP NOT NULL")

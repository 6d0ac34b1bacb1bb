"""Rows whose time is over may be deleted.

Revision ID: 0016
Revises: 0015
"""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        GRANT DELETE ON browser_sessions, identity_codes, one_time_links, pending_connections,
            quarantined_rows, request_letters TO bosco_app
        """
    )

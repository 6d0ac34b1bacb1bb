"""Suppressions are found by person, and the two who catch up with them find theirs alone.

Revision ID: 0022
Revises: 0021

    by person     at each word of consent, and at each new identifier (trigger of 0019)
    unwritten     the warehouse lacks them; features may lag behind by minutes
    unfollowed    the features lack them
"""

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE INDEX ix_suppressions__tenant_id_subject_id ON suppressions (tenant_id, subject_id);
        CREATE INDEX ix_suppressions__unwritten ON suppressions (tenant_id)
            WHERE written_revision < revision;
        CREATE INDEX ix_suppressions__unfollowed ON suppressions (tenant_id)
            WHERE followed_revision < written_revision;
        DROP INDEX ix_suppressions__unsettled;
        """
    )

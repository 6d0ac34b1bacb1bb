"""Letters that tell the link to a copy of somebody's data.

Revision ID: 0024
Revises: 0023

    request_letters  get a kind for it
"""

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

CHANGES = """
ALTER TABLE request_letters
    DROP CONSTRAINT ck_request_letters__kind,
    ADD CONSTRAINT ck_request_letters__kind CHECK (kind IN (
        'acknowledgement', 'extension', 'refusal', 'completion', 'lifting', 'export_link', 'note',
        'message'
    ));
"""


def upgrade() -> None:
    op.execute(CHANGES)

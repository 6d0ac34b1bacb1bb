"""What people write with their requests.

Revision ID: 0023
Revises: 0022

    request_letters  get a kind for it
"""

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

CHANGES = """
ALTER TABLE request_letters
    DROP CONSTRAINT ck_request_letters__kind,
    ADD CONSTRAINT ck_request_letters__kind CHECK (kind IN (
        'acknowledgement', 'extension', 'refusal', 'completion', 'lifting', 'note', 'message'
    ));
"""


def upgrade() -> None:
    op.execute(CHANGES)

"""Audiences of Google and TikTok, and recipients that get done after they have accepted.

Revision ID: 0020
Revises: 0019

    recipients         get two kinds
    recipient_notices  keep the recipient's own id of what it accepted
"""

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

CHANGES = """
ALTER TABLE recipients
    DROP CONSTRAINT ck_recipients__kind,
    ADD CONSTRAINT ck_recipients__kind
        CHECK (kind IN ('webhook', 'email', 'klaviyo', 'hubspot', 'ga4', 'meta_audience',
            'google_audience', 'tiktok_audience'));

ALTER TABLE recipient_notices ADD COLUMN receipt TEXT;
"""


def upgrade() -> None:
    op.execute(CHANGES)

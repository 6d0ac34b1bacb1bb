"""An alert of clients that may not have our help with a person's request in time.

Revision ID: 0026
Revises: 0025
"""

from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        ALTER TABLE alerts
            DROP CONSTRAINT ck_alerts__kind,
            ADD CONSTRAINT ck_alerts__kind CHECK (kind IN (
                'freshness_predicted_miss', 'freshness_missed', 'sync_failed',
                'credentials_refused', 'credentials_expiring', 'quality_incident',
                'webhook_failed', 'recipient_not_told', 'privacy_message_stuck',
                'request_at_risk', 'help_at_risk', 'request_stuck'))
        """
    )

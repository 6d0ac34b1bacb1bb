"""Models that are not trained anew in time after an erasure: an alert, and a door to find them.

Revision ID: 0033
Revises: 0032
"""

from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

# Which agencies have a model to be trained anew, and by when; not which.
DOOR = """
CREATE POLICY door_agencies_with_marked_models ON model_erasures FOR SELECT TO bosco_door
    USING (retrained_at IS NULL);
GRANT SELECT (tenant_id, retrain_by, retrained_at) ON model_erasures TO bosco_door;
"""


def upgrade() -> None:
    op.execute(
        """
        ALTER TABLE alerts
            DROP CONSTRAINT ck_alerts__kind,
            ADD CONSTRAINT ck_alerts__kind CHECK (kind IN (
                'freshness_predicted_miss', 'freshness_missed', 'sync_failed',
                'credentials_refused', 'credentials_expiring', 'quality_incident',
                'webhook_failed', 'recipient_not_told', 'privacy_message_stuck',
                'request_at_risk', 'help_at_risk', 'request_stuck', 'features_late',
                'features_unusual', 'features_drifted', 'features_differ',
                'model_not_retrained'))
        """
    )
    op.execute(DOOR)

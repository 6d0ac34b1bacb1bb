"""Forecasts of accounts, and the currency that a forecast is in.

Revision ID: 0029
Revises: 0028
"""

from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE made_forecasts ADD COLUMN currency TEXT")
    op.execute("ALTER TABLE made_forecasts DROP CONSTRAINT ck_made_forecasts__level")
    op.execute(
        "ALTER TABLE made_forecasts ADD CONSTRAINT ck_made_forecasts__level"
        " CHECK (level IN ('client', 'account', 'channel', 'campaign'))"
    )

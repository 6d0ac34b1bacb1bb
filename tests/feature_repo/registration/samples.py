"""The file of docs/features.md: what a newcomer copies is what is tested."""

import datetime as dt
import re
from pathlib import Path

from feature_repo.registration.definition import Definition
from feature_repo.registration.definition_file import read_definition
from tenancy.tables import FeatureDefinition

__all__ = ["BRAND", "CAMPAIGN_FILE", "brand", "registered_row"]

_DOCS = Path(__file__).resolve().parents[3] / "docs" / "features.md"
_BLOCK = re.compile(r"```yaml\n(view: brand_pulse\n.*?)```", re.DOTALL)

BRAND = _BLOCK.findall(_DOCS.read_text(encoding="utf-8"))[0]

CAMPAIGN_FILE = """
view: campaign_clicks
version: 1
description: How often a campaign was clicked.
owner: ada
entity: campaign
keys: [a_tenant_id, campaign_key]
ttl_hours: 72
freshness_hours: 26
personal_data: aggregate_figures
facts: {ads_daily: [clicks, impressions]}
features:
  - {name: clicked_14d, description: Clicks., unit: count, total: ads_daily.clicks, days: [1, 14]}
  - {name: seen_14d, description: Views., unit: count, total: ads_daily.impressions, days: [1, 14]}
  - {name: clicked_rate, description: Rate., unit: ratio, quotient: {of: clicked_14d, by: seen_14d}}
  - {name: days_with_rows, description: Days., unit: days, days_reported: ads_daily, days: [1, 28]}
  - {name: days_since_click, description: Days., unit: days, days_since: ads_daily.clicks}
tests:
  - name: Only the campaign that is asked for counts.
    as_of: 2026-03-15T12:00:00+01:00
    id: c1
    facts:
      ads_daily:
        - {reporting_date: 2026-03-12, campaign_id: c1, clicks: 3, impressions: 10}
        - {reporting_date: 2026-03-11, campaign_id: c2, clicks: 70, impressions: 100}
    expect: {clicked_14d: 3, clicked_rate: 0.3, days_with_rows: 1, days_since_click: 3}
"""


def brand(*changes: tuple[str, str]) -> Definition:
    """The file with some texts replaced, each of which must be there."""
    text = BRAND
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    return read_definition(text, "brand_pulse.yaml")


def registered_row(name: str, owner: str, now: dt.datetime) -> FeatureDefinition:
    """The file as an agency's registered view of another name, not filled yet."""
    text = BRAND.replace("view: brand_pulse", f"view: {name}")
    return FeatureDefinition(
        view=f"{name}_v1",
        name=name,
        version=1,
        definition=text.replace("team data science", owner),
        applied_at=now,
        clients=0,
        clients_filled=0,
        entities_filled=0,
        filled_at=None,
        retires_at=None,
        successor="",
    )

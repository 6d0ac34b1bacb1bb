"""Source files of platforms that exist only here: one report a day, in pages.

name + quotas -> YAML -> the product's own reader -> SourceSpec
"""

from typing import Final

from ingestion.connector.source_file import read_source
from ingestion.connector.spec import SourceSpec

__all__ = ["make_source", "source_text"]

STREAM: Final = "campaign_day"
_TEXT: Final = """
source: {name}
name: {label}
evidence: {{kind: documentation, from: "this folder", checked: "2026-11-20"}}
api: {{version: "v1", sunset: "2099-01-01", base_url: "http://{name}.invalid"}}
account: {{label: account id, pattern: "[0-9a-z-]+", example: "acme-1"}}
auth: {{kind: header, name: X-App, value: $app.key}}
budgets: [{budgets}]
throttled_when: [{{when: {{status: 429}}}}]
error_texts: {{code: [code], message: [message], request_id: [request_id]}}
check: {{request: {{method: GET, path: /me}}, records: ".", fields: {{}}}}
streams:
  campaign_day:
    fact: ads_daily
    request: {{method: GET, path: "/{{account}}/report", query: {{from: "{{from}}", to: "{{to}}"}}}}
    records: "rows[]"
    slice: {{by: date, days: 30}}
    restates: {{days: 1, because: "what is asked once the data is ready stays as it is"}}
    page: {{kind: token, token: next, to: query.page}}
    key: [campaign_id, date]
    fields:
      date: {{from: date, type: date, required: true}}
      campaign_id: {{from: campaign, type: string, required: true}}
      cost: {{from: cost, type: money, unit: micros}}
      clicks: {{from: clicks, type: int}}
    map:
      reporting_date: date
      channel: {{constant: other}}
      campaign_id: campaign_id
      spend: cost
      clicks: clicks
      currency: $account.currency
      time_zone: $account.time_zone
"""


def source_text(name: str, *budgets: str) -> str:
    """A source file.

    Args:
        name: Of the source, in lower case.
        budgets: Each as in a source file, without its braces.
    """
    return _TEXT.format(
        name=name, label=name.capitalize(), budgets=", ".join(f"{{{line}}}" for line in budgets)
    )


def make_source(name: str, *budgets: str) -> SourceSpec:
    """The source that `source_text` describes."""
    return read_source(source_text(name, *budgets), f"{name}.yaml")

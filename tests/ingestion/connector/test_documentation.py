"""Source files told to people: every part of one, and the page of the product's own."""

from pathlib import Path

from ingestion.connector.documentation import describe_source, describe_sources
from ingestion.connector.source_file import load_all_sources
from tests.ingestion.connector.harness import platform

DESCRIBED = """\
## Described Ads

| Source | `described` |
| --- | --- |
| API | v2, known to answer until 2099-01-01 |
| Address | `https://api.example.com/{version}`; admin: `https://admin.example.com` |
| Account | account id, for example `42` |
| Signs in with | an OAuth 2.0 refresh token, with `read`, `list` |
| A day can be read | from 05:30 of the next one: reports lag |
| Quotas | `points` of the account, as answers tell; `calls` of the app, 1,200 calls a minute; \
`failures` of all of us, 5 server errors an hour |
| Checked | 2026-11-20, documentation: example.com/docs |

### ad_day → ads_daily

- Asks `POST /reports/{account}` for one day at a time; numbered pages, at most 1,000 records \
each, whole when `count` have come, fewer days where there could be 9,000 or more.
- Only records count whose `test` is `false`.
- 3 days are read again: clicks are checked.
- A row is named by `id`, `date`.
- `attribution` is `described:1d:sales` in every row.
- From the account: `currency`, `time_zone`.
- Checked 2026-11-21, live: a test account.

| Field | Path | Type | Column | Remarks |
| --- | --- | --- | --- | --- |
| `date` | `day` | date `%d.%m.%Y` | `reporting_date` | required |
| `id` | `ad.id` | text | `campaign_id` | without `ads/`; personal: `user.unique_id` |
| `kind` | `type` | text | `channel` | `-`, empty: no value; `DONE` where `ended` is |
| `device` | `os`, then `model` | text | `device` | joined by ` / ` |
| `cost` | `cost` | money | `spend` | net \\| with tax; not below 0; less `refunds[].amount` |
| `fee` | `fee` | money in millionths | raw table only |  |
| `views` | `shown.top` + `shown.end` | whole number | raw table only |  |
| `clicks` | `clicks` | whole number | `clicks` | rounded |
| `other` | `one`, or `two` | text | raw table only |  |

- `device` is the word of the first pattern that fits: `a|b` → `mobile`, `.*` → `other`.
- `channel` of `kind`: SEARCH → `paid_search`, empty → `other`, any other → `other`, none → `video`.
- The answer may tell: a sample.

<details><summary>The request</summary>

```json
{
  "days": [
    "{from}",
    "{to}"
  ]
}
```

</details>

### changes → orders

- Asks `GET /orders` for what has changed; one answer is all.
- No day is read again: an order that changes is sent again.
- A row is named by `id`.
- `channel` is `other` in every row.
- `order_status` is `paid` in every row.
- From the account: `currency`, `time_zone`.
- Checked 2026-11-20, as the whole file.

| Field | Path | Type | Column | Remarks |
| --- | --- | --- | --- | --- |
| `id` | `id` | text | `order_id` | required |
| `at` | `at` | instant | `ordered_at` | required |
| `on` | `at` | day of an instant at the account | `reporting_date` | required |
| `total` | `total` | money in the smallest coins | `revenue` |  |
"""
PAGE = Path(__file__).parents[3] / "docs" / "sources.md"


def test_every_part_of_a_source_is_told() -> None:
    assert describe_source(platform("described")) == DESCRIBED


def test_the_page_lists_its_sources_by_name() -> None:
    sources = {source.name: source for source in map(platform, ("described", "ga4"))}
    page = describe_sources(sources.values())
    assert "| [Described Ads](#described-ads) | `described` | v2, until 2099-01-01 |" in page
    assert page.index("## Described Ads") < page.index("## Google Analytics 4")


def test_the_page_is_current() -> None:
    """When it is not: `bosco sources describe > docs/sources.md`."""
    assert PAGE.read_text(encoding="utf-8") == describe_sources(load_all_sources().values())

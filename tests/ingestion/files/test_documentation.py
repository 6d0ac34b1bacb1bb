"""The example of docs/import.md does what it says."""

import datetime as dt
import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

from ingestion.connector.job import Account
from ingestion.files.map_file import read_map
from ingestion.files.read_file import read_file

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "import.md"


def test_example_of_the_guide(write: Callable[[str | bytes], Path]) -> None:
    guide = GUIDE.read_text(encoding="utf-8")
    (sheet,) = re.findall(r"```csv\n(.*?)```", guide, re.DOTALL)
    (text,) = re.findall(r"```yaml\n(.*?)```", guide, re.DOTALL)
    account = Account("media_sheet", {}, "EUR", "Europe/Berlin")
    (page,) = read_file(write(sheet), read_map(text, "media.yaml"), account=account)
    names = ("reporting_date", "channel", "region", "spend", "clicks")
    assert [tuple(row[name] for name in names) for row in page.batch.to_pylist()] == [
        (dt.date(2026, 10, 5), "tv", "Bayern", Decimal("1200.5"), None),
        (dt.date(2026, 10, 5), "paid_search", "Bayern", Decimal(300), 410),
        (dt.date(2026, 10, 12), "paid_search", "Bayern", Decimal("280.25"), 395),
    ]
    assert [(row.row_number, row.field, row.message) for row in page.rejected] == [
        (4, "Suche Klicks", "-3 is less than 0")
    ]
    assert '-3 is less than 0"' in guide

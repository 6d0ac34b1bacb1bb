"""Reading columns out of records, by places in lists too."""

import dataclasses
from typing import Any

import pytest

from ingestion.connector.records import RecordReader, Records
from ingestion.connector.spec import Field, FieldType, StreamSpec
from tests.ingestion.connector.harness import platform


def _reader(*paths: str) -> RecordReader:
    fields = tuple(Field(f"f{n}", (path,), FieldType.STRING) for n, path in enumerate(paths))
    stream: StreamSpec = platform("ga4").streams["traffic_day"]
    return RecordReader(dataclasses.replace(stream, fields=fields))


def _columns(rows: list[Any], *paths: str) -> list[list[Any]]:
    found = _reader(*paths).columns(Records(rows))
    return [found[path] for path in paths]


def test_places_in_lists_are_read_as_columns() -> None:
    rows = [{"cells": [{"value": f"{row}{cell}"} for cell in "abc"]} for row in range(3)]
    assert _columns(rows, "cells[0].value", "cells[2].value", "cells[1]") == [
        ["0a", "1a", "2a"],
        ["0c", "1c", "2c"],
        [{"value": "0b"}, {"value": "1b"}, {"value": "2b"}],
    ]


@pytest.mark.parametrize(
    "strange", [{"cells": [{"value": "x"}]}, {"cells": "xyz"}, {"cells": {"1": "x"}}, {}, None]
)
def test_a_list_that_is_short_or_none_has_no_value_there(strange: Any) -> None:
    rows = [{"cells": [{"value": "a"}, {"value": "b"}]}, strange]
    assert _columns(rows, "cells[1].value", "cells[1]") == [["b", None], [{"value": "b"}, None]]


def test_the_rest_of_a_path_is_walked_from_a_place() -> None:
    rows = [
        {"cells": [{"tags": [{"kind": "x", "value": "1"}, {"kind": "y", "value": "2"}]}]},
        {"cells": [{"tags": [{"kind": "y", "value": "3"}]}]},
        {"cells": []},
    ]
    assert _columns(rows, "cells[0].tags[kind=y].value", "cells[].tags[0].kind") == [
        ["2", "3", None],
        ["x", "y", None],
    ]


def test_nothing_is_unknown_below_a_list_that_is_read() -> None:
    rows = [{"cells": [{"value": "a", "more": 1}], "other": 2}]
    assert _reader("cells[0].value").unknown(Records(rows)) == (["other"], ['{"other":2}'])

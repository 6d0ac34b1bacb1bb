"""Every column of the control plane says what it holds."""

from domain.privacy.held import HeldColumn, Store
from domain.privacy.holds import LINEAGE, STAFF_EMAIL, STAFF_SESSION
from tenancy.tables import Base
from tenancy.tables.held import held_columns

_HELD = {one.place: one for one in held_columns()}


def test_no_column_is_left_out() -> None:
    declared = {str(column) for table in Base.metadata.sorted_tables for column in table.columns}
    assert set(_HELD) == declared


def test_no_column_says_nothing() -> None:
    assert sorted(place for place, one in _HELD.items() if one.holds is None) == []


def test_a_column_speaks_for_itself_before_its_table_does() -> None:
    assert _HELD["users.email"] == HeldColumn(
        Store.POSTGRES, "users", "email", STAFF_EMAIL, path=("id",)
    )
    assert _HELD["browser_sessions.last_seen_at"].holds is STAFF_SESSION
    assert _HELD["browser_sessions.tenant_id"].holds is LINEAGE
    assert _HELD["browser_sessions.user_id"].refers_to == "users.id"

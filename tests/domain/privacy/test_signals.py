"""Signals of consent, each from its own documentation; an encoder of our own for TC strings."""

import base64
import contextlib
import datetime as dt
from collections.abc import Collection

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.privacy.consent import ConsentState
from domain.privacy.purposes import PURPOSES, Purpose
from domain.privacy.signals.consent_mode import read_consent_mode
from domain.privacy.signals.gpc import read_gpc
from domain.privacy.signals.platform_flag import read_platform_flag
from domain.privacy.signals.signal import InvalidSignalError
from domain.privacy.signals.tcf import read_tc_string, signal_of

G, D = ConsentState.GRANTED, ConsentState.DENIED
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
BEFORE = dt.datetime(2026, 2, 28, 23, 59, 59, 900_000, tzinfo=dt.UTC)
AFTER = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
FOUR = ("ad_storage", "analytics_storage", "ad_user_data", "ad_personalization")


def test_consent_mode_grants_what_every_type_grants() -> None:
    signal = read_consent_mode(dict.fromkeys(FOUR, "granted"))
    assert signal.states == {
        Purpose.ANALYTICS: G,
        Purpose.ADVERTISING: G,
        Purpose.PERSONALISATION: G,
    }
    assert signal.normalised == (
        "ad_personalization=granted,ad_storage=granted,ad_user_data=granted,"
        "analytics_storage=granted"
    )


def test_consent_mode_denies_where_one_type_denies_and_is_silent_where_one_is_not_set() -> None:
    assert read_consent_mode({"ad_storage": "granted"}).states == {}
    assert read_consent_mode({"ad_user_data": "denied"}).states == {Purpose.ADVERTISING: D}
    told = read_consent_mode({"ad_storage": "granted", "ad_user_data": "denied"})
    assert (told.source, told.states) == ("consent_mode", {Purpose.ADVERTISING: D})
    assert read_consent_mode({"analytics_storage": "denied"}).states == {Purpose.ANALYTICS: D}


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        ({}, "consent mode names no consent type"),
        ({"gcs": "G100"}, "consent mode names an unknown consent type"),
        ({"ad_storage": "yes"}, "ad_storage is neither granted nor denied"),
    ],
)
def test_consent_mode_refuses(given_: dict[str, str], message: str) -> None:
    with pytest.raises(InvalidSignalError) as refused:
        read_consent_mode(given_)
    assert refused.value.message == message


def test_gpc_objects_to_advertising_and_personalisation_not_to_analytics() -> None:
    signal = read_gpc(" 1 ")
    assert signal.states == {Purpose.ADVERTISING: D, Purpose.PERSONALISATION: D}
    assert (signal.source, signal.normalised) == ("gpc", "1")


@pytest.mark.parametrize("value", ["", "0", "true", "11", "1, 1"])
def test_gpc_knows_one_value(value: str) -> None:
    with pytest.raises(InvalidSignalError, match="Sec-GPC has no other value than 1"):
        read_gpc(value)


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("SUBSCRIBED", G),
        ("granted", G),
        ("UNSUBSCRIBED", D),
        ("REDACTED", D),
        ("denied", D),
        ("PENDING", None),
        ("NOT_SUBSCRIBED", None),
        ("NEVER_SUBSCRIBED", None),
    ],
)
def test_flags_of_platforms(word: str, state: ConsentState | None) -> None:
    signal = read_platform_flag("klaviyo", word, [Purpose.ADVERTISING])
    assert signal.states == ({} if state is None else {Purpose.ADVERTISING: state})
    assert (signal.source, signal.normalised) == ("klaviyo", word.lower())


@pytest.mark.parametrize(
    ("source", "word", "purposes", "message"),
    [
        ("Klaviyo", "granted", [Purpose.ANALYTICS], "a source is a lower-case word"),
        ("klaviyo", "maybe", [Purpose.ANALYTICS], "the flag has an unknown state"),
        ("klaviyo", "granted", [], "the flag is about nothing to consent to"),
        ("klaviyo", "granted", [Purpose.STORAGE], "the flag is about nothing to consent to"),
    ],
)
def test_flags_refuse(source: str, word: str, purposes: list[Purpose], message: str) -> None:
    with pytest.raises(InvalidSignalError, match=message):
        read_platform_flag(source, word, purposes)


class Writer:
    """Puts bits one after the other, as the specification orders them."""

    def __init__(self) -> None:
        self.bits = ""

    def put(self, value: int, width: int) -> "Writer":
        self.bits += format(value, f"0{width}b")
        return self

    def chosen(self, numbers: Collection[int], width: int) -> "Writer":
        self.bits += "".join("1" if n in numbers else "0" for n in range(1, width + 1))
        return self

    def vendors(self, ids: Collection[int], *, ranges: bool) -> "Writer":
        last = max(ids, default=0)
        self.put(last, 16).put(int(ranges), 1)
        if not ranges:
            return self.chosen(ids, last)
        runs: list[list[int]] = []
        for one in sorted(ids):
            if runs and runs[-1][-1] == one - 1:
                runs[-1].append(one)
            else:
                runs.append([one])
        self.put(len(runs), 12)
        for run in runs:
            self.put(int(len(run) > 1), 1).put(run[0], 16)
            if len(run) > 1:
                self.put(run[-1], 16)
        return self

    @property
    def text(self) -> str:
        padded = self.bits + "0" * (-len(self.bits) % 8)
        data = int(padded, 2).to_bytes(len(padded) // 8, "big")
        return base64.urlsafe_b64encode(data).decode().rstrip("=")


def encoded(
    *,
    created: dt.datetime = AFTER,
    purposes: Collection[int] = (),
    vendors: Collection[int] = (),
    disclosed: Collection[int] | None = None,
    ranges: bool = False,
    policy: int = 5,
) -> str:
    tenths = (created - EPOCH) // dt.timedelta(milliseconds=100)
    core = Writer().put(2, 6).put(tenths, 36).put(tenths, 36).put(7, 12).put(1, 12).put(0, 6)
    core.put(0b000011_000100, 12)  # "DE"
    core.put(300, 12).put(policy, 6).put(1, 1).put(0, 1).put(0, 12)
    core.chosen(purposes, 24).put(0, 24).put(0, 1).put(0b000011_000100, 12)
    core.vendors(vendors, ranges=ranges).vendors((), ranges=False).put(0, 12)
    segments = [core.text]
    if disclosed is not None:
        segments.append(Writer().put(1, 3).vendors(disclosed, ranges=ranges).text)
    segments.append(Writer().put(3, 3).put(0, 24 + 24 + 6).text)
    return ".".join(segments)


IDS = st.sets(st.integers(1, 1_500), max_size=30)
CREATED = st.integers(0, 2**36 - 1).map(lambda n: EPOCH + dt.timedelta(milliseconds=100 * n))


@given(CREATED, st.sets(st.integers(1, 24)), IDS, st.none() | IDS, st.booleans())
def test_a_tc_string_is_read_as_it_was_written(
    created: dt.datetime,
    purposes: set[int],
    vendors: set[int],
    disclosed: set[int] | None,
    ranges: bool,  # noqa: FBT001
) -> None:
    text = encoded(
        created=created, purposes=purposes, vendors=vendors, disclosed=disclosed, ranges=ranges
    )
    told = read_tc_string(text)
    assert (told.created, set(told.purposes), set(told.vendors)) == (created, purposes, vendors)
    assert told.disclosed == disclosed
    assert (told.cmp_id, told.vendor_list_version, told.policy_version) == (7, 300, 5)


@given(st.integers(0, 400), st.booleans())
def test_a_string_that_was_cut_short_is_refused_or_says_no_more(
    length: int,
    ranges: bool,  # noqa: FBT001
) -> None:
    whole = encoded(purposes={1, 8}, vendors={3, 4, 9, 90}, ranges=ranges)
    core = whole.split(".")[0]
    try:
        told = read_tc_string(core[:length])
    except InvalidSignalError:
        return
    assert told.vendors == {3, 4, 9, 90}


@given(st.text() | st.text(alphabet="ABCDEFGHIJKLMNOPabcdef0123456789-_.", max_size=300))
def test_anything_else_is_refused_in_words(text: str) -> None:
    with contextlib.suppress(InvalidSignalError):
        read_tc_string(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the TC string was cut short"),
        ("BOEFEAyOEFEAyAHABDENAI4AAAB9vABAASA", "that is no TC string of version 2"),
        ("not a string", "that is no TC string: it is not base64url"),
        ("C" * 20_001, "that is too long for a TC string"),
    ],
)
def test_a_tc_string_that_is_none(text: str, message: str) -> None:
    with pytest.raises(InvalidSignalError) as refused:
        read_tc_string(text)
    assert refused.value.message == message


def test_ranges_lie_within_the_vendors() -> None:
    core = encoded(vendors={5}, ranges=True).split(".")[0]
    bits = "".join(
        format(b, "08b") for b in base64.urlsafe_b64decode(core + "=" * (-len(core) % 4))
    )
    start = 213 + 17 + 12 + 1  # of the core, MaxVendorId and the encoding, entries, not a range
    broken = Writer()
    broken.bits = bits[:start] + format(9, "016b") + bits[start + 16 :]
    with pytest.raises(InvalidSignalError, match="a range of vendors that is none"):
        read_tc_string(broken.text)


def test_a_disclosed_vendor_with_consent_has_what_its_purposes_grant() -> None:
    text = encoded(purposes={1, 8}, vendors={10}, disclosed={10, 20})
    assert signal_of(text, 10).states == {
        Purpose.ANALYTICS: G,
        Purpose.ADVERTISING: D,
        Purpose.PERSONALISATION: D,
    }
    assert signal_of(text, 10).normalised == (
        "vendor=10;purposes=1,8;policy=5;list=300;cmp=7;updated=2026-03-01T00:00:00+00:00"
    )
    assert set(signal_of(text, 20).states.values()) == {D}  # shown, and refused


def test_a_vendor_that_was_not_disclosed_is_refused() -> None:
    text = encoded(purposes=range(1, 12), vendors={10, 30}, disclosed={10})
    with pytest.raises(InvalidSignalError, match="vendor 30 was not disclosed to the person"):
        signal_of(text, 30)


def test_disclosed_vendors_are_mandatory_from_march_2026() -> None:
    with pytest.raises(InvalidSignalError, match="the TC string lacks its disclosed vendors"):
        signal_of(encoded(created=AFTER, vendors={10}), 10)
    old = encoded(created=BEFORE, purposes=range(1, 12), vendors={10}, policy=4)
    assert set(signal_of(old, 10).states.values()) == {G}


def test_disclosed_vendors_come_once() -> None:
    text = encoded(disclosed={1})
    with pytest.raises(InvalidSignalError, match="its disclosed vendors twice"):
        read_tc_string(f"{text}.{text.split('.')[1]}")


def test_every_purpose_but_storage_has_its_words_elsewhere() -> None:
    assert [p for p, terms in PURPOSES.items() if not (terms.tcf and terms.consent_mode)] == [
        Purpose.STORAGE
    ]

"""Each classification says all that the law asks for, in words of fideslang."""

import pytest
from fideslang.default_taxonomy import DEFAULT_TAXONOMY

from domain.privacy import holds
from domain.privacy.classification import Classification, NotPersonal, Reason, SubjectKey
from domain.privacy.holds import CLASSIFICATIONS
from domain.privacy.retention_policies import RETENTION_POLICIES, CountsFrom, RetentionPolicy

_PERSONAL = [one for one in CLASSIFICATIONS.values() if isinstance(one, Classification)]
_CATEGORIES = {one.fides_key for one in DEFAULT_TAXONOMY.data_category}
_USES = {one.fides_key for one in DEFAULT_TAXONOMY.data_use}
_SUBJECTS = {one.fides_key for one in DEFAULT_TAXONOMY.data_subject}


def test_a_name_is_the_constant_in_small_letters_and_stands_for_one() -> None:
    constants = {
        name.lower(): value
        for name, value in vars(holds).items()
        if isinstance(value, Classification | NotPersonal)
    }
    assert constants == CLASSIFICATIONS
    assert {name: one.name for name, one in constants.items()} == {name: name for name in constants}


@pytest.mark.parametrize("one", _PERSONAL, ids=lambda one: one.name)
def test_words_are_those_of_fideslang(one: Classification) -> None:
    assert one.category in _CATEGORIES
    assert one.use in _USES
    assert one.subjects in _SUBJECTS


@pytest.mark.parametrize("one", _PERSONAL, ids=lambda one: one.name)
def test_what_is_about_somebody_says_why_for_whom_and_how_long(one: Classification) -> None:
    assert one.purpose.endswith(".")
    assert one.retention in RETENTION_POLICIES
    assert one.recipients
    assert len(set(one.recipients)) == len(one.recipients)
    assert bool(one.no_key_because) == (one.key is SubjectKey.NOBODY)


def test_what_is_about_nobody_by_a_judgement_says_what_was_considered() -> None:
    silent = {
        one.name
        for one in CLASSIFICATIONS.values()
        if isinstance(one, NotPersonal) and not one.note
    }
    # Here the reason says all: no text of others is in them.
    assert silent == {
        "aggregate_figures",
        "canonical_word",
        "configuration",
        "lineage",
        "sealed_secret",
    }
    assert CLASSIFICATIONS["search_term"] == NotPersonal(
        "search_term",
        Reason.AGGREGATE,
        "the platform withholds terms that few people searched for, and never says who did",
    )


@pytest.mark.parametrize("policy", RETENTION_POLICIES.values(), ids=lambda one: one.name)
def test_a_policy_ends_by_days_or_by_a_named_event(policy: RetentionPolicy) -> None:
    assert (policy.days is None) == bool(policy.ends)
    assert policy.days is None or 1 <= policy.days <= 1_095
    assert policy.why.endswith(".")


def test_the_days_are_those_that_the_officer_was_told() -> None:
    assert {name: policy.days for name, policy in RETENTION_POLICIES.items()} == {
        "shop_people": 1_095,
        "landed": 400,
        "forecast": 400,
        "quarantine": 90,
        "staff_account": 365,
        "staff_word": None,
        "signed_in": 30,
        "one_day_after": 1,
        "approval": 1_095,
        "pending_consent": 90,
        "alert": 365,
        "alert_channel": 30,
        "audit_trail": None,
        "request_claim": 30,
        "request_record": 1_095,
        "person_export": 30,
        "person": None,
        "tombstone": None,
        "cached": 1,
        "counted_call": 1,
        "log": 30,
        "job": 30,
        "export": None,
    }
    assert RETENTION_POLICIES["shop_people"].counts_from is CountsFrom.REPORTING_DATE
    assert RETENTION_POLICIES["quarantine"].counts_from is CountsFrom.WRITTEN

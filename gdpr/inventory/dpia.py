"""Whether a data protection impact assessment is due: rules over the inventory.

    Inventory + extent (how many people, from how many sources) -> assess -> one Finding a rule

A rule finds evidence or none. An assessment is due when article 35(3) says so, when two criteria of
WP 248 are met, or when something is there that the last assessment did not know (`ASSESSED`): a
change of the code that brings a new category, recipient or use shows here before it is released.

Sources: GDPR article 35(3); Article 29 Working Party, WP 248 rev.01, section III.B (nine criteria;
two of them make an assessment likely to be due), endorsed by the EDPB on 25 May 2018.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from domain.privacy.classification import Recipient
from domain.privacy.held import Store
from gdpr.inventory.collect import Inventory

__all__ = ["LARGE_SCALE", "Assessment", "Extent", "Finding", "assess"]

# Neither the law nor WP 248 names a figure; this one is ours.
LARGE_SCALE: Final = 10_000
_TWO: Final = 2

# What the last assessment knew: `tests/gdpr/inventory` holds it against the inventory.
ASSESSED_CATEGORIES: Final = frozenset(
    {
        "user",
        "user.account",
        "user.account.settings",
        "user.authorization",
        "user.authorization.credentials",
        "user.authorization.password",
        "user.behavior.purchase_history",
        "user.contact",
        "user.contact.address.country",
        "user.contact.email",
        "user.content.private",
        "user.device",
        "user.name",
        "user.privacy_preferences",
        "user.unique_id",
        "user.unique_id.pseudonymous",
    }
)
ASSESSED_USES: Final = frozenset(
    {
        "analytics.reporting.campaign_insights",
        "essential.legal_obligation",
        "essential.service.authentication",
        "essential.service.notifications",
        "essential.service.operations",
        "essential.service.security",
    }
)
ASSESSED_RECIPIENTS: Final = frozenset(
    {
        Recipient.AGENCY,
        Recipient.AUTHORITY,
        Recipient.CHANNELS,
        Recipient.CLIENT,
        Recipient.OPERATOR,
        Recipient.PROGRAMS,
    }
)

# Articles 9(1) and 10, in words of fideslang.
_SPECIAL: Final = (
    "user.biometric",
    "user.criminal_history",
    "user.demographic.political_opinion",
    "user.demographic.race_ethnicity",
    "user.demographic.religious_belief",
    "user.demographic.sexual_orientation",
    "user.health_and_medical",
)
_WATCHING: Final = (
    "user.behavior.browsing_history",
    "user.location.precise",
    "user.sensor",
    "user.telemetry",
)
_PROFILING: Final = ("marketing.advertising.profiling", "personalize.profiling", "train_ai_system")
_DECIDING: Final = ("personalize.content.profiled", "essential.fraud_detection")


@dataclass(frozen=True, slots=True)
class Extent:
    """How much there is of an agency's.

    Attributes:
        people: In the data of all clients.
        most_sources: That name people, at the client with the most of them.
    """

    people: int
    most_sources: int


@dataclass(frozen=True, slots=True)
class Finding:
    """What one rule found.

    Attributes:
        rule: Snake case.
        source: Where the law or the guidance says so.
        question: In words for people.
        evidence: Empty: the answer is no.
    """

    rule: str
    source: str
    question: str
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Assessment:
    """What all rules found."""

    findings: tuple[Finding, ...]

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why an assessment is due; empty: it is not."""
        met = [one for one in self.findings if one.evidence]
        reasons = [f"{one.source}: {one.rule}" for one in met if one.source != _WP248]
        criteria = [one.rule for one in met if one.source == _WP248]
        if len(criteria) >= _TWO:
            reasons.append(f"{_WP248}: {', '.join(criteria)}")
        return tuple(reasons)


_WP248: Final = "WP 248"
_LAW: Final = "article 35(3)(b)"
_CHANGE: Final = "article 35(11)"

_Rule = Callable[[Inventory, Extent], Iterable[str]]


def assess(inventory: Inventory, extent: Extent) -> Assessment:
    """Ask every rule."""
    return Assessment(
        tuple(
            Finding(name, source, question, tuple(sorted(set(rule(inventory, extent)))))
            for name, source, question, rule in _RULES
        )
    )


def _categories(*heads: str) -> _Rule:
    """Categories that are one of these or below it."""
    return lambda inventory, _: (
        what.category
        for _, what in inventory.personal
        if any(what.category == head or what.category.startswith(f"{head}.") for head in heads)
    )


def _uses(*uses: str) -> _Rule:
    return lambda inventory, _: (
        what.use for _, what in inventory.personal if what.use.startswith(uses)
    )


def _modelled(inventory: Inventory, _: Extent) -> Iterable[str]:
    """Features and models that hold something of people score them."""
    return (
        one.place for one, _ in inventory.personal if one.store in (Store.FEATURES, Store.MODELS)
    )


def _scored(inventory: Inventory, extent: Extent) -> Iterable[str]:
    return [*_uses(*_PROFILING)(inventory, extent), *_modelled(inventory, extent)]


def _special_and_large(inventory: Inventory, extent: Extent) -> Iterable[str]:
    return _categories(*_SPECIAL)(inventory, extent) if extent.people >= LARGE_SCALE else ()


def _many(_: Inventory, extent: Extent) -> Iterable[str]:
    return [f"{extent.people:,} people"] if extent.people >= LARGE_SCALE else ()


def _combined(_: Inventory, extent: Extent) -> Iterable[str]:
    if extent.most_sources < _TWO:
        return ()
    return [f"one client's people are known from {extent.most_sources} sources"]


def _vulnerable(inventory: Inventory, _: Extent) -> Iterable[str]:
    """Employees cannot easily refuse their employer (WP 248, criterion 7)."""
    watched = {"Tell who did what."}
    return (what.subjects for _, what in inventory.personal if what.purpose in watched)


def _new_categories(inventory: Inventory, _: Extent) -> Iterable[str]:
    return {what.category for _, what in inventory.personal} - ASSESSED_CATEGORIES


def _new_uses(inventory: Inventory, _: Extent) -> Iterable[str]:
    return {what.use for _, what in inventory.personal} - ASSESSED_USES


def _new_recipients(inventory: Inventory, _: Extent) -> Iterable[str]:
    told = {to for _, what in inventory.personal for to in what.recipients}
    return {to.value for to in told - ASSESSED_RECIPIENTS}


_RULES: Final[tuple[tuple[str, str, str, _Rule], ...]] = (
    ("special_large_scale", _LAW, "Special categories on a large scale?", _special_and_large),
    ("evaluation_or_scoring", _WP248, "Are people evaluated, scored or profiled?", _scored),
    ("automated_decisions", _WP248, "Do programs decide about people?", _uses(*_DECIDING)),
    ("systematic_monitoring", _WP248, "Are people watched?", _categories(*_WATCHING)),
    ("sensitive_data", _WP248, "Special categories or convictions?", _categories(*_SPECIAL)),
    ("large_scale", _WP248, f"At least {LARGE_SCALE:,} people?", _many),
    ("combined_data", _WP248, "Is data of several sources matched?", _combined),
    (
        "vulnerable_people",
        _WP248,
        "People who cannot easily refuse?",
        _vulnerable,
    ),
    ("children", _WP248, "Data of children?", _categories("user.childrens")),
    ("new_category", _CHANGE, "A category that was not assessed?", _new_categories),
    ("new_use", _CHANGE, "A use that was not assessed?", _new_uses),
    ("new_recipient", _CHANGE, "A recipient that was not assessed?", _new_recipients),
)

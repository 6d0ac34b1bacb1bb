"""What erasing people comes to, over every store, before anything is done.

    declared tables + stores -> steps, each with its treatments and what it follows -> order
    -> Plan (and the hash that a certificate names)

Pure. What stays is written down with its reason, like what goes. A step comes after everything that
could bring back what it takes away: late data is turned away first, copies are changed after what
they are made from, and identifiers are forgotten when nothing is left to look for with them.

Sources: GDPR articles 17(1), 17(3)(b), 17(3)(e), 19 and recital 26.
Decision: ADR-0027.
"""

import enum
import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from domain.errors import InternalError, Terminal
from domain.facts.fact import Erased
from domain.facts.tables import SUPPRESSED, Table
from domain.privacy.canonical_json import canonical_json
from domain.privacy.evidence import Treatment, TreatmentAction
from gdpr.erasure.erasable import Erasable

__all__ = ["CHANGES", "Plan", "PlanError", "Step", "StepKind", "build_plan", "step_of_table"]

_SUMS: Final = (
    "sums of money stay, without the person: the client's accounts rest on them, and nobody is"
    " named any more (GDPR 17(3)(b), recital 26)"
)
_CUTS: Final = {
    Erased.SURROGATE: "gets a keyed surrogate",
    Erased.CLEARED: "is emptied",
    Erased.DAY: "keeps its day only",
}


class PlanError(InternalError, Terminal):
    """Steps of a plan do not come one after the other (our bug)."""

    code = "ERASURE_PLAN"


class StepKind(enum.Enum):
    """What a step does."""

    TOMBSTONES = "tombstones"
    FIND = "find"
    LANDING = "landing"
    TABLE = "table"
    QUARANTINE = "quarantine"
    VERSIONS = "versions"
    ANSWERS = "answers"
    FEATURES = "features"
    RECORDS = "records"
    RECIPIENTS = "recipients"
    RESCAN = "rescan"
    SHRED = "shred"
    IDENTITY = "identity"  # stays, for the rest
    FORGET = "forget"
    ACCOUNT = "account"  # of one of the agency's own people


# Kinds that change something of people, and count it.
CHANGES: Final = frozenset({StepKind.LANDING, StepKind.TABLE, StepKind.QUARANTINE, StepKind.SHRED})


@dataclass(frozen=True, slots=True)
class Step:
    """One step.

    Attributes:
        name: Unique in the plan; of a table its qualified name.
        treatments: What becomes of which place; may be none.
        after: Names of the steps that have to be done before.
    """

    name: str
    kind: StepKind
    treatments: tuple[Treatment, ...] = ()
    after: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps in the order in which they are carried out.

    Attributes:
        held: Categories of data that legal holds keep, in order.
    """

    steps: tuple[Step, ...]
    held: tuple[str, ...] = ()

    @property
    def treatments(self) -> tuple[Treatment, ...]:
        """What becomes of every place."""
        return tuple(one for step in self.steps for one in step.treatments)

    @property
    def hash(self) -> str:
        """SHA-256 of the plan's JSON in its one form, hexadecimal."""
        return hashlib.sha256(canonical_json(self.to_json())).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """The plan as it is kept and shown."""
        return {
            "held": list(self.held),
            "steps": [
                {
                    "name": step.name,
                    "kind": step.kind.value,
                    "after": list(step.after),
                    "treatments": [
                        {
                            "store": one.store,
                            "place": one.place,
                            "action": one.action.value,
                            "reason": one.reason,
                        }
                        for one in step.treatments
                    ],
                }
                for step in self.steps
            ],
        }


def build_plan(
    erasables: Sequence[Erasable],
    kept: Mapping[str, Treatment] = {},
    held: Collection[str] = (),
) -> Plan:
    """The plan for any people at all: whom it finds where is for the run to see.

    Args:
        erasables: Every table of the warehouse that is about people.
        kept: By place: what PostgreSQL holds of people, and what becomes of it.
        held: Categories of data that legal holds keep: rows of these stay as they are, and so does
            what names the people, for by it they are found when the holds have ended.

    Raises:
        PlanError: Steps wait for each other, or for one that is not there (our bug).
    """
    raw, facts, marts = (
        [one for one in erasables if one.table.schema == schema and one.table.tells_of not in held]
        for schema in ("raw", "facts", "marts")
    )
    stays = [_held(one.table) for one in erasables if one.table.tells_of in held]
    tables = [
        *(step_of_table(one, after=("landing",)) for one in raw),
        *(step_of_table(one, after=_names(raw)) for one in facts),
        *(step_of_table(one, after=(f"facts.{one.table.name}",)) for one in marts),
    ]
    steps = [
        Step("tombstones", StepKind.TOMBSTONES, (_TOMBSTONES,)),
        Step("find", StepKind.FIND, (), ("tombstones",)),
        Step("landing", StepKind.LANDING, (_LANDING,), ("find",)),
        *tables,
        Step("quarantine", StepKind.QUARANTINE, (_QUARANTINE,), ("find",)),
        Step("versions", StepKind.VERSIONS, (), _names([*facts, *marts])),
        Step("answers", StepKind.ANSWERS, (_ANSWERS,), ("versions",)),
        Step("features", StepKind.FEATURES, (_FEATURES,), ("versions",)),
        Step("records", StepKind.RECORDS, (*_RECORDS, *kept.values(), *stays), ("features",)),
        Step("recipients", StepKind.RECIPIENTS, (_RECIPIENTS,), ("find",)),
    ]
    changes = tuple(step.name for step in steps if step.kind is not StepKind.FIND)
    steps.append(Step("rescan", StepKind.RESCAN, (), changes))
    if held:
        stays_known = (_held_identity(held), _UNREAD)
        last = Step("identity", StepKind.IDENTITY, stays_known, ("rescan", "recipients"))
    else:
        last = Step("shred", StepKind.SHRED, (_IDENTITY, _LISTED), ("rescan", "recipients"))
    steps += [last, Step("forget", StepKind.FORGET, (_TARGETS,), ("rescan", last.name))]
    return Plan(tuple(_ordered(steps)), tuple(sorted(held)))


def step_of_table(erasable: Erasable, *, after: tuple[str, ...]) -> Step:
    """What is done to a table of the warehouse."""
    name = erasable.table.qualified
    if not erasable.table.outlives_person:
        return Step(
            name, StepKind.TABLE, (Treatment("warehouse", name, TreatmentAction.DELETE),), after
        )
    cuts = "; ".join(
        f"{', '.join(columns)} {what}"
        for erased, what in _CUTS.items()
        if (columns := [c.name for c in erasable.table.columns if c.erased is erased])
    )
    treatment = Treatment("warehouse", name, TreatmentAction.ANONYMISE, f"{_SUMS}; {cuts}")
    return Step(name, StepKind.TABLE, (treatment,), after)


def _held(table: Table) -> Treatment:
    reason = f"a legal hold over {table.tells_of} keeps it until the hold ends (GDPR 17(3))"
    return Treatment("warehouse", table.qualified, TreatmentAction.KEEP, reason)


def _held_identity(held: Collection[str]) -> Treatment:
    reason = (
        f"what a legal hold over {', '.join(sorted(held))} keeps is found by it, to be erased when"
        " the hold ends (GDPR 17(3))"
    )
    return Treatment("postgres", "subjects", TreatmentAction.KEEP, reason)


def _names(erasables: Iterable[Erasable]) -> tuple[str, ...]:
    return tuple(one.table.qualified for one in erasables)


def _ordered(steps: Sequence[Step]) -> list[Step]:
    """Each step after those that it follows; otherwise as given."""
    waiting, done = list(steps), dict[str, Step]()
    while waiting:
        ready = next((s for s in waiting if all(name in done for name in s.after)), None)
        if ready is None:
            raise PlanError(f"step {waiting[0].name} waits for what does not come")
        waiting.remove(ready)
        if ready.name in done:
            raise PlanError(f"step {ready.name} stands twice in the plan")
        done[ready.name] = ready
    return list(done.values())


_TOMBSTONES: Final = Treatment(
    "postgres",
    "tombstones",
    TreatmentAction.KEEP,
    "keyed pseudonyms of the erased turn late data away, and nobody is found by them"
    " (GDPR 17(1), 5(2)); kept while data may come back",
)
_LANDING: Final = Treatment(
    "landing",
    "objects",
    TreatmentAction.ANONYMISE,
    "objects that hold the person are written anew, the old ones go; rows that others rest on, or"
    " that a legal hold keeps, stay as in the tables made from them",
)
_QUARANTINE: Final = Treatment(
    "postgres",
    "quarantined_rows",
    TreatmentAction.DELETE,
    "what the platform sent is emptied and the row is closed: it stays counted",
)
_ANSWERS: Final = Treatment("redis", "answer", TreatmentAction.DELETE)
_FEATURES: Final = Treatment(
    "features",
    "client_performance",
    TreatmentAction.ANONYMISE,
    "figures over all people of a client are computed anew; no feature is about one person",
)
_RECORDS: Final = (
    Treatment("exports", "person_exports", TreatmentAction.SHRED),
    Treatment(
        "exports",
        "audit exports",
        TreatmentAction.KEEP,
        "they hold pseudonyms, and prove what was done (GDPR 5(2), 17(3)(e))",
    ),
    Treatment(
        "models",
        "all",
        TreatmentAction.RETRAIN,
        "models are trained on sums by day, never on rows of people; versions that saw sums of this"
        " agency before are made anew by the day that is told, and then deleted",
    ),
)
_RECIPIENTS: Final = Treatment(
    "recipients",
    "notices",
    TreatmentAction.KEEP,
    "each recipient is told to erase, and its answer kept (GDPR 17(2), 19)",
)
_IDENTITY: Final = Treatment("postgres", "subjects", TreatmentAction.SHRED)
_LISTED: Final = Treatment("warehouse", SUPPRESSED.qualified, TreatmentAction.DELETE)
_UNREAD: Final = Treatment(
    "warehouse",
    SUPPRESSED.qualified,
    TreatmentAction.KEEP,
    "what stays of the person is not read while they restrict, object or withdraw (GDPR 18, 21)",
)
_TARGETS: Final = Treatment("warehouse", "privacy.targets", TreatmentAction.DELETE)

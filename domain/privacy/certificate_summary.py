"""A certificate in ten lines, for people.

    VerifiedCertificate (+ its place in the audit trail) -> lines

Decision: ADR-0030.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, Final

from domain.privacy.certificate_trail import TrailVerdict
from domain.privacy.verify_certificate import VerifiedCertificate

__all__ = ["explain", "summarise"]

_NOTHING: Final = "nothing"
_WHAT_IS_LEFT: Final = {
    "time_travel": "time travel",
    "fail_safe": "fail-safe",
    "backups": "backups",
    "object_versions": "versions of objects",
}
_WHEN_SEARCHED: Final = {
    "erasure": "after erasure",
    "ingest": "after next ingest",
    "materialisation": "after next materialisation",
    "time_travel": "after time travel",
}
_STAYS: Final = {"anonymise": "without the person", "retrain": "made anew", "keep": "kept"}
_DONE_TO: Final = {"rows": "", "objects": " rewritten", "keys": "", "entities": ""}


def summarise(certificate: VerifiedCertificate, trail: TrailVerdict | None = None) -> list[str]:
    """What a certificate says, one line for each matter.

    Args:
        certificate: Checked.
        trail: Where it stands in an audit trail; None: it was not held against one.
    """
    said = certificate.statement
    models = {"models": _models(said["models"])} if "models" in said else {}
    lines = {
        "request": _request(said["request"], said["agency"]),
        "subject": f"{said['subject']} (pseudonym; no personal data in this file)",
        "erased": _erased(said["erased"]),
        "stays": _stays(said["plan"]["treatments"]),
        "told": _told(said["recipients"]),
        "remains": _remains(said["residuals"]),
        **models,
        "rescans": _rescans(said["rescans"]),
        "certificate": _place(said["certificate"]),
        "chain": f"{_chain(said['auditTrail'], trail)} · signature valid"
        f" (Ed25519, key {certificate.key_id})",
    }
    return [f"{name:<11} {text}" for name, text in lines.items()]


def explain(certificate: VerifiedCertificate) -> list[str]:
    """Why something stays, one line for each reason: where, and why."""
    treatments = certificate.statement["plan"]["treatments"]
    reasons = sorted((one["reason"], f"{one['store']} {one['place']}") for one in treatments)
    grouped = groupby((one for one in reasons if one[0]), key=lambda one: one[0])
    return [f"{', '.join(place for _, place in places)}: {why}" for why, places in grouped]


def _request(request: Mapping[str, Any], agency: str) -> str:
    text = f"{request['right']} {request['id']}, received {_minute(request['receivedAt'])}"
    text += f", agency {agency}, due {_day(request['dueAt'])}"
    if request["closedAt"] is None:
        return f"{text}, not closed yet"
    text += f", closed {_day(request['closedAt'])}: {request['outcome'].replace('_', ' ')}"
    if request["countersignedBy"]:
        text += f" (countersigned by {request['countersignedBy']})"
    return text


def _erased(counts: Sequence[Mapping[str, Any]]) -> str:
    stores = {one["store"]: [] for one in counts}  # type: dict[str, list[Mapping[str, Any]]]
    for one in counts:
        stores[one["store"]].append(one)
    return " · ".join(_of_store(store, found) for store, found in stores.items()) or _NOTHING


def _of_store(store: str, counts: Sequence[Mapping[str, Any]]) -> str:
    units = {one["unit"]: 0 for one in counts}
    for one in counts:
        units[one["unit"]] += one["count"]
    text = ", ".join(f"{count:,} {unit}{_DONE_TO[unit]}" for unit, count in units.items())
    if len(counts) > 1:
        text += f" in {len(counts):,} places"
    jobs = {job for one in counts for job in one["operations"]}
    if jobs:
        text += f" ({len(jobs):,} {'job' if len(jobs) == 1 else 'jobs'})"
    return f"{store} {text}"


def _stays(treatments: Iterable[Mapping[str, Any]]) -> str:
    counts = Counter(one["action"] for one in treatments)
    told = (
        f"{_places(counts[action])} {what}" for action, what in _STAYS.items() if counts[action]
    )
    return " · ".join(told) or _NOTHING


def _places(count: int) -> str:
    return "1 place" if count == 1 else f"{count:,} places"


def _told(recipients: Iterable[Mapping[str, Any]]) -> str:
    answers: dict[str, list[str]] = {}
    for one in recipients:
        answer = one["answer"]
        if one["nextTryAt"] is not None:
            answer += f", retry {_day(one['nextTryAt'])}"
        answers.setdefault(answer, []).append(one["recipient"])
    told = (f"{', '.join(names)}: {answer}" for answer, names in answers.items())
    return " · ".join(told) or "nobody had the data from here"


def _remains(residuals: Iterable[Mapping[str, Any]]) -> str:
    told = []
    for one in residuals:
        note = f" ({one['note']})" if one["note"] else ""
        kind = _WHAT_IS_LEFT[one["kind"]]
        told.append(f"{one['store']} {kind} until {_day(one['endsAt'])}{note}")
    return " · ".join(told) or _NOTHING


def _models(models: Iterable[Mapping[str, Any]]) -> str:
    groups: dict[str, list[str]] = {}
    for one in models:
        until = f"to be retrained until {_day(one['retrainBy'])}"
        done = one["retrainedAt"]
        what = until if done is None else f"retrained on {_day(done)}"
        groups.setdefault(what, []).append(f"{one['kind']} {one['version']}")
    return " · ".join(f"{len(names)} {what} ({', '.join(names)})" for what, names in groups.items())


def _rescans(rescans: Iterable[Mapping[str, Any]]) -> str:
    told = []
    for one in rescans:
        moment = _WHEN_SEARCHED[one["moment"]]
        if one["doneAt"] is not None:
            told.append(f"{moment} {one['found']:,} found")
        elif one["dueAt"] is not None:
            told.append(f"{moment}: due {_day(one['dueAt'])}")
        else:
            told.append(f"{moment}: to come")
    return " · ".join(told) or "none"


def _place(place: Mapping[str, Any]) -> str:
    text = f"{place['number']:,} of the agency, revision {place['revision']:,} for this request"
    return f"{text}, made {_minute(place['issuedAt'])}"


def _chain(end: Mapping[str, Any], trail: TrailVerdict | None) -> str:
    if trail is None:
        return f"after entry {end['sequence']:,} of the agency's audit trail"
    return f"entry {trail.sequence:,} of {trail.length:,}"


def _minute(instant: str) -> str:
    return f"{instant[:10]} {instant[11:16]} UTC"


def _day(instant: str) -> str:
    return instant[:10]

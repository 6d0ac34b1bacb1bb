"""The sentences of a message, the same on every channel.

    Bulletin -> headline, lead, sections, footer (plain texts) -> mail | slack | payload

The first line says what is wrong, for whom, by when and what to do. Names and details come from
strangers: they are cut to one printable line here, and escaped by whoever puts them into a markup.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Final

from api.alerts.bulletin import Bulletin, Entry, Group
from tenancy.tables import NoticePhase

__all__ = ["Section", "footer", "headline", "lead", "plain", "sections"]

_NAMED: Final = 2
_SHOWN_GROUPS: Final = 8
_SHOWN_ENTRIES: Final = 12
_LONGEST: Final = 300

_BEGIN: Final = {
    NoticePhase.OPENED: "",
    NoticePhase.REMINDER: "Still: ",
    NoticePhase.CLEARED: "Over: ",
}
_LABEL: Final = {NoticePhase.OPENED: "", NoticePhase.REMINDER: "STILL ", NoticePhase.CLEARED: ""}


@dataclass(frozen=True, slots=True)
class Section:
    """A group of alerts in words.

    Attributes:
        title: How grave, what, by when.
        entries: For whom, and what makes each different.
        more: How many entries are left out.
        hint: What to do; empty: nothing.
    """

    title: str
    entries: tuple[tuple[str, str], ...]
    more: int
    hint: str


def headline(bulletin: Bulletin) -> str:
    """What is wrong, for whom and by when, in one line; the subject of an e-mail."""
    first, *others = bulletin.groups
    text = f"{_BEGIN[first.phase]}{plain(first.title)}: {_for_whom(first, bulletin)}"
    text += _by_when(first, bulletin)
    if not others:
        return text
    return f"{text} (and {len(others)} more)"


def lead(bulletin: Bulletin) -> str:
    """The first line: the headline, and what to do."""
    first = bulletin.groups[0]
    if first.phase is NoticePhase.CLEARED or not first.hint:
        return f"{headline(bulletin)}."
    hint = plain(first.hint)
    return f"{headline(bulletin)}. {hint[:1].upper()}{hint[1:]}."


def sections(bulletin: Bulletin) -> tuple[list[Section], int]:
    """The groups in words, and how many of them are left out."""
    shown = bulletin.groups[:_SHOWN_GROUPS]
    return [_section(group, bulletin) for group in shown], len(bulletin.groups) - len(shown)


def footer(bulletin: Bulletin) -> str:
    """To whom, when, and where the rest can be seen."""
    local = bulletin.composed_at.astimezone(bulletin.to.zone)
    return (
        f"{plain(bulletin.to.name)}, {local:%Y-%m-%d %H:%M}, {bulletin.to.zone.key}. "
        f"All open alerts: bosco alerts list {bulletin.to.slug}"
    )


def plain(text: str) -> str:
    """One line of printable characters, cut when it is long."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def _section(group: Group, bulletin: Bulletin) -> Section:
    is_over = group.phase is NoticePhase.CLEARED
    label = "OVER" if is_over else f"{_LABEL[group.phase]}{group.severity.name}"
    shown = group.entries[:_SHOWN_ENTRIES]
    return Section(
        title=f"{label}: {plain(group.title)}{_by_when(group, bulletin)}",
        entries=tuple(_entry(entry, bulletin) for entry in shown),
        more=len(group.entries) - len(shown),
        hint="" if is_over else plain(group.hint),
    )


def _entry(entry: Entry, bulletin: Bulletin) -> tuple[str, str]:
    details = plain(entry.alert.details)
    when = _since(entry, bulletin)
    return _name(entry, bulletin), f"{details} ({when})" if details else when


def _name(entry: Entry, bulletin: Bulletin) -> str:
    return plain(bulletin.to.name if entry.client is None else entry.client)


def _for_whom(group: Group, bulletin: Bulletin) -> str:
    names = list(dict.fromkeys(_name(entry, bulletin) for entry in group.entries))
    if len(names) > _NAMED:
        return f"{', '.join(names[:_NAMED])} and {len(names) - _NAMED} more"
    return " and ".join(names)


def _by_when(group: Group, bulletin: Bulletin) -> str:
    if group.due_at is None or group.phase is NoticePhase.CLEARED:
        return ""
    return f", due by {_clock(group.due_at, bulletin)}"


def _since(entry: Entry, bulletin: Bulletin) -> str:
    alert = entry.alert
    if entry.phase is NoticePhase.CLEARED and alert.cleared_at is not None:
        return f"{_clock(alert.opened_at, bulletin)} to {_clock(alert.cleared_at, bulletin)}"
    since = f"since {_clock(alert.opened_at, bulletin)}"
    if not alert.relapses:
        return since
    return f"{since}, came back {'once' if alert.relapses == 1 else f'{alert.relapses} times'}"


def _clock(instant: dt.datetime, bulletin: Bulletin) -> str:
    """The time in the agency's zone; with the date when that is another day's."""
    local = instant.astimezone(bulletin.to.zone)
    today = bulletin.composed_at.astimezone(bulletin.to.zone).date()
    return f"{local:%H:%M}" if local.date() == today else f"{local:%Y-%m-%d %H:%M}"

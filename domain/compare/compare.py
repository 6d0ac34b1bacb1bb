"""Compare two systems: every figure that differs, with the reason when the data tell it.

    old ledger, new ledger [, what new knew when old was exported] -> compare -> Comparison

Per account: patterns over all days first (a factor, a shift, another time zone), then what is left
of each day (missing, repeated, restated, attributed elsewhere, rounded). A figure may have several
reasons. What nothing explains says so.
"""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from domain.compare.causes import Cause, Reason
from domain.compare.figures import AccountKey, AccountSeries, DayFigures, Ledger
from domain.compare.patterns import find_factor, find_shift, is_cut_elsewhere

__all__ = ["Comparison", "Difference", "Exported", "MetricTraits", "compare"]

_ZERO: Final = Decimal(0)
_UNITS: Final = {
    Decimal(1_000_000): "in micros",
    Decimal(1000): "in thousandths",
    Decimal(100): "in minor units (cents)",
}
_HALF_CENT: Final = Decimal("0.005")
_SAME_FACTOR: Final = Decimal("0.002")


@dataclass(frozen=True, slots=True)
class MetricTraits:
    """What kind of amount a metric is.

    Attributes:
        is_money: In a currency, so it may be rounded to its minor unit.
        is_claimed: Counted by the platform's own rules of attribution.
    """

    is_money: bool = False
    is_claimed: bool = False


@dataclass(frozen=True, slots=True)
class Exported:
    """When the old system wrote its export.

    Attributes:
        at: UTC instant.
        then: What the new system knew at that instant; None: not looked up.
    """

    at: dt.datetime
    then: Ledger | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """A figure on which the systems differ.

    Attributes:
        day: Reporting date; None: the whole account is on one side only.
        old: None: not there.
        new: None: not there.
        reasons: At least one, the widest first.
    """

    account: AccountKey
    day: dt.date | None
    metric: str
    old: Decimal | None
    new: Decimal | None
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came out.

    Attributes:
        figures: Compared, one per account, day and metric.
        differences: By account, day and metric.
    """

    figures: int
    differences: tuple[Difference, ...]

    @property
    def unexplained(self) -> tuple[Difference, ...]:
        """Differences that no cause explains."""
        return tuple(
            one
            for one in self.differences
            if any(reason.cause is Cause.UNEXPLAINED for reason in one.reasons)
        )


def compare(
    old: Ledger,
    new: Ledger,
    metrics: Mapping[str, MetricTraits],
    exported: Exported | None = None,
) -> Comparison:
    """Compare figure by figure.

    Args:
        old: The system that is to be replaced.
        new: Bosco.
        metrics: Those to compare; both ledgers may hold others.
        exported: When the old figures were written.
    """
    figures = 0
    differences: list[Difference] = []
    for key in sorted(old.accounts.keys() | new.accounts.keys()):
        ours, theirs = new.accounts.get(key), old.accounts.get(key)
        if ours is None or theirs is None:
            differences += _only_one_side(key, theirs, ours, metrics)
            continue
        then = exported.then.accounts.get(key) if exported and exported.then else None
        account = _Account(key, theirs, ours, metrics, exported, then)
        figures += len(account.days) * len(metrics)
        differences += account.differences()
    return Comparison(figures, tuple(differences))


def _only_one_side(
    key: AccountKey,
    old: AccountSeries | None,
    new: AccountSeries | None,
    metrics: Iterable[str],
) -> list[Difference]:
    name = f"{key.source} {key.account_id}"
    if new is None:
        reason = Reason(Cause.NOT_CONNECTED, f"{name} is not connected in Bosco")
    else:
        reason = Reason(Cause.NOT_IN_OLD, f"the old system does not have {name}")
    sums = [(metric, _sum(old, metric), _sum(new, metric)) for metric in metrics]
    return [
        Difference(key, None, metric, before, after, (reason,))
        for metric, before, after in sums
        if before or after
    ]


def _sum(series: AccountSeries | None, metric: str) -> Decimal | None:
    amounts = [
        day.totals[metric]
        for day in (series.days.values() if series else ())
        if metric in day.totals
    ]
    return sum(amounts, _ZERO) if amounts else None


@dataclass(slots=True)
class _Account:
    """One account that both systems have."""

    key: AccountKey
    old: AccountSeries
    new: AccountSeries
    metrics: Mapping[str, MetricTraits]
    exported: Exported | None
    then: AccountSeries | None

    @property
    def days(self) -> list[dt.date]:
        return sorted(self.old.days.keys() | self.new.days.keys())

    def differences(self) -> list[Difference]:
        plain = [name for name, traits in self.metrics.items() if not traits.is_claimed]
        scales = {name: self._scale(name) for name in self.metrics}
        moved = self._moved(plain, scales)
        return [
            difference
            for day in self.days
            for metric in self.metrics
            if (difference := self._difference(day, metric, scales[metric], moved)) is not None
        ]

    def _by_day(self, series: AccountSeries, metric: str) -> dict[dt.date, Decimal]:
        return {
            day: figures.totals[metric]
            for day, figures in series.days.items()
            if metric in figures.totals
        }

    def _scale(self, metric: str) -> tuple[Decimal, Reason | None]:
        factor = find_factor(self._by_day(self.old, metric), self._by_day(self.new, metric))
        if factor is None:
            return Decimal(1), None
        return _named_factor(factor, self.old.currency, self.new.currency)

    def _moved(
        self, plain: Sequence[str], scales: Mapping[str, tuple[Decimal, Reason | None]]
    ) -> Reason | None:
        """Whether the days of the two systems are not the same days."""
        old, new = [], []
        for metric in plain:
            scale = scales[metric][0]
            of_old = {d: v / scale for d, v in self._by_day(self.old, metric).items()}
            if of_old:
                old.append(of_old)
                new.append(self._by_day(self.new, metric))
        shifts = {find_shift(*pair) for pair in zip(old, new, strict=True)}
        if len(shifts) == 1 and (shift := shifts.pop()) is not None:
            where = "the day after" if shift > 0 else "the day before"
            return Reason(Cause.SHIFTED_DAY, f"the old system books every day under {where}")
        if is_cut_elsewhere(old, new):
            return Reason(
                Cause.TIME_ZONE,
                "amounts move between neighbouring days and none are lost: the old system's days "
                "begin in another time zone than the account's",
            )
        return None

    def _difference(
        self,
        day: dt.date,
        metric: str,
        scale: tuple[Decimal, Reason | None],
        moved: Reason | None,
    ) -> Difference | None:
        before, after = self.old.days.get(day), self.new.days.get(day)
        old = before.totals.get(metric) if before else None
        new = after.totals.get(metric) if after else None
        if (old or _ZERO) == (new or _ZERO):
            return None
        factor, scaled = scale
        left = (old or _ZERO) / factor - (new or _ZERO)
        reasons = [] if scaled is None or old is None else [scaled]
        tolerance = abs(new or _ZERO) * _SAME_FACTOR if reasons else _ZERO
        if abs(left) > tolerance:
            reasons += [moved] if moved else self._of_day(day, metric, left, factor)
        return Difference(self.key, day, metric, old, new, tuple(reasons))

    def _of_day(self, day: dt.date, metric: str, left: Decimal, factor: Decimal) -> list[Reason]:
        """Why one figure of one day differs by `left`, once a factor is taken out."""
        before, after = self.old.days.get(day), self.new.days.get(day)
        if before is None:
            return [Reason(Cause.DAY_MISSING_IN_OLD, "the old system has no rows of this day")]
        if after is None:
            return [Reason(Cause.DAY_MISSING_IN_NEW, "Bosco has no rows of this day")]
        repeated = before.repeated.get(metric, _ZERO) / factor
        if repeated and repeated == left:
            text = f"the old system holds rows twice: {repeated.normalize():f} too much"
            return [Reason(Cause.REPEATED_ROWS, text)]
        return (
            _campaigns(before, after, metric, left, factor)
            or self._changed_since(day, metric, before, factor)
            or self._other_rules(metric, before, after, left)
            or [Reason(Cause.UNEXPLAINED, "no cause fits: look at the rows of this day")]
        )

    def _changed_since(
        self, day: dt.date, metric: str, before: DayFigures, factor: Decimal
    ) -> list[Reason]:
        if self.exported is None:
            return []
        known = self.then.days.get(day) if self.then else None
        old = before.totals.get(metric, _ZERO) / factor
        if known is not None and known.totals.get(metric, _ZERO) == old:
            text = f"the platform changed this day after {self.exported.at:%Y-%m-%d %H:%M} UTC"
            return [Reason(Cause.RESTATED, text)]
        is_last = day == max(self.old.days) and day >= self.exported.at.date() - dt.timedelta(
            days=1
        )
        if is_last and old < self.new.days[day].totals.get(metric, _ZERO):
            text = "the old system read its last day before it was over"
            return [Reason(Cause.PARTIAL_DAY, text)]
        return []

    def _other_rules(
        self, metric: str, before: DayFigures, after: DayFigures, left: Decimal
    ) -> list[Reason]:
        traits = self.metrics[metric]
        rows = max(before.rows, after.rows)
        if traits.is_money and abs(left) <= _HALF_CENT * rows:
            return [Reason(Cause.ROUNDING, f"{rows} rows were rounded to cents")]
        plain = [name for name, other in self.metrics.items() if not other.is_claimed]
        told = [name for name in plain if name in before.totals and name in after.totals]
        if (
            traits.is_claimed
            and told
            and all(before.totals[name] == after.totals[name] for name in told)
        ):
            text = (
                f"{' and '.join(told[:2])} agree, {metric} does not: another attribution window "
                "or another definition of a conversion"
            )
            return [Reason(Cause.ATTRIBUTION, text)]
        return []


def _campaigns(
    before: DayFigures, after: DayFigures, metric: str, left: Decimal, factor: Decimal
) -> list[Reason]:
    """Campaigns that one side lacks, when they are the whole difference."""
    lost = after.campaigns.keys() - before.campaigns.keys()
    added = before.campaigns.keys() - after.campaigns.keys()
    gone = sum((after.campaigns[name].get(metric, _ZERO) for name in lost), _ZERO)
    extra = sum((before.campaigns[name].get(metric, _ZERO) for name in added), _ZERO) / factor
    if not (gone or extra) or extra - gone != left:
        return []
    reasons = []
    if gone:
        text = f"the old system lacks {_listed(lost)}"
        reasons.append(Reason(Cause.CAMPAIGN_MISSING_IN_OLD, text))
    if extra:
        reasons.append(Reason(Cause.CAMPAIGN_MISSING_IN_NEW, f"Bosco lacks {_listed(added)}"))
    return reasons


def _listed(names: Iterable[str]) -> str:
    ordered = sorted(names)
    shown = ", ".join(name or "(without id)" for name in ordered[:3])
    more = f" and {len(ordered) - 3} more" if len(ordered) > 3 else ""  # noqa: PLR2004  # shown
    return f"campaign {shown}{more}"


def _named_factor(
    factor: Decimal, old_currency: str, new_currency: str
) -> tuple[Decimal, Reason | None]:
    """What a factor between two systems means; a known one is made exact."""
    if abs(factor + 1) <= _SAME_FACTOR:
        return Decimal(-1), Reason(Cause.SIGN, "the old system writes this with the other sign")
    for unit, words in _UNITS.items():
        if abs(factor / unit - 1) <= _SAME_FACTOR:
            return unit, Reason(Cause.UNIT, f"the old system's amounts are {words}")
        if abs(factor * unit - 1) <= _SAME_FACTOR:
            text = f"the old system took amounts for amounts {words}: they are too small by {unit}"
            return 1 / unit, Reason(Cause.UNIT, text)
    if old_currency and new_currency and old_currency != new_currency:
        text = f"the old system is in {old_currency}, the account in {new_currency}"
        return factor, Reason(Cause.CURRENCY, f"{text}: factor {factor:.4f}")
    text = f"every day differs by the factor {factor:.4f}: a tax, a fee or another currency"
    return factor, Reason(Cause.FACTOR, text)

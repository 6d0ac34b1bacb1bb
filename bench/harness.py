"""Paired timings: subject and baseline in turn, medians, one table and one JSON file per bench.

    subject + baseline -> warm up -> subject, baseline, subject, baseline ... -> medians -> ratio

Machines drift; two runs side by side drift together, so the ratio is what to quote.
"""

import asyncio
import json
import os
import platform
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

__all__ = ["Bench", "Figure", "Run", "figure", "report", "run_bench", "sample_pair", "time_pair"]

RESULTS: Final = Path(__file__).parent / "results"

Run = Callable[[], Awaitable[object]]
Bench = Callable[[], Awaitable[Sequence["Figure"]]]


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of a result.

    Attributes:
        case: `WHAT vs BASELINE`; only `WHAT` when there is nothing to compare with.
        value: Median of the subject.
        unit: Of `value` and `baseline_value`.
        baseline: Name of the baseline, or None.
        baseline_value: Its median, or None.
        ratio: `value / baseline_value`, or None.
    """

    case: str
    value: float
    unit: str
    baseline: str | None
    baseline_value: float | None
    ratio: float | None


def figure(case: str, unit: str, value: float, baseline_value: float | None = None) -> Figure:
    """A figure whose baseline is named by its case."""
    if baseline_value is None:
        return Figure(case, round(value, 4), unit, None, None, None)
    baseline = case.rsplit(" vs ", 1)[1]
    ratio = round(value / baseline_value, 3)
    return Figure(case, round(value, 4), unit, baseline, round(baseline_value, 4), ratio)


async def sample_pair(
    subject: Run, baseline: Run, *, runs: int, warmup: int = 3
) -> tuple[list[float], list[float]]:
    """Milliseconds of each run of both, run in turn."""
    for _ in range(warmup):
        await subject()
        await baseline()
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(runs):
        for samples, run in zip(times, (subject, baseline), strict=True):
            begun = time.perf_counter()
            await run()
            samples.append((time.perf_counter() - begun) * 1000)
    return times


async def time_pair(
    subject: Run, baseline: Run, *, runs: int, warmup: int = 3
) -> tuple[float, float]:
    """Median milliseconds of both, run in turn."""
    times = await sample_pair(subject, baseline, runs=runs, warmup=warmup)
    return statistics.median(times[0]), statistics.median(times[1])


def report(name: str, figures: Sequence[Figure], *, load: float) -> None:
    """Print a table and write `bench/results/NAME.json`.

    Args:
        name: Of the bench.
        figures: What it measured.
        load: Average of the last minute before it began: processes that wanted a core. Where they
            are many, absolute figures tell of the neighbours, too.
    """
    table = Table(title=name, title_justify="left", box=None)
    for column in ("case", "value", "baseline", "unit", "ratio"):
        table.add_column(column, justify="left" if column in {"case", "unit"} else "right")
    for item in figures:
        shown = (_shown(item.value), _shown(item.baseline_value), item.unit, _shown(item.ratio))
        table.add_row(item.case, *shown)
    Console(soft_wrap=True).print(table)
    machine = f"{_machine()}, load {load:.1f} before"
    result = {"name": name, "machine": machine, "cases": [asdict(item) for item in figures]}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def run_bench(name: str, bench: Bench) -> None:
    """Run one bench to its end and report it."""

    load = os.getloadavg()[0]

    async def measured() -> Sequence[Figure]:
        return await bench()

    report(name, asyncio.run(measured()), load=load)


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:,.2f}"


def _machine() -> str:
    model = "unknown processor"
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}"

"""An agency's own feature views: `bosco features test`, `plan`, `apply` and `deprecate`.

file -> definition -> tests | plan | row and backfill -> tables for people, exit code 1 when refused
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Final

from api.commands.lookup import find_agency, parse_day, read_text
from api.control.protocol import (
    Arguments,
    DoneEvent,
    Event,
    LineEvent,
    ProgressEvent,
    TableEvent,
)
from api.runtime import Runtime
from domain.ids import TenantId
from domain.ports import TenantScope
from feature_repo.registration.definition_file import read_definition
from feature_repo.registration.plan import Plan
from feature_repo.registration.unit_tests import Outcome, run_tests
from tenancy.jobs import JobHandle

__all__ = [
    "apply_feature_view",
    "deprecate_feature_view",
    "plan_feature_view",
    "try_feature_view",
]

_HINT: Final = "docs/features.md has an example"
_POLL_SECONDS: Final = 0.5


async def try_feature_view(_runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco features test`: the file's unit tests; needs no agency."""
    path = arguments.resolve_path(arguments["file"])
    outcomes = await run_tests(read_definition(read_text(path, hint=_HINT), path.name))
    for line in _outcome_lines(outcomes):
        yield LineEvent(line)
    failed = sum(bool(one.differences) for one in outcomes)
    yield LineEvent(f"{len(outcomes) - failed} passed, {failed} failed")
    if failed:
        yield DoneEvent(1)


async def plan_feature_view(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco features plan`: what applying a file would do."""
    tenant = await find_agency(runtime, arguments["tenant"])
    path = arguments.resolve_path(arguments["file"])
    plan = await runtime.features.book.plan(
        TenantScope(tenant.tenant_id), read_text(path, hint=_HINT), path.name
    )
    for event in _plan_events(plan):
        yield event
    if plan.refusals:
        yield DoneEvent(1)


async def apply_feature_view(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco features apply`: register a version, and wait for its first values."""
    tenant = await find_agency(runtime, arguments["tenant"])
    path = arguments.resolve_path(arguments["file"])
    scope = TenantScope(tenant.tenant_id)
    plan, is_new = await runtime.features.book.apply(
        scope, read_text(path, hint=_HINT), path.name, actor=arguments["actor"]
    )
    view = plan.definition.view.name
    for event in _plan_events(plan):
        yield event
    yield LineEvent(f"{view} is {'registered' if is_new else 'registered already'}")
    job = await runtime.features.backfills.start(tenant.tenant_id, plan.definition)
    async for event in _follow(runtime, tenant.tenant_id, view, job):
        yield event


async def deprecate_feature_view(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco features deprecate`: say until when a view is served."""
    tenant = await find_agency(runtime, arguments["tenant"])
    deprecation = await runtime.features.book.deprecate(
        tenant.tenant_id,
        arguments["view"],
        last_day=parse_day(arguments["until"], "--until"),
        successor=arguments.get("successor") or "",
        actor=arguments["actor"],
    )
    yield LineEvent(f"{arguments['view']}: {deprecation}")


async def _follow(
    runtime: Runtime, tenant_id: TenantId, view: str, job: JobHandle
) -> AsyncIterator[Event]:
    """Show how far a backfill is until it has ended; it goes on when nobody looks."""
    work = asyncio.ensure_future(job.result())
    try:
        while True:
            done, _ = await asyncio.wait({work}, timeout=_POLL_SECONDS)
            found = await runtime.features.book.list_registered(tenant_id)
            (own,) = [one for one in found if one.definition.view.name == view]
            yield ProgressEvent(
                view, f"{own.entities_filled:,} entities", own.clients_filled, own.clients
            )
            if done:
                break
        await work
    finally:
        work.cancel()
    yield LineEvent(f"{own.entities_filled:,} entities of {own.clients_filled} clients have values")


def _plan_events(plan: Plan) -> Iterator[Event]:
    view = plan.definition.view.name
    if plan.changes:
        rows = tuple(
            (one.feature or "(the view)", one.kind.value, one.before, one.after)
            for one in plan.changes
        )
        title = f"{view} against {plan.earlier}"
        yield TableEvent(title, ("feature", "is", "before", "after"), rows)
    differing = [one for one in plan.differences if one.differing]
    if differing:
        cells = tuple(
            (one.feature, one.compared, one.differing, *_example(one.example)) for one in differing
        )
        columns = ("feature", "compared", "differ", "for example", plan.earlier, view)
        yield TableEvent("on your own figures, as of now", columns, cells)
    for line in (*_outcome_lines(plan.tests), *plan.notices, _cost_line(plan)):
        yield LineEvent(line)
    for refusal in plan.refusals:
        yield LineEvent(f"refused: {refusal}")
    if not plan.refusals:
        new = "the words of it change at most" if plan.is_known else "it is a new version"
        yield LineEvent(f"{view} may be applied: {new}")


def _example(example: tuple[str, object, object] | None) -> Sequence[object]:
    return ("", "", "") if example is None else example


def _cost_line(plan: Plan) -> str:
    cost = plan.cost
    return (
        f"a refresh of everything reads {cost.rows:,} rows ({cost.bytes_read:,} bytes) in"
        f" {cost.queries:,} queries: ${cost.usd:f} on BigQuery, ${cost.usd_a_month:f} a month;"
        f" {cost.online_bytes:,} bytes online"
    )


def _outcome_lines(outcomes: Sequence[Outcome]) -> Iterator[str]:
    for outcome in outcomes:
        yield f"{'FAILED' if outcome.differences else 'passed'}: {outcome.name}"
        for one in outcome.differences:
            yield f"    {one.feature}: expected {one.expected}, found {one.found}"

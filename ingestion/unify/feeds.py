"""Which facts a stream feeds.

    stream + its source's other streams -> its own fact, and the cuts that no other stream feeds

A source that does not report a cut itself still counts in it, as "not reported": so the amounts of
every whole cut add up to the same totals. A file is all that its connection has, so it feeds every
whole cut of its family.

Decision: ADR-0010.
"""

from collections.abc import Iterable

from domain.facts import FACTS, refinements
from domain.facts.fact import Fact
from ingestion.connector.spec import StreamSpec
from ingestion.files.feeds import FILE_SOURCE

__all__ = ["facts_fed"]


def facts_fed(stream: StreamSpec, streams: Iterable[StreamSpec]) -> tuple[Fact, ...]:
    """The facts that rows of a stream become, its own first.

    Args:
        stream: Of one source.
        streams: Of all sources.
    """
    own = FACTS[stream.fact]
    base = FACTS[own.refines] if own.refines else own
    whole = [base, *(cut for cut in refinements(base.name) if not cut.is_partial)]
    if own not in whole:
        return (own,)
    if stream.source == FILE_SOURCE:
        return (own, *(fact for fact in whole if fact is not own))
    if own is not base:
        return (own,)
    reported = {other.fact for other in streams if other.source == stream.source}
    return (own, *(cut for cut in whole[1:] if cut.name not in reported))

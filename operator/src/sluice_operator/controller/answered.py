"""How many requests a version has answered in its probation, where probation asks for some.

They are counted from Prometheus' scrapes, from the beginning of probation on, and an hour back at most: who asks for
more requests in a longer probation asks for them within its last hour.
"""

from ..analysis.counts import rounds
from ..prometheus.sampler import Sample
from .watched import Watched

_BEFORE = 60.0
"""Seconds before the first request that counts in which every pod is scraped: counting begins there."""


def wanted_since(one: Watched) -> float | None:
    """From when on a version's history is wanted for this, in Unix seconds; None where no requests are asked for."""
    began = _began(one)
    return None if began is None else began - _BEFORE


def answered(one: Watched, sample: Sample) -> int | None:
    """Requests that a version has answered in its probation; None where none are asked for, or nobody can tell."""
    began, evidence = _began(one), sample.evidence.get(one.target)
    if began is None or evidence is None:
        return None
    by_gateway = evidence.gateway.errors if evidence.gateway is not None else evidence.errors
    found = rounds(evidence.errors if evidence.errors.pods else by_gateway, after=began)
    return round(found[-1].total) if found else 0


def _began(one: Watched) -> float | None:
    probation = one.settings.probation
    asks = probation.min_requests > 0 and one.step >= len(one.settings.steps) and one.step_begun
    return one.step_started_at.timestamp() if asks and one.step_started_at is not None else None

"""The predictor's counters as evidence: the questions asked of Prometheus, and how the answers are read.

Series are selected by target labels, which come from the pod at scrape, never by labels that an application writes.
Only live traffic is evidence.
"""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from ..analysis.counts import History
from ..analysis.gates import Evidence
from ..analysis.predictions import Errs
from ..api.analysis import CountedBy
from .client import Series
from .custom import Custom
from .reading import by_pod, edge_matcher, errors, is_edge, matcher, slower

REQUESTS = "sluice_requests_total"
BUCKETS = "sluice_request_duration_seconds_bucket"


@dataclass(frozen=True, slots=True)
class Target:
    """A version as Prometheus knows it."""

    namespace: str
    model: str
    version: str


@dataclass(frozen=True, slots=True)
class Beside:
    """What a version's predictions are held against."""

    stable: Target
    since: float
    """The beginning of the step, in Unix seconds."""
    errs: Errs
    """What may be said wrongly in it."""


@dataclass(frozen=True, slots=True)
class Question:
    """What the gates of a version want to know."""

    seconds: float
    """How far back they look at most."""
    edges: frozenset[float]
    """The edges of the latency histogram that they compare with, in seconds."""
    since: float | None = None
    """From when on its history is wanted, in Unix seconds; None: from as far back as they look."""
    service: str = ""
    """The Service of the version, as the Gateway knows it; empty where it has none yet."""
    source: CountedBy = CountedBy.AUTO
    """Who counts."""
    custom: tuple[Custom, ...] = ()
    """Queries of their own."""
    beside: Beside | None = None
    """Where a gate asks how far its predictions have moved: from what."""
    looks: int = 0
    """How many scrapes in a row they look at, at most, each of which reaches back so far."""


def queries(targets: Iterable[Target], *, seconds: int, edges: AbstractSet[float]) -> tuple[str, str]:
    """The two queries that fetch the raw counters of all targets over the last seconds.

    Of the latency histogram only these edges, in seconds, are asked for, and what counts all requests.
    """
    labels = _labels(targets)
    return f"{REQUESTS}{{{labels}}}[{seconds}s]", f"{BUCKETS}{{{labels},{edge_matcher(edges)}}}[{seconds}s]"


def all_buckets(targets: Iterable[Target], *, seconds: int) -> str:
    """The query for whole histograms: which edges they have is asked when one that is wanted did not come."""
    return f"{BUCKETS}{{{_labels(targets)}}}[{seconds}s]"


def _labels(targets: Iterable[Target]) -> str:
    return f'traffic="live",{selected(targets)}'


def selected(targets: Iterable[Target]) -> str:
    """Matchers for the series of the targets, and of others that share the names of several."""
    wanted = list(targets)
    return ",".join(
        (
            matcher("namespace", (target.namespace for target in wanted)),
            matcher("sluice_model", (target.model for target in wanted)),
            matcher("sluice_version", (target.version for target in wanted)),
        )
    )


def read_evidence(
    requests: Iterable[Series],
    buckets: Iterable[Series],
    *,
    targets: Iterable[Target],
    edges: AbstractSet[float],
    since: float,
) -> dict[Target, Evidence]:
    """What Prometheus holds about each target; a target without series has empty histories.

    So have the edges of the latency histogram that nobody asked for: that they are there is all that is told of them.
    """
    by_code = by_pod(requests, "code", who=_named, pod=_pod)
    by_edge = by_pod(buckets, "le", who=_named, pod=_pod, wanted=lambda edge: not is_edge(edge) or float(edge) in edges)
    return {
        target: Evidence(
            errors=History(since=since, pods=errors(by_code.get(_names(target), {}))),
            slower=slower(by_edge.get(_names(target), {}), wanted=edges, since=since),
        )
        for target in targets
    }


def _names(target: Target) -> tuple[str, str, str]:
    return target.namespace, target.model, target.version


def _named(labels: Mapping[str, str]) -> tuple[str, str, str]:
    """Whose series it is; as a tuple, because there are twenty for each target."""
    return labels.get("namespace", ""), labels.get("sluice_model", ""), labels.get("sluice_version", "")


def _pod(labels: Mapping[str, str]) -> str:
    return labels.get("pod", "")

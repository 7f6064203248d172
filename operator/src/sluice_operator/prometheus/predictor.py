"""The predictor's counters as evidence: the questions asked of Prometheus, and how the answers are read.

Series are selected by target labels, which come from the pod at scrape, never by labels that an application writes.
Only live traffic is evidence.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from ..analysis.counts import History, PodHistory, Scrape
from ..analysis.gates import Evidence
from .client import Series

REQUESTS = "sluice_requests_total"
BUCKETS = "sluice_request_duration_seconds_bucket"


@dataclass(frozen=True, slots=True)
class Target:
    """A version as Prometheus knows it."""

    namespace: str
    model: str
    version: str


@dataclass(frozen=True, slots=True)
class Question:
    """What the gates of a version want to know."""

    seconds: float
    """How far back they look at most."""
    edges: frozenset[float]
    """The edges of the latency histogram that they compare with, in seconds."""


def queries(targets: Iterable[Target], *, seconds: int, edges: AbstractSet[float]) -> tuple[str, str]:
    """The two queries that fetch the raw counters of all targets over the last seconds.

    Of the latency histogram only these edges, in seconds, are asked for, and what counts all requests.
    """
    labels = _labels(targets)
    spelled = {"+Inf"} | {text for edge in edges for text in (f"{edge:g}", str(float(edge)))}
    wanted = _matcher("le", spelled)
    return f"{REQUESTS}{{{labels}}}[{seconds}s]", f"{BUCKETS}{{{labels},{wanted}}}[{seconds}s]"


def all_buckets(targets: Iterable[Target], *, seconds: int) -> str:
    """The query for whole histograms: which edges they have is asked when one that is wanted did not come."""
    return f"{BUCKETS}{{{_labels(targets)}}}[{seconds}s]"


def _labels(targets: Iterable[Target]) -> str:
    wanted = list(targets)
    return ",".join(
        (
            'traffic="live"',
            _matcher("namespace", (target.namespace for target in wanted)),
            _matcher("sluice_model", (target.model for target in wanted)),
            _matcher("sluice_version", (target.version for target in wanted)),
        )
    )


def _matcher(label: str, values: Iterable[str]) -> str:
    """A matcher for any of the values, none of which can end the string or mean more than itself."""
    pattern = "|".join(sorted({re.escape(value) for value in values}))
    quoted = pattern.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'{label}=~"{quoted}"'


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
    by_code = _by_pod(requests, "code")
    by_edge = _by_pod(buckets, "le", wanted=lambda edge: not _finite(edge) or float(edge) in edges)
    return {
        target: Evidence(
            errors=History(since=since, pods=_errors(by_code.get(target, {}))),
            slower=_slower(by_edge.get(target, {}), wanted=edges, since=since),
        )
        for target in targets
    }


_Pods = dict[str, dict[str, dict[float, float]]]
"""pod → value of the label → time → sum of the counters."""


def _by_pod(
    series: Iterable[Series], label: str, *, wanted: Callable[[str], bool] = lambda _: True
) -> dict[Target, _Pods]:
    """The samples by pod and value of a label; the values that are not wanted are there without samples."""
    out: dict[Target, _Pods] = {}
    counts: dict[str, bool] = {}
    for one in series:
        labels = one.labels
        target = Target(labels.get("namespace", ""), labels.get("sluice_model", ""), labels.get("sluice_version", ""))
        pod = out.setdefault(target, {}).setdefault(labels.get("pod", ""), {})
        told = labels.get(label, "")
        sums = pod.setdefault(told, {})
        if told not in counts:
            counts[told] = wanted(told)
        if not counts[told]:
            continue
        for at, value in one.samples:
            if math.isfinite(value):
                sums[at] = sums.get(at, 0.0) + value
    return out


def _errors(pods: _Pods) -> tuple[PodHistory, ...]:
    return tuple(
        PodHistory(
            pod=pod,
            scrapes=tuple(
                Scrape(
                    at=at,
                    total=sum(sums.get(at, 0.0) for sums in codes.values()),
                    bad=sum(sums.get(at, 0.0) for code, sums in codes.items() if code.startswith("5")),
                )
                for at in _times(codes)
            ),
        )
        for pod, codes in pods.items()
    )


def _slower(pods: _Pods, *, wanted: AbstractSet[float], since: float) -> dict[float, History]:
    edges = sorted({float(edge) for pod in pods.values() for edge in pod if _finite(edge)})
    return {
        edge: History(
            since=since,
            pods=tuple(_slower_than(pod, sums, edge) for pod, sums in pods.items()) if edge in wanted else (),
        )
        for edge in edges
    }


def _slower_than(pod: str, sums: Mapping[str, Mapping[float, float]], edge: float) -> PodHistory:
    everything = sums.get("+Inf", {})
    within = next((counts for text, counts in sums.items() if _finite(text) and float(text) == edge), {})
    return PodHistory(
        pod=pod,
        scrapes=tuple(
            Scrape(at=at, total=total, bad=total - within[at])
            for at, total in sorted(everything.items())
            if at in within
        ),
    )


def _times(sums: Mapping[str, Mapping[float, float]]) -> list[float]:
    return sorted({at for counts in sums.values() for at in counts})


def _finite(edge: str) -> bool:
    try:
        return math.isfinite(float(edge))
    except ValueError:
        return False

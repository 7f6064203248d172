"""The Gateway's counters as evidence: what a predictor cannot see are connections refused, resets and timeouts.

A Gateway is a preset: how it names its counters, and by which labels it tells the Services of versions apart. Only such
Gateways are here that count each Service by its name. Envoy Gateway, which counts by the place that a Service has in
its route, is not: places change hands while versions come and go.

Requests that the route marks as synthetic are counted too, as those of a person who looks at a preview; what preflight
asks never passes the Gateway. Each process of the Gateway is a pod of the history.
"""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from ..analysis.counts import History
from ..analysis.gates import Evidence
from .access import GatewayKind
from .client import Series
from .predictor import Target
from .reading import by_pod, edge_matcher, errors, is_edge, matcher, slower

_PORT = 80
"""Of the Service that KServe makes of a version."""


@dataclass(frozen=True, slots=True)
class Preset:
    """How a Gateway counts."""

    requests: str
    """The counter of answered requests."""
    code: str
    """Its label with the answer's code, or with the first digit of it."""
    buckets: str
    """The histogram of durations."""
    per_second: float
    """How many of the histogram's units a second has."""
    named: Mapping[str, str]
    """The labels that name a version's Service, and what they say."""
    only: str = ""
    """A matcher for the series that tell of requests once."""
    there: str = ""
    """A counter without a code that is there from the first, before anything was answered."""


PRESETS: Mapping[GatewayKind, Preset] = {
    GatewayKind.CONTOUR: Preset(
        # not upstream_rq_total: it has no requests for which there was no pod, and has those that are still unanswered
        requests="envoy_cluster_upstream_rq_xx",
        code="envoy_response_code_class",
        buckets="envoy_cluster_upstream_rq_time_bucket",
        per_second=1000.0,
        named={"envoy_cluster_name": "{namespace}_{service}_{port}"},
        there="envoy_cluster_upstream_rq_total",
    ),
    GatewayKind.ISTIO: Preset(
        requests="istio_requests_total",
        code="response_code",
        buckets="istio_request_duration_milliseconds_bucket",
        per_second=1000.0,
        named={"destination_service_namespace": "{namespace}", "destination_service_name": "{service}"},
        only='reporter="source"',
    ),
}


def queries(
    preset: Preset, services: Mapping[Target, str], *, seconds: int, edges: AbstractSet[float]
) -> tuple[str, ...]:
    """The queries that fetch the raw counters of the Services of versions over the last seconds: at most two.

    Of the histogram only these edges, in seconds, are asked for, and what counts all requests.
    """
    labels = _labels(preset, services)
    names = matcher("__name__", filter(None, (preset.requests, preset.there)))
    asked = [f"{{{names},{labels}}}[{seconds}s]"]
    if edges:
        asked.append(f"{preset.buckets}{{{labels},{edge_matcher(edges, per_second=preset.per_second)}}}[{seconds}s]")
    return tuple(asked)


def all_buckets(preset: Preset, services: Mapping[Target, str], *, seconds: int) -> str:
    """The query for whole histograms: which edges they have is asked when one that is wanted did not come."""
    return f"{preset.buckets}{{{_labels(preset, services)}}}[{seconds}s]"


def read(
    preset: Preset,
    requests: Iterable[Series],
    buckets: Iterable[Series],
    *,
    services: Mapping[Target, str],
    edges: AbstractSet[float],
    since: float,
) -> dict[Target, Evidence]:
    """What the Gateway has counted of each version; one that it has not has empty histories."""
    names = {_names(preset, target, service): target for target, service in services.items()}

    def who(labels: Mapping[str, str]) -> Target | None:
        return names.get(tuple(labels.get(label, "") for label in preset.named))

    def wanted(edge: str) -> bool:
        return not is_edge(edge) or float(edge) / preset.per_second in edges

    counted = ((one if preset.code in one.labels else _nothing_yet(one)) for one in requests)
    by_code = by_pod(counted, preset.code, who=who, pod=_process)
    by_edge = by_pod(buckets, "le", who=who, pod=_process, wanted=wanted)
    return {
        target: Evidence(
            errors=History(since=since, pods=errors(by_code.get(target, {}))),
            slower=slower(by_edge.get(target, {}), wanted=edges, since=since, per_second=preset.per_second),
        )
        for target in services
    }


def _labels(preset: Preset, services: Mapping[Target, str]) -> str:
    names = [_names(preset, target, service) for target, service in services.items()]
    values = zip(*names, strict=True)
    matchers = [matcher(label, said) for label, said in zip(preset.named, values, strict=True)]
    return ",".join([*filter(None, [preset.only]), *matchers])


def _names(preset: Preset, target: Target, service: str) -> tuple[str, ...]:
    return tuple(form.format(namespace=target.namespace, service=service, port=_PORT) for form in preset.named.values())


def _process(labels: Mapping[str, str]) -> str:
    return labels.get("pod") or labels.get("instance", "")


def _nothing_yet(series: Series) -> Series:
    """A counter without a code tells when it was scraped, and no more."""
    return Series(labels=series.labels, samples=tuple((at, 0.0) for at, _ in series.samples))

"""What Prometheus is asked of a candidate, and of the version that it is compared with."""

from collections.abc import Sequence
from dataclasses import replace

from ..analysis.gates import looks, reach
from ..analysis.predictions import Errs
from ..api.analysis import CountedBy
from ..api.gates import Gate, Metric
from ..kube.gateway import Object
from ..prometheus.custom import custom_queries
from ..prometheus.predictor import Beside, Question
from ..serving.names import service_name
from .watched import Watched, target_of

_PART_OF_ALPHA = 0.1
"""The part of an attempt's alpha with which predictions may be said to have moved that have not: spent beside it."""


def of_candidate(one: Watched, obj: Object, *, stable: Object | None) -> Question:
    """What the gates of a version ask of it; `obj` is its ModelVersion, `stable` that of the version beside it."""
    return replace(_question(one, one.settings.analysis.gates, obj, stable), beside=_beside(one, stable))


def of_stable(one: Watched, stable: Object) -> Question:
    """What the gates of a version ask of the one that it is compared with."""
    return _question(one, one.comparing, stable, stable)


def both(one: Question, other: Question | None) -> Question:
    """What answers two questions about the same version."""
    if other is None:
        return one
    since = [at for at in (one.since, other.since) if at is not None]
    named = {custom.gate for custom in one.custom}
    return replace(
        one,
        seconds=max(one.seconds, other.seconds),
        edges=one.edges | other.edges,
        since=min(since, default=None),
        service=one.service or other.service,
        source=one.source if one.source is other.source else CountedBy.AUTO,
        beside=one.beside or other.beside,
        custom=(*one.custom, *(custom for custom in other.custom if custom.gate not in named)),
        looks=max(one.looks, other.looks),
    )


def _beside(one: Watched, stable: Object | None) -> Beside | None:
    """What its predictions are held against, where a gate asks that in the present step."""
    asked = any(gate.metric is Metric.PREDICTION_DRIFT for gate in one.gates)
    if not asked or stable is None or one.step_started_at is None or not one.step_begun:
        return None
    settings = one.settings.analysis
    alpha = _PART_OF_ALPHA * settings.alpha / max(1, one.starts)
    errs = Errs(alpha=alpha, beta=settings.beta)
    return Beside(stable=target_of(stable), since=one.step_started_at.timestamp(), errs=errs)


def _question(one: Watched, gates: Sequence[Gate], obj: Object, stable: Object | None) -> Question:
    target = target_of(obj)
    names = {
        "version": target.version,
        "stable": target_of(stable).version if stable is not None else "",
        "model": target.model,
        "namespace": target.namespace,
    }
    backend = (obj.get("status") or {}).get("inferenceService")
    return Question(
        seconds=max(map(reach, one.settings.analysis.gates)),
        edges=frozenset(gate.slower_than.total_seconds() for gate in gates if gate.slower_than is not None),
        service=service_name(backend) if isinstance(backend, str) and backend else "",
        source=one.settings.analysis.source,
        custom=custom_queries(gates, names=names),
        looks=max(map(looks, one.settings.analysis.gates)),
    )

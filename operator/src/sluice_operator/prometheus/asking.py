"""The shared questions: so many for all rollouts, whoever counts their requests.

Two of the predictors, and two of the Gateway where it is known which one there is. One more of either is asked while a
gate wants an edge that its histogram does not have, so that people can be told which it has.
"""

import asyncio
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace

from ..analysis.counts import History
from ..analysis.gates import Evidence
from ..api.analysis import CountedBy
from . import gateways, predictor
from .client import PrometheusClient
from .gateways import Preset
from .predictor import Question, Target


async def ask(
    client: PrometheusClient,
    watched: Mapping[Target, Question],
    *,
    gateway: Preset | None,
    edges: AbstractSet[float],
    seconds: int,
    now: float,
) -> dict[Target, Evidence]:
    """What is known of each target over the last seconds; `edges` of histograms and `now` are in seconds.

    Raises:
        PrometheusError: when there is no whole answer in time.
    """
    if not watched:
        return {}
    if gateway is None:
        return await _predictors(client, watched, edges=edges, seconds=seconds, now=now)
    own, counted = await asyncio.gather(
        _predictors(client, watched, edges=edges, seconds=seconds, now=now),
        _gateway(client, watched, gateway, edges=edges, seconds=seconds, now=now),
    )
    nothing = Evidence(errors=History(since=now - seconds, pods=()), slower={})
    return {target: replace(evidence, gateway=counted.get(target, nothing)) for target, evidence in own.items()}


async def _predictors(
    client: PrometheusClient,
    watched: Mapping[Target, Question],
    *,
    edges: AbstractSet[float],
    seconds: int,
    now: float,
) -> dict[Target, Evidence]:
    asked = predictor.queries(watched, seconds=seconds, edges=edges)
    requests, buckets = await asyncio.gather(*(client.matrix(query, at=now) for query in asked))
    found = predictor.read_evidence(requests, buckets, targets=watched, edges=edges, since=now - seconds)
    unsure = [target for target, question in watched.items() if _lacks_an_edge(found[target], question)]
    if unsure:
        whole = await client.matrix(predictor.all_buckets(unsure, seconds=seconds), at=now)
        found |= predictor.read_evidence(requests, whole, targets=unsure, edges=edges, since=now - seconds)
    return found


async def _gateway(
    client: PrometheusClient,
    watched: Mapping[Target, Question],
    preset: Preset,
    *,
    edges: AbstractSet[float],
    seconds: int,
    now: float,
) -> dict[Target, Evidence]:
    services = {
        target: question.service
        for target, question in watched.items()
        if question.service and question.source is not CountedBy.PREDICTOR
    }
    if not services:
        return {}
    asked = gateways.queries(preset, services, seconds=seconds, edges=edges)
    requests, *rest = await asyncio.gather(*(client.matrix(query, at=now) for query in asked))
    buckets = rest[0] if rest else []
    found = gateways.read(preset, requests, buckets, services=services, edges=edges, since=now - seconds)
    unsure = {
        target: service
        for target, service in services.items()
        if watched[target].source is CountedBy.GATEWAY and _lacks_an_edge(found[target], watched[target])
    }
    if unsure:
        whole = await client.matrix(gateways.all_buckets(preset, unsure, seconds=seconds), at=now)
        found |= gateways.read(preset, requests, whole, services=unsure, edges=edges, since=now - seconds)
    return found


def _lacks_an_edge(evidence: Evidence, question: Question) -> bool:
    return bool(evidence.errors.pods) and not question.edges <= evidence.slower.keys()

"""Whatever the API server takes in our three kinds ends in a status that says it was seen, and keeps nobody else."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest
from hypothesis import strategies as st

from hack.testbed.client import (
    MODEL_VERSIONS,
    NAMESPACES,
    ROLLOUT_ACTIONS,
    ROLLOUT_POLICIES,
    Client,
    Kind,
    Object,
    RefusedError,
)
from hack.testbed.observer import Observer
from hack.testbed.world import World
from sluice_operator.api.crd import KINDS, crd
from tests.integration.operator.from_schema import drawn, values
from tests.integration.operator.stage import Stage, clear

NAMESPACE = "fuzz"
SCHEMAS = {
    kind.plural: crd(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"] for kind in KINDS
}
MODELS, VERSIONS = ["a", "b", "c"], ["1", "2", "3", "4"]
SECONDS = 240.0
LEAST_TAKEN = 0.1
"""Of each kind; if the API server refused more, there would be little that was tried."""


@pytest.fixture
async def other(stage: Stage) -> AsyncIterator[Observer]:
    """What is seen of a namespace for objects that nobody means."""
    with contextlib.suppress(RefusedError):
        await stage.client.create(NAMESPACES, {"metadata": {"name": NAMESPACE}})
    observer = Observer(stage.client, namespace=NAMESPACE)
    try:
        async with World(stage.client, namespace=NAMESPACE).turning(), observer.watching():
            yield observer
    finally:
        await clear(stage.client, namespace=NAMESPACE)


async def test_whatever_the_api_server_takes_is_answered_and_keeps_nobody_else(stage: Stage, other: Observer) -> None:
    await _fuzz(stage, other, examples=120, seed=5)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(10))
async def test_whatever_it_takes_of_ten_times_as_much(stage: Stage, other: Observer, seed: int) -> None:
    await _fuzz(stage, other, examples=300, seed=100 + seed)


async def _fuzz(stage: Stage, other: Observer, *, examples: int, seed: int) -> None:
    policies = _some(ROLLOUT_POLICIES, examples // 4, seed)
    await _taken(stage.client, ROLLOUT_POLICIES, policies)
    versions = await _taken(stage.client, MODEL_VERSIONS, _versions(examples, seed))
    acts = await _taken(stage.client, ROLLOUT_ACTIONS, _acts(versions, examples // 2, seed))
    edits = _some(MODEL_VERSIONS, len(versions), seed + 1)
    for version, edit in zip(versions, edits, strict=True):
        await _edit(stage.client, version["metadata"]["name"], edit)

    await _are_answered(stage, other)
    await _acts_are_answered(stage.client, acts, log=stage.operator.log)
    await stage.serves("probe", "1.0.0")
    log = stage.operator.log()
    assert "Traceback" not in log, log[log.index("Traceback") - 2000 :][:6000]
    assert log.count('"leading"') == 1, "it has ended and was started anew"


def _some(kind: Kind, examples: int, seed: int) -> list[Any]:
    return drawn(values(SCHEMAS[kind.plural]), examples=examples, from_seed=seed)


def _versions(examples: int, seed: int) -> list[Any]:
    """Versions of a few models, so that they are in each other's way."""
    places = st.fixed_dictionaries({"model": st.sampled_from(MODELS), "version": st.sampled_from(VERSIONS)})
    named = st.builds(lambda spec, place: {**spec, **place}, values(SCHEMAS[MODEL_VERSIONS.plural]), places)
    return drawn(named | values(SCHEMAS[MODEL_VERSIONS.plural]), examples=examples, from_seed=seed)


def _acts(versions: list[Object], examples: int, seed: int) -> list[Any]:
    """Acts on versions that are there, of which most are meant for just those."""
    there = st.sampled_from([(one["metadata"]["name"], one["metadata"]["uid"]) for one in versions])
    schema = values(SCHEMAS[ROLLOUT_ACTIONS.plural])
    meant = st.builds(lambda spec, to: {**spec, "modelVersion": to[0], "uid": to[1], "attempt": 1}, schema, there)
    others = st.builds(lambda spec, to: {**spec, "modelVersion": to[0]}, schema, there)
    return drawn(meant | others, examples=examples, from_seed=seed)


async def _taken(client: Client, kind: Kind, specs: Iterable[Any]) -> list[Object]:
    """Make objects; returns those that the API server took."""
    tried = [_made(client, kind, f"{kind.plural[:3]}-{number}", spec) for number, spec in enumerate(specs)]
    made = [obj for obj in await asyncio.gather(*tried) if obj is not None]
    assert len(made) >= LEAST_TAKEN * len(tried), f"of {len(tried)} {kind.plural} only {len(made)} were taken"
    return made


async def _made(client: Client, kind: Kind, name: str, spec: Any) -> Object | None:
    try:
        return await client.create(kind, {"metadata": {"name": name}, "spec": spec}, namespace=NAMESPACE)
    except RefusedError as error:
        assert error.status < 500, f"{spec}: {error}"
        return None


async def _edit(client: Client, name: str, spec: Any) -> None:
    """Change what may be changed of a version."""
    replicas = {key: value for key, value in spec.get("predictor", {}).items() if key.endswith("Replicas")}
    changes = {"paused": spec.get("paused"), "rollout": spec.get("rollout"), "predictor": replicas}
    with contextlib.suppress(RefusedError):
        await client.patch(MODEL_VERSIONS, name, {"spec": changes}, namespace=NAMESPACE)


async def _are_answered(stage: Stage, other: Observer) -> None:
    def unanswered() -> list[Object]:
        return [
            obj
            for obj in other.versions().values()
            if obj.get("status", {}).get("observedGeneration") != obj["metadata"]["generation"]
        ]

    answered = await other.until(lambda: not unanswered(), seconds=SECONDS)
    assert answered, f"{unanswered()[0]}\n{stage.operator.log()[-3000:]}"


async def _acts_are_answered(client: Client, acts: list[Object], *, log: Any) -> None:
    waiting = {act["metadata"]["name"] for act in acts}

    def seen(act: Object) -> bool:
        if act.get("status", {}).get("outcome"):
            waiting.discard(act["metadata"]["name"])
        return not waiting

    try:
        async with asyncio.timeout(SECONDS):
            await client.first(ROLLOUT_ACTIONS, seen, namespace=NAMESPACE)
    except TimeoutError:
        raise AssertionError(f"nobody answered {sorted(waiting)}\n{log()[-3000:]}") from None

"""What others do to our objects, or make of theirs, on a real API server: it is put right, and harms nobody else."""

import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from hack.testbed.client import INFERENCE_SERVICES, MODEL_VERSIONS, ROUTES, Kind, Object
from hack.testbed.observer import weights
from tests.integration.operator.stage import LONG, SECONDS, Stage

STOP = "serving.kserve.io/stop"
HOUR = 3600.0


async def comes_back(stage: Stage, look: Callable[[], Object], change: Object, *, of: Kind, name: str) -> None:
    """Make a change by hand, and wait until what was there before is there again."""

    def state() -> Any:
        found = look()
        return found["spec"], found["metadata"]["labels"], found["metadata"]["annotations"]

    before, version = state(), look()["metadata"]["resourceVersion"]
    await stage.client.patch(of, name, change)
    reverted = await stage.observer.until(
        lambda: look()["metadata"]["resourceVersion"] != version and state() == before, seconds=SECONDS
    )
    assert reverted, (before, state())


@pytest.mark.parametrize(
    "change",
    [
        {"spec": {"predictor": {"canaryTrafficPercent": 10}}},
        {"spec": {"predictor": {"minReplicas": 7, "hostNetwork": True, "model": {"image": "another"}}}},
        {"metadata": {"annotations": {STOP: "true"}}},
        {"metadata": {"labels": {"networking.kserve.io/visibility": None}}},
        {"metadata": {"labels": {"sluice.dev/model": "another"}}},
        {"metadata": {"labels": {"sluice.dev/model": None}}},
    ],
)
async def test_an_inference_service_that_somebody_edits_is_put_right(stage: Stage, change: Object) -> None:
    await stage.serves("sms", "1.0.0")
    name = stage.observer.status("sms-1.0.0")["inferenceService"]

    await comes_back(stage, lambda: stage.observer.services()[name], change, of=INFERENCE_SERVICES, name=name)

    if "labels" not in change.get("metadata", {}):
        event = await stage.until_event("sms-1.0.0", "EditReverted")
        assert event["type"] == "Warning"


@pytest.mark.parametrize(
    "change",
    [
        {"spec": {"hostnames": ["else.where"]}},
        {"metadata": {"annotations": {"sluice.dev/taken-back": "[ ]"}}},
        {"metadata": {"labels": {"app.kubernetes.io/managed-by": "Helm", "sluice.dev/model": None}}},
    ],
)
async def test_a_route_that_somebody_edits_is_written_anew(stage: Stage, change: Object) -> None:
    await stage.serves("sms", "1.0.0")

    await comes_back(stage, lambda: stage.observer.route("sms") or {}, change, of=ROUTES, name="sms")


@pytest.mark.parametrize(
    "change",
    [
        lambda env: [*env, {"name": "SLUICE_THREADS", "value": "64"}],
        lambda env: [{"name": "SLUICE_THREADS", "value": "64"}, *env[1:]],
        lambda env: [{"name": env[0]["name"], "value": "another"}, *env[1:]],
    ],
)
async def test_another_environment_is_put_right(stage: Stage, change: Callable[[list[Object]], list[Object]]) -> None:
    """The kind says that its entries have keys, so a server-side apply alone leaves what was added."""
    await stage.serves("sms", "1.0.0")
    name = stage.observer.status("sms-1.0.0")["inferenceService"]
    env = stage.observer.services()[name]["spec"]["predictor"]["model"]["env"]
    edit = {"spec": {"predictor": {"model": {"env": change(env)}}}}

    await comes_back(stage, lambda: stage.observer.services()[name], edit, of=INFERENCE_SERVICES, name=name)

    event = await stage.until_event("sms-1.0.0", "EditReverted")
    assert event["note"].endswith("spec.predictor.model.env")


async def test_an_overlay_shapes_the_pods_and_is_written_once(stage: Stage) -> None:
    overlay = {"terminationGracePeriodSeconds": 5, "model": {"readinessProbe": {"periodSeconds": 1}}}
    await stage.apply("sms", "1.0.0", predictor={"overlay": overlay}, rollout=LONG)
    await stage.reaches("sms-1.0.0", "Stable")

    name = stage.observer.status("sms-1.0.0")["inferenceService"]
    made = stage.observer.services()[name]
    assert made["spec"]["predictor"]["terminationGracePeriodSeconds"] == 5
    assert made["metadata"]["generation"] == 1


async def test_a_route_to_nothing_goes_after_an_hour_and_one_to_pods_that_run_stays(clocked: Stage) -> None:
    stage, services = clocked, {}
    for model in ("sms", "mail"):
        await stage.serves(model, "1.0.0")
        services[model] = stage.observer.status(f"{model}-1.0.0")["inferenceService"]
    stage.operator.kill()
    for model in services:
        await stage.client.patch(MODEL_VERSIONS, f"{model}-1.0.0", {"metadata": {"finalizers": None}})
        await stage.client.delete(MODEL_VERSIONS, f"{model}-1.0.0")
    await stage.client.delete(INFERENCE_SERVICES, services["sms"])
    stage.operator.start()
    await stage.serves("probe", "1.0.0")
    assert stage.observer.route("sms") is not None, "it has not been an hour"

    stage.operator.kill()
    stage.operator.set_clock(HOUR)
    stage.operator.start()
    assert await stage.observer.until(lambda: stage.observer.route("sms") is None, seconds=SECONDS)
    await stage.serves("another", "1.0.0")
    route = stage.observer.route("mail")
    assert route is not None
    assert weights(route) == {services["mail"]: 100}

    await stage.client.delete(INFERENCE_SERVICES, services["mail"])
    assert await stage.observer.until(lambda: stage.observer.route("mail") is None, seconds=SECONDS)


@pytest.fixture
def deep_documents() -> Iterator[None]:
    """This process, too, must read what the API server holds."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(12_000)
    yield
    sys.setrecursionlimit(before)


@pytest.mark.usefixtures("deep_documents")
async def test_an_object_nested_deeper_than_anybody_reads_keeps_the_operator_from_nothing(stage: Stage) -> None:
    deep: Object = {}
    for _ in range(9_000):
        deep = {"a": deep}
    await stage.apply("deep", "1.0.0", predictor={"overlay": deep})
    await stage.says("deep-1.0.0", "InvalidSpec: spec.predictor.overlay")

    await stage.serves("sms", "1.0.0")


async def test_a_version_that_cannot_be_read_is_gone_when_it_is_deleted(stage: Stage) -> None:
    await stage.apply("sms", "1.0.0", predictor={"env": [{"name": "SLUICE_MODEL_VERSION", "value": "9"}]})
    await stage.says("sms-1.0.0", "InvalidSpec: spec.predictor.env")
    await stage.client.patch(MODEL_VERSIONS, "sms-1.0.0", {"metadata": {"finalizers": ["sluice.dev/traffic"]}})

    await stage.client.delete(MODEL_VERSIONS, "sms-1.0.0")

    assert await stage.observer.until(lambda: "sms-1.0.0" not in stage.observer.versions(), seconds=SECONDS)

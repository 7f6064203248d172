"""What the API server tells is read into dated facts about the model at hand, and nothing else."""

import asyncio

import pytest

from hack.demo.kube import MODEL_VERSIONS, ROUTES
from hack.demo.observe import Observer, route_weights, version_state


def model_version(version, *, model="sms-classifier", **status):
    return {
        "metadata": {"name": f"{model}-{version.replace('.', '-')}"},
        "spec": {"model": model, "version": version},
        "status": {"inferenceService": f"isvc-{version}", **status},
    }


def http_route(name="sms-classifier", **weights):
    refs = [{"name": f"isvc-{version}-predictor", "weight": weight} for version, weight in weights.items()]
    return {"metadata": {"name": name}, "spec": {"rules": [{"backendRefs": refs}]}}


class Script:
    """A cluster that tells what a test wrote down."""

    def __init__(self, events):
        self.events = events

    async def watch(self, resource):
        for kind, seen in self.events.get(resource, ()):
            yield kind, seen
        await asyncio.Event().wait()


def test_a_version_without_a_status_is_read_too():
    state = version_state({"metadata": {"name": "a"}, "spec": {"version": "1.0.0"}}, at=3.0)

    assert (state.phase, state.weight, state.sentence) == ("", 0, "")


def test_the_reason_of_a_decision_is_the_best_sentence_there_is():
    seen = model_version(
        "1.1.0",
        phase="RolledBack",
        message="rolled back",
        decision={"action": "Rollback", "gate": "errors", "reason": "6 of 20 requests failed"},
        conditions=[{"type": "Ready", "status": "False", "reason": "RolledBack", "message": "gate errors"}],
    )

    state = version_state(seen, at=3.0)

    assert (state.sentence, state.gate) == ("6 of 20 requests failed", "errors")
    assert state.conditions == ("Ready=False (RolledBack: gate errors)",)


def test_weights_are_percent_by_inference_service():
    route = {
        "spec": {
            "rules": [{"backendRefs": [{"name": "a-predictor", "weight": 1}, {"name": "b-predictor", "weight": 3}]}]
        }
    }

    assert route_weights(route) == {"a": 25, "b": 75}


def test_a_single_backend_without_a_weight_has_all_the_traffic():
    assert route_weights({"spec": {"rules": [{"backendRefs": [{"name": "a-predictor"}]}]}}) == {"a": 100}


@pytest.mark.parametrize(
    "spec", [{}, {"rules": [{"backendRefs": []}]}, {"rules": [{"backendRefs": [{"name": "a", "weight": 0}]}]}]
)
def test_a_route_without_weight_sends_nothing(spec):
    assert sum(route_weights({"spec": spec}).values()) == 0


async def test_only_the_model_at_hand_is_seen():
    script = Script(
        {
            MODEL_VERSIONS: [("ADDED", model_version("9.9.9", model="other")), ("ADDED", model_version("1.0.0"))],
            ROUTES: [("ADDED", http_route("other", **{"1.0.0": 7})), ("ADDED", http_route(**{"1.0.0": 100}))],
        }
    )
    observer = Observer(model="sms-classifier")

    async with observer.watching(script):
        assert await observer.until(lambda: observer.weight("1.0.0") == 100, within=5)

    assert set(observer.versions) == {"1.0.0"}
    assert len(observer.routes) == 1


async def test_only_a_changed_weight_is_a_new_fact():
    route = http_route(**{"1.0.0": 100})
    script = Script(
        {
            MODEL_VERSIONS: [("ADDED", model_version("1.0.0"))],
            ROUTES: [("ADDED", route), ("MODIFIED", route), ("DELETED", route)],
        }
    )
    observer = Observer(model="sms-classifier")

    async with observer.watching(script):
        assert await observer.until(lambda: bool(observer.routes) and not observer.routes[-1].weights, within=5)

    assert [one.weights for one in observer.routes] == [{"isvc-1.0.0": 100}, {}]


async def test_a_deleted_version_is_no_longer_there_and_its_history_is():
    seen = model_version("1.0.0", phase="Stable")
    observer = Observer(model="sms-classifier")

    async with observer.watching(Script({MODEL_VERSIONS: [("ADDED", seen), ("DELETED", seen)]})):
        assert await observer.until(lambda: bool(observer.states) and not observer.versions, within=5)

    assert [one.phase for one in observer.states] == ["Stable"]


async def test_a_wait_that_is_not_met_says_so():
    observer = Observer(model="sms-classifier")

    async with observer.watching(Script({})):
        assert not await observer.until(lambda: False, within=0.01)


async def test_a_wait_ends_when_the_watching_breaks():
    observer = Observer(model="sms-classifier")

    async with observer.watching(Script({MODEL_VERSIONS: [("ADDED", {"metadata": {}})]})):
        with pytest.raises(KeyError):
            await observer.until(lambda: False, within=5)

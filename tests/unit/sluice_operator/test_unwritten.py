"""InferenceServices that cannot be written hold up nothing else: neither what is told of a model, nor its traffic."""

import pytest
from making import NAMESPACE
from world import ACTS, SERVICES, VERSIONS, World, on_canary

from sluice_operator.api.status import Phase, Verdict
from sluice_operator.kube.errors import InvalidError, UnavailableError
from sluice_operator.serving.render import OWNER_ANNOTATION

WEBHOOK_DOWN = UnavailableError(500, 'failed calling webhook "inferenceservice.kserve-webhook-server.validator"')
NO_ANSWER = UnavailableError(0, "TimeoutError: ")
REFUSED = InvalidError(403, "exceeded quota")
UNWRITTEN = pytest.mark.parametrize("error", [WEBHOOK_DOWN, NO_ANSWER, REFUSED], ids=["webhook", "timeout", "quota"])


def no_services(world, error):
    """No InferenceService can be written any more, and one is to be: stable's has been edited by hand."""
    service = world.api.kind(SERVICES)[(NAMESPACE, world.backend("v1"))]
    predictor = {**service["spec"]["predictor"], "minReplicas": 7}
    meta = {**service["metadata"], "generation": service["metadata"]["generation"] + 1}
    world.api.put(SERVICES, {**service, "metadata": meta, "spec": {"predictor": predictor}})

    def fail(plural, _body):
        if plural == SERVICES:
            raise error

    world.api.before_write = fail
    world.follow(*world.copies)


def reconciles(world, times=3):
    """What the queue does after a failure; the Gateway does its part."""
    for _ in range(times):
        world.reconcile()
        world.gateway_takes_the_route()
        world.follow(*world.copies)


@UNWRITTEN
def test_a_rollback_is_told_although_no_inference_service_can_be_written(error):
    world = on_canary()
    no_services(world, error)
    world.verdicts["v2"] = Verdict.FAIL
    world.events.clear()
    world.reconcile()
    world.follow(*world.copies)
    world.reconcile()

    assert world.weights() == {"v1": 100, "v2": 0}
    assert world.statuses()["v2"].decision.gate == "errors"
    assert [event.reason for event in world.events] == ["RollbackStarted"]
    assert world.refused[-1] is error

    world.follow(*world.copies)
    reconciles(world)
    assert world.statuses()["v2"].phase is Phase.ROLLED_BACK


@UNWRITTEN
def test_traffic_goes_on_to_pods_that_are_there_although_no_inference_service_can_be_written(error):
    world = on_canary()
    no_services(world, error)
    world.seconds += 60
    reconciles(world)

    assert world.weights() == {"v1": 0, "v2": 100}
    assert world.statuses()["v2"].phase is Phase.PROBATION


@UNWRITTEN
def test_a_version_without_pods_gets_no_traffic_until_its_inference_service_can_be_written(error):
    world = World()
    world.apply_version("v1")
    world.live_on(10)
    no_services(world, error)
    world.apply_version("v2")
    world.follow(*world.copies)
    reconciles(world)

    assert world.weights() == {"v1": 100}
    assert world.statuses()["v2"].phase is Phase.DEPLOYING

    world.api.before_write = lambda _plural, _body: None
    world.live_on(15)
    assert world.weights()["v2"] > 0


@UNWRITTEN
def test_a_person_is_answered_although_no_inference_service_can_be_written(error):
    world = on_canary()
    no_services(world, error)
    name = world.act("Pause", "v2")
    world.follow(*world.copies)
    reconciles(world)

    assert world.api.kind(ACTS)[(NAMESPACE, name)]["status"]["outcome"] == "Applied"
    assert world.statuses()["v2"].phase is Phase.PAUSED


@UNWRITTEN
def test_a_version_can_go_although_what_is_left_of_another_cannot_be_deleted(error):
    world = on_canary()
    no_services(world, error)
    left = world.api.kind(SERVICES)[(NAMESPACE, world.backend("v1"))]
    annotations = {**left["metadata"]["annotations"], OWNER_ANNOTATION: "gone"}
    meta = {**left["metadata"], "name": "left", "annotations": annotations}
    world.api.put(SERVICES, {**left, "metadata": meta})
    world.delete_version("v2")
    world.follow(*world.copies)
    reconciles(world)
    world.seconds += 61  # what v2 still answers is drained
    reconciles(world)

    assert [name for _, name in world.api.kind(VERSIONS)] == ["v1"]
    assert world.weights()["v1"] == 100


@pytest.mark.parametrize(("error", "told"), [(WEBHOOK_DOWN, True), (REFUSED, True), (NO_ANSWER, False)])
def test_people_are_told_why_unless_the_api_server_said_nothing(error, told):
    world = World()
    world.apply_version("v1")
    world.live_on(10)
    no_services(world, error)
    world.apply_version("v2")
    world.follow(*world.copies)
    reconciles(world)

    assert (f"its InferenceService is refused: {error}" in world.statuses()["v2"].message) is told

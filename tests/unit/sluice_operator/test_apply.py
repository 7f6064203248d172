"""Writes come in the order that keeps traffic safe, and never on top of what nobody has looked at."""

import pytest
from making import NAMESPACE
from world import ROUTES, SERVICES, VERSIONS, World

from sluice_operator.api.modelversion import ModelVersionStatus, Phase, Verdict
from sluice_operator.controller.apply import covers
from sluice_operator.kube.errors import ConflictError
from sluice_operator.rollout.transitions import transition


def on_canary():
    """A world whose candidate v2 has 50 % of the requests."""
    world = World()
    world.apply_version("v1")
    world.live_on(10)
    world.apply_version("v2")
    world.live_on(15)
    assert world.weights() == {"v1": 50, "v2": 50}
    return world


def writes_of(world, act):
    before = len(world.api.writes)
    act()
    return [(verb, plural) for verb, plural, _ in world.api.writes[before:]]


def test_before_a_version_gets_traffic_it_cannot_vanish_and_its_status_says_why():
    world = World()
    world.apply_version("v1")
    world.live_on(10)
    world.apply_version("v2")
    world.everybody_acts()
    assert world.weights() == {"v1": 100, "v2": 0}
    world.seconds += 2
    world.follow(*world.copies)

    finalizer, *statuses, route = writes_of(world, world.reconcile)
    assert finalizer == ("patch", VERSIONS)
    assert set(statuses) == {("status", VERSIONS)}
    assert route == ("apply", ROUTES)


def test_a_rollback_writes_the_route_before_anything_else():
    world = on_canary()
    world.verdicts["v2"] = Verdict.FAIL

    assert writes_of(world, world.reconcile)[:2] == [("apply", ROUTES), ("status", VERSIONS)]


def test_a_rise_decided_on_a_route_that_has_changed_since_is_dropped():
    world = on_canary()
    world.seconds += 100
    world.edit_first_weight(70)  # the operator has not seen it yet

    assert ("apply", ROUTES) not in writes_of(world, world.reconcile)
    assert isinstance(world.refused[-1], ConflictError)
    assert world.weights() == {"v1": 70, "v2": 50}


def test_a_rollback_decided_on_a_route_that_has_changed_since_is_repeated_on_the_live_one_at_once():
    world = on_canary()
    world.verdicts["v2"] = Verdict.FAIL
    world.edit_first_weight(70)

    assert writes_of(world, world.reconcile)[0] == ("apply", ROUTES)
    assert world.weights() == {"v1": 100, "v2": 0}


def test_a_rollback_whose_route_somebody_deleted_is_made_good():
    world = on_canary()
    world.verdicts["v2"] = Verdict.FAIL
    world.delete_route()
    world.reconcile_until_idle()

    assert world.weights() == {"v1": 100}
    assert world.statuses()["v2"].phase in (Phase.ROLLING_BACK, Phase.ROLLED_BACK)


def test_a_hand_edit_of_the_weights_is_put_right():
    world = on_canary()
    world.edit_first_weight(100)
    world.reconcile_until_idle()

    assert world.weights() == {"v1": 50, "v2": 50}


def test_what_a_webhook_adds_to_an_object_is_left_alone():
    world = World()
    world.apply_version("v1")
    world.live_on(10)
    service = world.api.kind(SERVICES)[(NAMESPACE, world.backend("v1"))]
    world.api.put(SERVICES, {**service, "spec": {**service["spec"], "added": {"by": "a webhook"}}})
    world.follow(*world.copies)

    assert world.reconcile() == 0


def test_an_inference_service_that_somebody_deleted_is_made_again():
    world = World()
    world.apply_version("v1")
    world.live_on(10)
    before = world.backend("v1")
    del world.api.kind(SERVICES)[(NAMESPACE, before)]
    world.live_on(10)

    assert world.backend("v1") == before
    assert world.weights() == {"v1": 100}


def test_an_object_that_cannot_be_read_does_not_hold_up_the_others():
    """Its status may be refused: the API server looks at the whole object."""
    world = World()
    world.apply_version("v1")
    world.live_on(10)
    world.apply_version("v2")
    broken = world.api.kind(VERSIONS)[(NAMESPACE, "v2")]
    world.api.put(VERSIONS, {**broken, "spec": {"model": "sms"}})
    world.api.refuse_status_of = "v2"
    world.apply_version("v3")
    world.live_on(200)

    assert world.weights() == {"v3": 100}
    assert world.refused == []


def test_an_object_that_cannot_be_read_says_so_in_its_status():
    world = World()
    world.apply_version("v1")
    broken = world.api.kind(VERSIONS)[(NAMESPACE, "v1")]
    world.api.put(VERSIONS, {**broken, "spec": {"model": "sms"}})
    world.reconcile_until_idle()

    said = world.statuses()["v1"]
    assert said.message == "InvalidSpec: spec.version: Field required"
    assert {c.type: c.status for c in said.conditions} == {"Ready": "False", "Stalled": "True"}
    assert world.refused == []


@pytest.mark.parametrize(
    ("live", "wanted", "covered"),
    [
        ({"a": 1, "b": 2}, {"a": 1}, True),
        ({"a": 1}, {"a": 2}, False),
        ({}, {"a": None}, True),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1}}, True),
        ({"a": [1, 2]}, {"a": [1]}, False),
        ({"a": [{"x": 1, "y": 2}]}, {"a": [{"x": 1}]}, True),
        ({"a": "text"}, {"a": {"b": 1}}, False),
        (None, {"a": 1}, False),
    ],
)
def test_an_object_covers_what_is_wanted_of_it(live, wanted, covered):
    assert covers(live, wanted) is covered


def test_every_change_of_phase_or_step_is_told_once_and_nothing_else_is():
    world = on_canary()
    world.live_on(300)

    told = [(event.about["metadata"]["name"], event.reason) for event in world.events]
    assert told == [
        ("v1", "Deploying"),
        ("v1", "Promoted"),
        ("v2", "Deploying"),
        ("v2", "StepStarted"),
        ("v2", "StepStarted"),
        ("v2", "ProbationStarted"),
        ("v2", "Promoted"),
        ("v1", "Superseded"),
    ]


@pytest.mark.parametrize("phase", list(Phase))
def test_every_phase_has_something_to_tell(phase):
    told = transition(ModelVersionStatus(), ModelVersionStatus(phase=phase, message="why"))
    assert told is not None
    assert told.note == "why"

"""Whole rollouts, from `kubectl apply` to the end, through the operator's own reconciler."""

import pytest
from making import ROLLOUT
from world import SERVICES, World

from sluice_operator.api.status import Phase, Verdict


def served(name="v1"):
    world = World()
    world.apply_version(name)
    world.live_on(10)
    return world


STEP_BY_STEP = [{"v1": 100}, {"v1": 95, "v2": 5}, {"v1": 50, "v2": 50}, {"v1": 0, "v2": 100}, {"v2": 100}]


def weights_within(world, *, seconds):
    """The weights from now on, one after the other, as they are every five seconds."""
    seen = [world.weights()]
    for _ in range(seconds // 5):
        world.live_on(5)
        if seen[-1] != world.weights():
            seen.append(world.weights())
    return seen


def test_a_first_version_ends_up_stable_with_all_traffic():
    world = served()

    assert world.weights() == {"v1": 100}
    assert world.statuses()["v1"].phase is Phase.STABLE
    assert [event.reason for event in world.events] == ["Deploying", "PreflightStarted", "Promoted"]


def test_a_good_version_goes_through_every_step_and_its_predecessor_is_stopped():
    world = served()
    world.apply_version("v2")

    assert weights_within(world, seconds=300) == STEP_BY_STEP
    assert world.statuses()["v1"].phase is Phase.SUPERSEDED
    assert world.running() == {"v2"}


def test_a_bad_version_is_taken_back_and_says_why():
    world = served()
    world.apply_version("v2")
    world.live_on(15)
    world.verdicts["v2"] = Verdict.FAIL
    world.live_on(5)

    said = world.statuses()["v2"]
    assert world.weights() == {"v1": 100, "v2": 0}
    assert said.phase is Phase.ROLLED_BACK
    assert said.decision.gate == "errors"
    assert "bad within 1m" in said.decision.reason
    world.live_on(100)
    assert world.running() == {"v1"}


def test_with_prometheus_down_a_rollout_holds_for_as_long_as_it_takes():
    world = served()
    world.apply_version("v2")
    world.verdicts["v2"] = Verdict.UNAVAILABLE
    world.live_on(500)

    assert world.weights() == {"v1": 95, "v2": 5}
    assert world.statuses()["v2"].phase is Phase.CANARY


def test_an_idle_model_is_never_written():
    world = served()
    world.live_on(5)
    before = len(world.api.writes)
    world.live_on(600)

    assert len(world.api.writes) == before


def test_deleting_the_only_version_leaves_nothing_behind():
    world = served()
    world.delete_version("v1")
    world.live_on(20)
    assert world.weights() == {"v1": 100}
    world.live_on(20)

    assert {plural: objects for plural, objects in world.api.kinds.items() if plural != "pods" and objects} == {}


def test_a_version_that_comes_seconds_after_the_deletion_of_the_only_one_is_rolled_out_beside_it():
    world = served()
    world.delete_version("v1")
    world.live_on(5)
    world.apply_version("v2")

    assert weights_within(world, seconds=400) == STEP_BY_STEP
    assert set(world.statuses()) == {"v2"}


@pytest.mark.parametrize("everything", [False, True])
@pytest.mark.parametrize("unreadable", [{"v1"}, {"v2"}, {"v1", "v2", "v3"}])
def test_versions_that_are_deleted_together_are_gone_also_those_that_cannot_be_read(everything, unreadable):
    """So is a namespace, whose deletion takes routes and InferenceServices along."""
    world = served()
    world.apply_version("v2")
    world.live_on(200)
    world.apply_version("v3")
    world.live_on(15)
    assert world.weights() == {"v2": 50, "v3": 50}

    for name in unreadable:
        world.spoil(name)
    world.live_on(1)
    for name in list(world.statuses()):
        world.delete_version(name)
    if everything:
        world.delete_route()
        world.api.kind(SERVICES).clear()
    world.live_on(100)

    assert {plural: objects for plural, objects in world.api.kinds.items() if plural != "pods" and objects} == {}


def test_what_serves_and_cannot_be_read_any_more_is_gone_when_its_successor_is_promoted():
    world = served()
    world.spoil("v1")
    world.delete_version("v1")
    world.apply_version("v2")
    world.live_on(20)
    assert world.weights() == {"v1": 50, "v2": 50}

    world.live_on(200)
    assert list(world.statuses()) == ["v2"]
    assert (world.weights(), world.running()) == ({"v2": 100}, {"v2"})


def test_a_deleted_stable_serves_until_the_next_version_is_promoted():
    world = served()
    world.delete_version("v1")
    world.apply_version("v2")
    world.reconcile_until_idle()
    assert "v1" in world.statuses()

    world.live_on(200)
    assert world.weights() == {"v2": 100}
    assert set(world.statuses()) == {"v2"}
    assert world.running() == {"v2"}


def test_when_stable_is_deleted_now_its_candidate_is_served_only_when_somebody_says_so():
    world = served()
    world.apply_version("v2")
    world.live_on(15)
    assert world.weights() == {"v1": 50, "v2": 50}

    world.delete_version("v1", now=True)
    world.live_on(100)

    assert list(world.statuses()) == ["v2"]
    assert world.statuses()["v2"].phase is Phase.FAILED
    assert (world.weights(), world.running()) == ({}, set())

    world.act("Retry", "v2")
    world.live_on(10)
    assert world.statuses()["v2"].phase is Phase.STABLE
    assert world.weights() == {"v2": 100}


def test_nothing_is_refused_on_the_way_to_a_promotion():
    """A write that is known to be refused costs a retry, and shows as an error."""
    world = served()
    world.apply_version("v2")
    world.live_on(300)

    assert world.refused == []
    assert world.statuses()["v2"].phase is Phase.STABLE


def test_a_version_that_answers_wrongly_when_it_is_asked_alone_never_gets_a_request():
    world = served()
    world.answers["v2"] = Verdict.FAIL
    world.apply_version("v2")
    world.live_on(100)

    said = world.statuses()["v2"]
    assert said.phase is Phase.ROLLED_BACK
    assert (said.decision.action, said.decision.gate) == ("Rollback", "preflight")
    assert said.message == "Rolled back: preflight: they say Fail"
    assert world.weights() == {"v1": 100}
    assert world.running() == {"v1"}


@pytest.mark.parametrize(
    "rollout",
    [
        {**ROLLOUT, "steps": [{"weight": 50, "hold": "10s", "approvals": {"count": 1}}]},
        {"strategy": "BlueGreen", "approvals": {"count": 1}},
    ],
)
def test_a_first_version_waits_for_nobodys_approval(rollout):
    world = World()
    world.apply_version("v1", rollout=rollout)
    world.live_on(20)

    assert world.weights() == {"v1": 100}
    assert world.statuses()["v1"].phase is Phase.STABLE


def test_a_first_version_that_answers_wrongly_is_not_served_until_somebody_lets_it_try_again():
    world = World()
    world.answers["v1"] = Verdict.FAIL
    world.apply_version("v1")
    world.live_on(100)

    assert world.statuses()["v1"].phase is Phase.ROLLED_BACK
    assert world.weights() == {}
    assert world.running() == set()

    del world.answers["v1"]
    world.act("Retry", "v1")
    world.live_on(10)
    assert world.weights() == {"v1": 100}
    assert world.statuses()["v1"].phase is Phase.STABLE


def test_while_it_is_being_asked_a_version_waits_however_long_it_takes_and_is_asked_anew_by_a_new_operator():
    world = served()
    world.answers["v2"] = None
    world.apply_version("v2")
    world.live_on(500)
    assert world.statuses()["v2"].phase is Phase.PREFLIGHT
    assert world.weights() == {"v1": 100}

    world.start_operator()
    del world.answers["v2"]
    world.live_on(5)
    assert world.weights() == {"v1": 95, "v2": 5}
    assert world.statuses()["v2"].preflight.verdict is Verdict.PASS


def test_an_attempt_that_is_made_again_is_asked_again():
    world = served()
    world.answers["v2"] = Verdict.FAIL
    world.apply_version("v2")
    world.live_on(10)

    del world.answers["v2"]
    world.act("Retry", "v2")
    world.live_on(5)

    assert world.weights() == {"v1": 95, "v2": 5}
    assert world.statuses()["v2"].attempt == 2


def test_a_version_that_is_asked_alone_can_be_taken_back():
    world = served()
    world.answers["v2"] = None
    world.apply_version("v2")
    world.live_on(10)

    world.act("Abort", "v2")
    world.live_on(10)

    assert world.statuses()["v2"].phase is Phase.ROLLED_BACK


def test_nobody_can_send_a_version_past_the_questions():
    world = served()
    world.answers["v2"] = None
    world.apply_version("v2")
    world.live_on(10)

    world.act("Promote", "v2")
    world.live_on(100)

    assert world.weights() == {"v1": 100}


def test_a_version_that_was_proven_is_not_asked_again_when_it_returns():
    world = served()
    world.apply_version("v2")
    world.live_on(300)
    world.answers["v1"] = Verdict.FAIL
    world.act("Rollback", "v1")
    world.live_on(300)

    assert world.weights()["v1"] == 100
    assert world.statuses()["v1"].phase is Phase.STABLE


def test_what_was_asked_is_forgotten_when_it_is_over():
    world = served()
    world.apply_version("v2")
    world.live_on(20)

    assert world.asked_alone() == set()


def test_only_a_rollback_that_a_sample_was_the_reason_for_is_timed_from_it():
    world = served()
    world.answers["v2"] = Verdict.FAIL
    world.apply_version("v2")
    world.live_on(10)
    assert world.sample_to_route == []

    world.apply_version("v3")
    world.live_on(10)
    world.verdicts["v3"] = Verdict.FAIL
    world.live_on(5)

    assert world.statuses()["v2"].phase is world.statuses()["v3"].phase is Phase.ROLLED_BACK
    assert world.sample_to_route

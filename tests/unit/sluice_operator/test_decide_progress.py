"""A candidate gets more traffic step by step, on evidence alone, and all of it for good only at the very end."""

from dataclasses import replace

import pytest
from making import (
    FAIL,
    NO_DATA,
    PASS,
    UNAVAILABLE,
    after,
    route,
    snapshot,
    stable,
    status,
    version,
    weights,
)

from sluice_operator.api.status import Phase
from sluice_operator.rollout.decide import decide
from sluice_operator.rollout.transitions import transition


def canary(step, *, started=100.0, gates=PASS, phase=Phase.CANARY, name="v2", **fields):
    """The version v2 on a step of its rollout that began after so many seconds."""
    now = status(phase, step=step, step_started_at=after(started))
    return version(name, created=10, now=now, gates=gates, **fields)


def probation(*, started=100.0, gates=PASS):
    return canary(2, started=started, gates=gates, phase=Phase.PROBATION)


# The first version of a model


def test_a_first_version_is_deployed_and_gets_no_traffic_before_it_is_ready():
    plan = decide(snapshot(version("v1", created=0, ready=False, problem="ImagePullBackOff")), after(5))

    assert plan.run == ("v1",)
    assert plan.route is None
    assert plan.statuses["v1"].phase is Phase.DEPLOYING
    assert "ImagePullBackOff" in plan.statuses["v1"].message
    assert plan.wake_at == after(65), "it has the readyTimeout of a minute"


def test_a_first_version_that_is_ready_gets_all_traffic():
    plan = decide(snapshot(version("v1", created=0)), after(5))

    assert weights(plan) == {"v1": 100}
    assert plan.guard == ("v1",), "what gets traffic must not vanish"
    assert plan.statuses["v1"].promoted_at is None


def test_a_first_version_is_not_ready_for_its_owner_until_the_gateway_has_taken_the_route():
    plan = decide(snapshot(version("v1", created=0), route=route(v1=100, in_force=False)), after(6))

    said = plan.statuses["v1"]
    assert weights(plan) == {"v1": 100}
    assert (said.phase, said.promoted_at) == (Phase.DEPLOYING, None)
    assert {c.type: c.status for c in said.conditions}["Ready"] == "False"


def test_a_first_version_is_stable_once_the_route_serves_it():
    plan = decide(snapshot(version("v1", created=0), route=route(v1=100)), after(7))

    said = plan.statuses["v1"]
    assert (said.phase, said.promoted_at, said.weight) == (Phase.STABLE, after(7), 100)
    assert said.decision.action == "Promote"
    assert {c.type: c.status for c in said.conditions} == {"Ready": "True"}


# A candidate beside stable


def test_a_new_version_is_deployed_while_stable_keeps_all_traffic():
    plan = decide(
        snapshot(stable(), version("v2", created=10, ready=False), route=route(v1=100)),
        after(20),
    )

    assert plan.run == ("v1", "v2")
    assert weights(plan) == {"v1": 100}
    assert plan.statuses["v2"].phase is Phase.DEPLOYING


def known(name="v2", *, created=10, since=18):
    """A ready candidate that the Gateway has had in its route, at weight 0, since a moment."""
    return version(name, created=created, now=status(Phase.DEPLOYING, step_started_at=after(since)))


def test_a_ready_candidate_is_in_the_route_at_0_before_it_gets_a_request():
    plan = decide(snapshot(stable(), version("v2", created=10), route=route(v1=100)), after(20))

    assert weights(plan) == {"v1": 100, "v2": 0}
    assert plan.statuses["v2"].phase is Phase.PREFLIGHT
    assert plan.statuses["v2"].step_started_at is None


def test_the_gateway_has_time_to_learn_of_a_candidates_pods():
    taken = snapshot(stable(), version("v2", created=10), route=route(v1=100, v2=0))
    plan = decide(taken, after(20))
    assert weights(plan) == {"v1": 100, "v2": 0}
    assert plan.wake_at == after(22)

    seen = version("v2", created=10, now=plan.statuses["v2"])
    early = decide(snapshot(stable(), seen, route=route(v1=100, v2=0)), after(21))
    assert weights(early) == {"v1": 100, "v2": 0}
    assert early.statuses["v2"] == plan.statuses["v2"]
    assert weights(decide(snapshot(stable(), seen, route=route(v1=100, v2=0)), after(22))) == {"v1": 95, "v2": 5}


def test_a_candidate_that_fails_while_the_gateway_learns_of_it_has_the_whole_time_to_become_ready_again():
    now = status(Phase.DEPLOYING, step_started_at=after(18), next_transition_at=after(20))
    gone = version("v2", created=10, now=now, ready=False)
    plan = decide(snapshot(stable(), gone, route=route(v1=100, v2=0)), after(21))
    assert plan.statuses["v2"].phase is Phase.DEPLOYING
    assert plan.statuses["v2"].next_transition_at > after(22)


def test_a_ready_candidate_begins_with_the_first_step():
    plan = decide(snapshot(stable(), known(), route=route(v1=100, v2=0)), after(20))

    said = plan.statuses["v2"]
    assert weights(plan) == {"v1": 95, "v2": 5}
    assert (said.phase, said.step, said.step_started_at) == (Phase.CANARY, 0, after(20))
    assert plan.wake_at == after(30), "the hold of the step is 10 s"
    assert plan.guard == ("v1", "v2")
    assert not plan.rollback


def test_a_step_is_held_as_long_as_it_says():
    held = snapshot(stable(), canary(0), route=route(v1=95, v2=5))

    assert weights(decide(held, after(109))) == {"v1": 95, "v2": 5}
    plan = decide(held, after(110))
    assert weights(plan) == {"v1": 50, "v2": 50}
    assert (plan.statuses["v2"].step, plan.statuses["v2"].step_started_at) == (1, after(110))


def test_a_step_does_not_end_before_the_gateway_has_taken_its_weight():
    not_taken = snapshot(stable(), canary(0), route=route(v1=95, v2=5, in_force=False))
    not_written = snapshot(stable(), canary(0), route=route(v1=100))

    for seen in (not_taken, not_written):
        plan = decide(seen, after(500))
        assert weights(plan) == {"v1": 95, "v2": 5}
        assert plan.statuses["v2"].step == 0
        assert "Gateway" in plan.statuses["v2"].message


@pytest.mark.parametrize("gates", [NO_DATA, UNAVAILABLE, PASS + NO_DATA, ()])
def test_no_weight_rises_unless_every_gate_passes(gates):
    held = snapshot(stable(), canary(0, gates=gates), route=route(v1=95, v2=5))

    plan = decide(held, after(500))

    assert weights(plan) == {"v1": 95, "v2": 5}
    assert plan.statuses["v2"].step == 0
    assert "waits for" in plan.statuses["v2"].message


def test_after_the_last_step_comes_probation_with_all_requests_and_no_promotion_yet():
    plan = decide(snapshot(stable(), canary(1), route=route(v1=50, v2=50)), after(120))

    said = plan.statuses["v2"]
    assert weights(plan) == {"v1": 0, "v2": 100}
    assert (said.phase, said.step, said.promoted_at) == (Phase.PROBATION, 2, None)
    assert plan.run == ("v1", "v2"), "stable stays warm"


@pytest.mark.parametrize(
    ("gates", "in_force", "seconds"),
    [(NO_DATA, True, 500), (UNAVAILABLE, True, 500), (PASS, False, 500), (PASS, True, 129)],
)
def test_probation_ends_only_with_passing_gates_a_route_in_force_and_its_time_over(gates, in_force, seconds):
    seen = snapshot(stable(), probation(gates=gates), route=route(v1=0, v2=100, in_force=in_force))

    plan = decide(seen, after(seconds))

    assert plan.statuses["v2"].phase is Phase.PROBATION
    assert plan.statuses["v2"].promoted_at is None


def test_a_candidate_that_passes_probation_is_promoted_in_one_status_write():
    plan = decide(snapshot(stable(), probation(), route=route(v1=0, v2=100)), after(130))

    said = plan.statuses["v2"]
    assert (said.phase, said.promoted_at) == (Phase.STABLE, after(130))
    assert (said.decision.action, said.decision.at) == ("Promote", after(130))
    assert weights(plan) == {"v1": 0, "v2": 100}


# What happens to the version that was stable before


def promoted(name="v2", at=200.0):
    return stable(name, created=10, promoted=at)


def test_the_version_promoted_last_is_stable_and_the_one_before_is_superseded():
    plan = decide(snapshot(stable(), promoted(), route=route(v1=0, v2=100)), after(201))

    assert plan.statuses["v1"].phase is Phase.SUPERSEDED
    assert plan.statuses["v2"].phase is Phase.STABLE
    assert plan.stop == (), "its last requests drain"
    assert plan.statuses["v1"].traffic_ended_at == after(201)
    assert plan.wake_at == after(261)


def test_a_superseded_version_leaves_the_route_first_and_is_stopped_only_then():
    old = version("v1", created=0, now=status(Phase.SUPERSEDED, promoted_at=after(1), traffic_ended_at=after(201)))
    drained = decide(snapshot(old, promoted(), route=route(v1=0, v2=100)), after(261))
    assert weights(drained) == {"v2": 100}
    assert drained.stop == ()

    gone = decide(snapshot(old, promoted(), route=route(v2=100)), after(262))
    assert gone.stop == ("v1",)
    assert gone.run == ("v2",)


def test_a_superseded_version_is_not_stopped_while_the_route_is_not_read_back():
    plan = decide(snapshot(stable(), promoted(), route=route(v2=100, in_force=False)), after(500))

    assert plan.stop == ()


def test_a_new_version_after_a_promotion_is_compared_with_the_new_stable():
    third = known("v3", created=300, since=305)
    plan = decide(snapshot(stable(), promoted(), third, route=route(v2=100, v3=0)), after(310))

    assert weights(plan) == {"v2": 95, "v3": 5}
    assert plan.run == ("v2", "v3")


# Settings


def test_the_settings_are_frozen_when_the_attempt_starts():
    begun = decide(snapshot(stable(), known(), route=route(v1=100, v2=0)), after(20))
    frozen = begun.statuses["v2"].effective_rollout
    assert [step.weight for step in frozen.steps] == [5, 50]

    loose = frozen.model_copy(update={"steps": frozen.steps[1:]})
    now = begun.statuses["v2"].model_copy(update={"effective_rollout": loose})
    seen = version("v2", created=10, now=now)
    plan = decide(snapshot(stable(), seen, route=route(v1=50, v2=50)), after(25))

    assert plan.statuses["v2"].effective_rollout == loose, "what the status froze counts, not the spec"
    assert weights(plan) == {"v1": 50, "v2": 50}


# A gate that cannot be answered


@pytest.mark.parametrize("seconds", [101, 120, 90_000], ids=["at once", "held", "held too long"])
def test_a_gate_that_asks_for_what_is_not_counted_stalls_the_rollout_where_it_is(seconds):
    slow = replace(UNAVAILABLE[0], name="slow", message="300ms is not an edge", answerable=False)
    seen = snapshot(stable(), canary(0, gates=(*PASS, slow)), route=route(v1=95, v2=5))

    plan = decide(seen, after(seconds))

    said = plan.statuses["v2"]
    assert weights(plan) == {"v1": 95, "v2": 5}
    assert (said.phase, said.message) == (Phase.CANARY, "GateUnanswerable: slow: 300ms is not an edge")
    assert {c.type: (c.status, c.reason) for c in said.conditions} == {
        "Ready": ("False", "GateUnanswerable"),
        "Stalled": ("True", "GateUnanswerable"),
    }
    told = transition(canary(0).status, said)
    assert told is not None
    assert (told.kind, told.reason) == ("Warning", "GateUnanswerable")


def test_a_gate_that_fails_takes_traffic_back_whatever_another_cannot_answer():
    slow = replace(UNAVAILABLE[0], name="slow", answerable=False)
    seen = snapshot(stable(), canary(0, gates=(slow, *FAIL)), route=route(v1=95, v2=5))

    assert weights(decide(seen, after(101))) == {"v1": 100, "v2": 0}


def test_a_histogram_that_has_not_been_seen_yet_is_waited_for():
    seen = snapshot(stable(), canary(0, gates=(*PASS, *NO_DATA)), route=route(v1=95, v2=5))

    conditions = decide(seen, after(120)).statuses["v2"].conditions

    assert "Reconciling" in {c.type for c in conditions}

"""How a candidate comes to its traffic by each strategy, with which pods, and what other versions do to it."""

from dataclasses import replace
from typing import Any

import pytest
from making import (
    FAIL,
    NO_DATA,
    PASS,
    UNAVAILABLE,
    after,
    backend,
    route,
    snapshot,
    spec,
    stable,
    status,
    version,
    weights,
)

from sluice_operator.api.action import RolloutActionSpec
from sluice_operator.api.policy import RolloutPolicySpec
from sluice_operator.api.status import Approval, Phase
from sluice_operator.rollout.decide import decide
from sluice_operator.rollout.settings import merge, settle
from sluice_operator.rollout.snapshot import Act, Mark, Policy, Version
from sluice_operator.rollout.transitions import stalled_by

PROBATION = {"duration": "30s"}


def candidate(rollout: dict[str, Any], *, name: str = "v2", created: float = 10, now=None, **fields: Any) -> Version:
    made = version(name, created=created, now=now, **fields)
    return replace(made, spec=spec(name, rollout=rollout))


def settings(rollout: dict[str, Any]):
    return merge(spec("v2", rollout=rollout).rollout)


def carried_on(before: Version, plan, **fields: Any) -> Version:
    """The same version with the status that was decided on."""
    return replace(before, status=plan.statuses[before.name], **fields)


# BlueGreen


BLUE_GREEN = {"strategy": "BlueGreen", "probation": PROBATION, "approvals": {"count": 1}}


def known(rollout: dict[str, Any], **fields: Any) -> Version:
    """Known to the Gateway for long enough."""
    now = status(Phase.DEPLOYING, step_started_at=after(10), effective_rollout=settings(rollout))
    return candidate(rollout, now=now, **fields)


def test_a_blue_green_candidate_can_be_asked_by_header_before_it_has_traffic():
    plan = decide(snapshot(stable(), known(BLUE_GREEN), route=route(v1=100, v2=0)), after(20))

    assert weights(plan) == {"v1": 100, "v2": 0}
    assert [(p.header, p.value, p.backend) for p in plan.route.previews] == [("x-sluice-version", "v2", "v2-be")]
    assert plan.statuses["v2"].phase is Phase.AWAITING_APPROVAL


def test_it_gets_all_traffic_at_once_when_people_agree_and_then_is_on_probation():
    agreed = known(BLUE_GREEN)
    agreed = replace(agreed, status=agreed.status.model_copy(update={"approvals": [Approval(by="ann", at=after(15))]}))

    switched = decide(snapshot(stable(), agreed, route=route(v1=100, v2=0)), after(20))
    assert weights(switched) == {"v1": 0, "v2": 100}
    assert switched.statuses["v2"].phase is Phase.PROBATION

    taken = decide(snapshot(stable(), carried_on(agreed, switched), route=route(v1=0, v2=100)), after(21))
    held = carried_on(agreed, taken, gates=PASS)
    promoted = decide(snapshot(stable(), held, route=route(v1=0, v2=100)), after(51))
    assert promoted.statuses["v2"].promoted_at == after(51)


def test_without_approvals_it_switches_by_itself():
    rollout = {"strategy": "BlueGreen", "probation": PROBATION}

    plan = decide(snapshot(stable(), known(rollout), route=route(v1=100, v2=0)), after(20))

    assert weights(plan) == {"v1": 0, "v2": 100}


# Replace


def test_replace_promotes_what_is_ready_without_asking_a_gate():
    rollout = {"strategy": "Replace"}
    first = decide(snapshot(stable(), known(rollout), route=route(v1=100, v2=0)), after(20))
    assert weights(first) == {"v1": 0, "v2": 100}

    taken = carried_on(known(rollout), first, gates=NO_DATA)
    then = decide(snapshot(stable(), taken, route=route(v1=0, v2=100)), after(21))
    assert then.statuses["v2"].promoted_at == after(21)
    assert then.statuses["v2"].decision.reason == "ready, and the strategy is Replace"


# A hold


@pytest.mark.parametrize("phase", [Phase.CANARY, Phase.PAUSED])
def test_the_hold_of_a_step_begins_when_the_gateway_has_taken_its_weight(phase):
    rollout = {"steps": [{"weight": 5, "hold": "10s"}, {"weight": 50, "hold": "10s"}]}
    now = status(Phase.CANARY, step=0, step_started_at=after(100), effective_rollout=settings(rollout))
    before = candidate(rollout, now=now, gates=PASS)
    entered = carried_on(before, decide(snapshot(stable(), before, route=route(v1=95, v2=5)), after(110)))
    entered = replace(entered, status=entered.status.model_copy(update={"phase": phase}))
    late, taken = route(v1=50, v2=50, in_force=False), route(v1=50, v2=50)

    waits = carried_on(entered, decide(snapshot(stable(), entered, route=late), after(150)))
    assert (waits.status.step, waits.status.weight_pending) == (1, True)
    holds = carried_on(waits, decide(snapshot(stable(), waits, route=taken), after(160)))
    assert (holds.status.step_started_at, holds.status.weight_pending) == (after(160), None)
    assert holds.status.next_transition_at == after(170)
    assert decide(snapshot(stable(), holds, route=taken), after(169)).statuses["v2"].step == 1

    again = carried_on(holds, decide(snapshot(stable(), holds, route=late), after(169)))
    assert decide(snapshot(stable(), again, route=taken), after(170)).statuses["v2"].phase is Phase.PROBATION


# Probation with a holdback


def test_a_holdback_stays_on_stable_until_the_promotion():
    rollout = {"steps": [{"weight": 50, "hold": "10s"}], "probation": {"duration": "30s", "holdback": 5}}
    now = status(Phase.CANARY, step=0, step_started_at=after(100), effective_rollout=settings(rollout))
    before = candidate(rollout, now=now, gates=PASS)

    probation = decide(snapshot(stable(), before, route=route(v1=50, v2=50)), after(110))
    assert weights(probation) == {"v1": 5, "v2": 95}

    taken = decide(snapshot(stable(), carried_on(before, probation), route=route(v1=5, v2=95)), after(111))
    held = carried_on(before, taken)
    promoted = decide(snapshot(stable(), held, route=route(v1=5, v2=95)), after(141))
    assert weights(promoted) == {"v1": 0, "v2": 100}


# A step that sees too little


def held_long(gates, **fields: Any) -> Version:
    rollout = {"steps": [{"weight": 5, "hold": "10s"}], "maxHold": "10m", **fields}
    now = status(Phase.CANARY, step=0, step_started_at=after(100), effective_rollout=settings(rollout))
    return candidate(rollout, now=now, gates=gates)


def test_a_step_that_sees_too_little_waits_and_says_that_it_has_waited_long():
    plan = decide(snapshot(stable(), held_long(NO_DATA), route=route(v1=95, v2=5)), after(701))

    assert weights(plan) == {"v1": 95, "v2": 5}
    assert "for longer than maxHold 10m" in plan.statuses["v2"].message


def test_it_is_taken_back_then_where_people_want_that():
    seen = held_long(NO_DATA, onNoData="Rollback")

    assert weights(decide(snapshot(stable(), seen, route=route(v1=95, v2=5)), after(699))) == {"v1": 95, "v2": 5}
    assert weights(decide(snapshot(stable(), seen, route=route(v1=95, v2=5)), after(700))) == {"v1": 100, "v2": 0}


def test_prometheus_being_away_takes_nothing_back_even_then():
    seen = held_long(UNAVAILABLE, onNoData="Rollback")

    assert weights(decide(snapshot(stable(), seen, route=route(v1=95, v2=5)), after(9000))) == {"v1": 95, "v2": 5}


# Readiness that comes and goes


def test_a_candidate_that_comes_and_goes_is_given_up_although_it_is_ready_now_and_then():
    rollout = {"steps": [{"weight": 5, "hold": "10m"}], "readyTimeout": "2m"}
    flaps = candidate(rollout, now=status(Phase.CANARY, step=0, step_started_at=after(100)), gates=PASS)
    on, off = route(v1=95, v2=5), route(v1=100, v2=0)
    gone = backend("v2", ready=False, problem="CrashLoopBackOff")

    lost = decide(snapshot(stable(), replace(flaps, backend=gone), route=on), after(110))
    assert weights(lost)["v2"] == 0
    back = carried_on(flaps, lost, backend=backend("v2"))
    for moment in (115, 118):
        plan = decide(snapshot(stable(), back, route=off), after(moment))
        back = carried_on(back, plan)
    assert back.status.phase is Phase.CANARY

    again = decide(snapshot(stable(), replace(back, backend=gone), route=on), after(231))
    assert again.statuses["v2"].phase is Phase.ROLLING_BACK


def test_one_that_stays_ready_for_long_enough_is_given_the_whole_time_again():
    now = status(Phase.CANARY, step=0, step_started_at=after(100), ready_by=after(150))
    rollout = {"steps": [{"weight": 5, "hold": "10m"}], "readyTimeout": "2m"}
    held = candidate(rollout, now=now, gates=PASS)

    plan = decide(snapshot(stable(), held, route=route(v1=95, v2=5)), after(220))

    assert plan.statuses["v2"].ready_by is None


# Capacity before traffic


def test_weight_waits_for_the_pods_that_can_carry_it():
    rollout = {"steps": [{"weight": 5, "hold": "10s"}, {"weight": 50, "hold": "10s"}]}
    now = status(Phase.CANARY, step=0, step_started_at=after(100), capacity=3, effective_rollout=settings(rollout))
    seen = candidate(rollout, now=now, gates=PASS, serving=backend("v2", available=1))

    waits = decide(snapshot(stable(), seen, route=route(v1=95, v2=5)), after(120))
    assert weights(waits) == {"v1": 95, "v2": 5}
    assert "waits for 2 pods before it gets 50 %" in waits.statuses["v2"].message
    assert waits.replicas == {"v1": 3, "v2": 2}
    grown = replace(seen, backend=backend("v2", available=2))
    assert weights(decide(snapshot(stable(), grown, route=route(v1=95, v2=5)), after(121))) == {"v1": 50, "v2": 50}


def test_people_are_told_when_the_pods_do_not_come():
    rollout = {"steps": [{"weight": 5, "hold": "10s"}, {"weight": 50, "hold": "10s"}]}
    now = status(Phase.CANARY, step=0, step_started_at=after(100), capacity=3, effective_rollout=settings(rollout))
    seen = candidate(rollout, now=now, gates=PASS, serving=backend("v2", available=1))
    waits = decide(snapshot(stable(), seen, route=route(v1=95, v2=5)), after(120))
    assert (waits.statuses["v2"].pods_by, waits.wake_at) == (after(720), after(720))

    def later(at, pods):
        has = backend("v2", available=pods)
        return decide(
            snapshot(stable(), carried_on(seen, waits, backend=has), route=route(v1=95, v2=5)), after(at)
        ).statuses["v2"]

    assert stalled_by(later(719, 1)) is None
    assert stalled_by(later(720, 1)) == "NotEnoughPods"
    assert later(720, 1).message.startswith("NotEnoughPods: step 1 of 2 at 5 %: waits for 2 pods before it gets 50 %")
    assert later(9000, 2).step == 1, "it goes on when they come"
    assert later(9000, 2).pods_by is None


def test_a_version_that_waits_for_pods_before_its_first_traffic_is_told_of_too():
    now = status(Phase.PREFLIGHT, step_started_at=after(20), capacity=80, pods_by=after(90))
    few = version("v2", created=10, now=now, serving=backend("v2", available=3, desired=4))
    few = replace(few, spec=spec("v2", predictor={"maxReplicas": 100}))

    said = decide(snapshot(stable(), few, route=route(v1=100, v2=0)), after(90)).statuses["v2"]

    assert (said.phase, stalled_by(said), said.pods_by) == (Phase.PREFLIGHT, "NotEnoughPods", after(90))


SLOWLY = {"steps": [{"weight": 50, "hold": "10s"}]}


def waiting_for_two(now, **fields: Any) -> Version:
    """A candidate that needs two pods for its step, and has one that answers; KServe waits for the other."""
    said = now.model_copy(update={"capacity": 4, "effective_rollout": settings(SLOWLY)})
    one = backend("v2", ready=False, available=1, problem="its pods are starting")
    return candidate(SLOWLY, now=said, gates=PASS, **{"serving": one, **fields})


def test_pods_that_the_first_step_waits_for_stay_asked_for_while_they_come():
    """With fewer it would be ready again, and with more not: it would go round in circles."""
    fresh = waiting_for_two(status(Phase.DEPLOYING, step_started_at=after(10)))
    known = replace(fresh, backend=backend("v2", available=2))

    comes = decide(snapshot(stable(), fresh, route=route(v1=100, v2=0)), after(20))
    settles = decide(snapshot(stable(), carried_on(known, comes), route=route(v1=100, v2=0)), after(21))

    assert comes.replicas["v2"] == settles.replicas["v2"] == 2
    assert weights(comes) == weights(settles) == {"v1": 100, "v2": 0}


def test_pods_of_a_step_stay_asked_for_when_all_are_lost():
    lost = waiting_for_two(status(Phase.CANARY, step=0, step_started_at=after(100)), serving=backend("v2", ready=False))
    paused = replace(lost, spec=lost.spec.model_copy(update={"paused": True}))

    for seen in (lost, paused):
        gone = decide(snapshot(stable(), seen, route=route(v1=50, v2=50)), after(101))
        assert weights(gone) == {"v1": 100, "v2": 0}
        assert gone.replicas["v2"] == 2
        back = carried_on(seen, gone, backend=backend("v2", available=2))
        assert decide(snapshot(stable(), back, route=route(v1=100, v2=0)), after(102)).replicas["v2"] == 2


@pytest.mark.parametrize(
    "keeps",
    [{"preflight": None}, {"spec": {"paused": True}}, {"rollout": BLUE_GREEN}],
    ids=["preflight", "a pause", "approvals"],
)
def test_they_are_not_asked_for_while_something_else_keeps_it_from_its_first_traffic(keeps):
    rollout = keeps.get("rollout", SLOWLY)
    fresh = candidate(rollout, now=status(Phase.DEPLOYING, capacity=4), ready=False)
    fresh = replace(fresh, spec=fresh.spec.model_copy(update=keeps.get("spec", {})))
    fresh = replace(fresh, preflight=keeps.get("preflight", fresh.preflight))

    assert "v2" not in decide(snapshot(stable(), fresh, route=route(v1=100)), after(20)).replicas


def test_what_stable_runs_when_an_attempt_begins_is_kept_until_it_is_over():
    runs = stable(serving=backend("v1", available=3))
    begun = decide(snapshot(runs, version("v2", created=10, ready=False), route=route(v1=100)), after(11))
    assert begun.statuses["v2"].capacity == 3
    assert begun.replicas["v1"] == 3

    fewer = stable(serving=backend("v1", available=2))
    later = version("v2", created=10, ready=False, now=begun.statuses["v2"])
    assert decide(snapshot(fewer, later, route=route(v1=100)), after(12)).replicas["v1"] == 3

    over = version("v2", created=10, now=status(Phase.ROLLED_BACK))
    assert decide(snapshot(fewer, over, route=route(v1=100)), after(13)).replicas == {}


def test_a_stable_that_is_down_when_an_attempt_begins_is_measured_by_what_it_is_to_run():
    down = stable(serving=backend("v1", ready=False, available=0, desired=3))

    begun = decide(snapshot(down, version("v2", created=10, ready=False), route=route(v1=100)), after(11))

    assert begun.statuses["v2"].capacity == 3
    assert begun.replicas["v1"] == 3


@pytest.mark.parametrize(
    ("before", "serving", "capacity"),
    [
        (None, {"available": 3, "desired": 3}, 3),
        (0, {"available": 3, "desired": 3}, 3),
        (1, {"available": 2, "desired": 3}, 3),
        (3, {"available": 1, "desired": 1}, 3),
        (1, {"available": 4, "desired": 4}, 3),
        (None, {"ready": False, "available": 0, "desired": 0}, 0),
    ],
    ids=["unknown", "none", "it grows", "it shrinks", "a pod is being replaced", "it is not there"],
)
def test_the_most_that_stable_is_seen_to_run_in_an_attempt_counts(before, serving, capacity):
    now = status(Phase.CANARY, step=0, step_started_at=after(100), capacity=before)
    seen = snapshot(
        stable(serving=backend("v1", **serving)), version("v2", created=10, now=now), route=route(v1=95, v2=5)
    )

    assert decide(seen, after(101)).statuses["v2"].capacity == capacity


def test_what_is_taken_back_keeps_its_pods_until_it_has_drained():
    """The Gateway may still send it requests, and it answers those that it has."""
    now = status(Phase.CANARY, step=0, step_started_at=after(100), capacity=4, effective_rollout=settings(SLOWLY))
    bad = candidate(SLOWLY, now=now, gates=FAIL, serving=backend("v2", available=2, desired=2))

    begun = decide(snapshot(stable(), bad, route=route(v1=50, v2=50)), after(101))
    assert weights(begun) == {"v1": 100, "v2": 0}
    assert begun.run == ("v1",), "its InferenceService stays as it is"

    over = carried_on(bad, begun)
    drains = decide(snapshot(stable(), over, route=route(v1=100, v2=0, marks=begun.route.marks)), after(103))
    assert (drains.run, drains.stop) == (("v1",), ())


def test_a_version_that_is_given_up_before_its_first_traffic_is_not_asked_for_pods_any_more():
    late = version("v2", created=10, ready=False, now=status(Phase.DEPLOYING, ready_by=after(15)))

    plan = decide(snapshot(stable(), late, route=route(v1=100)), after(20))

    assert plan.statuses["v2"].phase is Phase.FAILED
    assert plan.run == ("v1",)


def test_stable_keeps_its_pods_after_a_rollback_until_its_autoscaler_has_seen_what_came_back():
    runs = stable(serving=backend("v1", available=3, desired=3))
    mark = Mark(uid="uid-v2", attempt=1, reason="errors: it says Fail", at=after(101), gate="errors")

    def replicas(phase: Phase, ended_at: float | None, at: float):
        since = after(ended_at) if ended_at is not None else None
        taken = version("v2", created=10, now=status(phase, step=0, traffic_ended_at=since))
        table = route(v1=100, v2=0, marks=(mark,), in_force=since is not None)
        return decide(snapshot(runs, taken, route=table), after(at)).replicas

    assert replicas(Phase.ROLLING_BACK, None, 102) == {"v1": 3}
    assert replicas(Phase.ROLLED_BACK, 103, 162) == {"v1": 3}
    assert replicas(Phase.ROLLED_BACK, 103, 163) == {}
    assert replicas(Phase.REJECTED, 103, 104) == {}


def test_nobody_is_asked_for_more_pods_than_his_maximum():
    rollout = {"steps": [{"weight": 50, "hold": "10s"}]}
    now = status(Phase.CANARY, step=0, step_started_at=after(100), capacity=9, effective_rollout=settings(rollout))
    seen = candidate(rollout, now=now, gates=PASS, serving=backend("v2", available=3))

    plan = decide(snapshot(stable(), seen, route=route(v1=50, v2=50)), after(120))

    assert plan.replicas == {"v1": 3, "v2": 3}
    assert plan.statuses["v2"].phase is Phase.PROBATION
    assert plan.statuses["v2"].message.endswith("; all requests take 9 pods, and its maxReplicas is 3")


def test_nothing_is_said_of_a_maximum_that_is_enough():
    now = status(Phase.CANARY, step=0, step_started_at=after(100), capacity=3, effective_rollout=settings(SLOWLY))

    plan = decide(snapshot(stable(), candidate(SLOWLY, now=now, gates=PASS), route=route(v1=50, v2=50)), after(101))

    assert "maxReplicas" not in plan.statuses["v2"].message


# A newer version while another is rolled out


def under_way() -> Version:
    return version("v2", created=10, now=status(Phase.CANARY, step=0, step_started_at=after(100)), gates=PASS)


def newer(word: str, name: str = "v3", created: float = 105) -> Version:
    return candidate({"onNewVersion": word, "probation": PROBATION}, name=name, created=created, ready=False)


def test_a_version_that_queues_waits_for_the_end_of_the_rollout():
    plan = decide(snapshot(stable(), under_way(), newer("Queue"), route=route(v1=95, v2=5)), after(106))
    assert plan.run == ("v1", "v2")
    assert plan.statuses["v3"].phase is Phase.QUEUED
    assert plan.statuses["v3"].effective_rollout is None, "nothing has begun that could be frozen"
    assert weights(plan) == {"v1": 95, "v2": 5}

    over = version("v2", created=10, now=status(Phase.ROLLED_BACK))
    begun = decide(snapshot(stable(), over, newer("Queue"), route=route(v1=100)), after(200))
    assert begun.run == ("v1", "v3")


def test_a_version_that_rejects_itself_stays_rejected():
    plan = decide(snapshot(stable(), under_way(), newer("Reject"), route=route(v1=95, v2=5)), after(106))
    assert plan.statuses["v3"].phase is Phase.REJECTED
    assert "v2 was being rolled out" in plan.statuses["v3"].message

    over = version("v2", created=10, now=status(Phase.ROLLED_BACK))
    rejected = carried_on(newer("Reject"), plan)
    assert decide(snapshot(stable(), over, rejected, route=route(v1=100)), after(200)).run == ("v1",)


def test_the_newest_versions_word_counts_for_all_that_wait():
    seen = snapshot(stable(), under_way(), newer("Queue"), newer("Supersede", "v4", 110), route=route(v1=95, v2=5))

    plan = decide(seen, after(111))

    assert plan.run == ("v1", "v4")
    assert plan.statuses["v2"].phase is plan.statuses["v3"].phase is Phase.SKIPPED


def test_what_is_superseded_keeps_its_traffic_while_stable_has_nobody_to_answer_it():
    seen = snapshot(stable(ready=False), under_way(), newer("Supersede"), route=route(v1=95, v2=5))
    assert weights(decide(seen, after(106))) == {"v1": 95, "v2": 5}

    ready = snapshot(stable(), under_way(), newer("Supersede"), route=route(v1=95, v2=5))
    assert weights(decide(ready, after(107))) == {"v1": 100, "v2": 0}


# What a policy does not allow


def test_a_version_that_its_policy_does_not_allow_does_not_begin_and_ends_nothing():
    policy = Policy(
        name="team", spec=RolloutPolicySpec.model_validate({"models": ["sms"], "require": {"digest": True}})
    )
    running = under_way()
    running = replace(running, status=running.status.model_copy(update={"effective_rollout": settings({})}))
    seen = snapshot(stable(), running, newer("Supersede"), route=route(v1=95, v2=5), policy=policy)

    plan = decide(seen, after(106))

    said = plan.statuses["v3"]
    assert said.message == "PolicyViolation: the policy requires source.digest"
    assert {c.type: c.status for c in said.conditions} == {"Ready": "False", "Stalled": "True"}
    assert plan.run == ("v1", "v2")
    assert plan.statuses["v2"].phase is Phase.CANARY


@pytest.mark.parametrize("gates", [(), NO_DATA, UNAVAILABLE], ids=["unanswered", "no data", "unavailable"])
def test_a_required_gate_is_asked_in_a_probation_that_takes_no_time(gates):
    floor = RolloutPolicySpec.model_validate({"models": ["sms"], "require": {"gates": ["errors"]}})
    quick = {"strategy": "BlueGreen", "probation": {"duration": "0s", "holdback": 0}}
    found = settle(spec("v2", rollout=quick).rollout, policy=floor, digest=None)
    assert found.problem is None
    now = status(Phase.PROBATION, step=0, step_started_at=after(10), effective_rollout=found.settings)
    seen = snapshot(stable(), candidate(quick, now=now, gates=gates), route=route(v1=0, v2=100))

    assert decide(seen, after(1000)).statuses["v2"].phase is Phase.PROBATION


def test_while_the_policy_cannot_be_read_nothing_begins_and_what_has_begun_goes_on():
    unreadable = Policy(name="team", spec=None)
    running = under_way()
    running = replace(running, status=running.status.model_copy(update={"effective_rollout": settings({})}))

    fresh = decide(snapshot(stable(), version("v2", created=10), route=route(v1=100), policy=unreadable), after(20))
    assert fresh.statuses["v2"].message == "PolicyViolation: the policy team cannot be read"
    assert fresh.run == ("v1",)

    on = decide(snapshot(stable(), running, route=route(v1=95, v2=5), policy=unreadable), after(106))
    assert on.statuses["v2"].phase is Phase.CANARY


def test_a_proven_version_returns_also_while_the_policy_cannot_be_read():
    """By a person's act, and because stable is to be deleted: then it begins once, and stable can go."""
    unreadable = Policy(name="team", spec=None)
    resting = version("v1", created=0, now=status(Phase.SUPERSEDED, promoted_at=after(1), traffic_ended_at=after(205)))
    said = {"modelVersion": "v1", "uid": "uid-v1", "action": "Rollback", "reason": "r", "requestedBy": "ann"}
    back = RolloutActionSpec.model_validate(said)
    ordered = Act(name="back", uid="act-back", created_at=after(300), spec=back)
    current = stable("v2", created=10, promoted=200)
    going = stable("v2", created=10, promoted=200, deleting=True, finalizer=True)
    seen = {"route": route(v2=100), "policy": unreadable}

    for asked in (
        snapshot(resting, current, acts=(ordered,), **seen),
        snapshot(resting, going, **seen),
    ):
        begun = decide(asked, after(301))
        assert (begun.statuses["v1"].phase, begun.statuses["v1"].attempt) == (Phase.DEPLOYING, 2)
        assert set(begun.run) == {"v1", "v2"}
        assert weights(begun) == {"v1": 0, "v2": 100}, "it is on its way"

        later = replace(resting, status=begun.statuses["v1"])
        again = decide(replace(asked, versions=(later, asked.versions[1]), acts=()), after(302))
        assert again.statuses["v1"].attempt == 2


def test_a_proven_version_that_has_to_wait_before_it_returns_begins_once():
    """Another object with the same version is not gone yet."""
    resting = version("v1", created=0, now=status(Phase.SUPERSEDED, promoted_at=after(1), traffic_ended_at=after(205)))
    same = version("v1-again", is_version="v1", created=20, deleting=True, finalizer=True)
    going = stable("v2", created=10, promoted=200, deleting=True, finalizer=True)

    begun = decide(snapshot(resting, going, same, route=route(v2=100)), after(301)).statuses["v1"]
    waits = replace(resting, status=begun)
    again = decide(snapshot(waits, going, same, route=route(v2=100)), after(302)).statuses["v1"]

    assert begun.attempt == 2
    assert again.attempt == 2, "it waits in the attempt that it has"
    assert again.phase is Phase.QUEUED
    assert again.restoring


def test_the_policy_is_named_and_frozen_with_the_settings():
    fields = {"models": ["sms"], "defaults": {"readyTimeout": "7m"}}
    policy = Policy(name="team", spec=RolloutPolicySpec.model_validate(fields))
    fresh = candidate({"probation": PROBATION}, ready=False)
    begun = decide(snapshot(stable(), fresh, route=route(v1=100), policy=policy), after(11))
    assert begun.statuses["v2"].policy == "team"
    assert begun.statuses["v2"].effective_rollout.ready_timeout.total_seconds() == 420

    later = carried_on(fresh, begun)
    other = decide(snapshot(stable(), later, route=route(v1=100), policy=None), after(12))
    assert other.statuses["v2"].policy == "team"
    assert other.statuses["v2"].effective_rollout == begun.statuses["v2"].effective_rollout


# Deleting the version that serves


def test_a_stable_that_is_deleted_falls_back_to_the_version_proven_before_it():
    old = version("v1", created=0, now=status(Phase.SUPERSEDED, promoted_at=after(1)))
    going = stable("v2", created=10, promoted=200, deleting=True, finalizer=True)

    plan = decide(snapshot(old, going, route=route(v2=100)), after(300))

    assert plan.statuses["v1"].restoring
    assert plan.statuses["v1"].phase is Phase.DEPLOYING
    assert plan.statuses["v2"].phase is Phase.DELETION_WAITING
    assert plan.run == ("v2", "v1")
    assert plan.release == ()


@pytest.mark.parametrize("phase", [Phase.ROLLED_BACK, Phase.SKIPPED, Phase.REJECTED, Phase.FAILED])
def test_it_falls_back_to_no_version_that_was_never_proven(phase):
    old = version("v1", created=0, now=status(phase))
    going = stable("v2", created=10, promoted=200, deleting=True, finalizer=True)

    plan = decide(snapshot(old, going, route=route(v2=100)), after(300))

    assert plan.run == ("v2",)
    assert plan.statuses["v1"].phase is phase


def test_a_version_of_the_same_name_waits_until_the_deleted_one_is_gone():
    going = version(
        "old", created=5, is_version="v2", now=status(Phase.CANARY, step=0, step_started_at=after(6)), deleting=True
    )
    again = version("v2", created=10)

    waits = decide(snapshot(stable(), going, again, route=route(v1=100, old=0)), after(11))
    assert waits.statuses["v2"].phase is Phase.QUEUED
    assert waits.run == ("v1",)

    assert decide(snapshot(stable(), again, route=route(v1=100)), after(80)).run == ("v1", "v2")


def test_what_somebody_set_in_our_inference_service_is_told():
    edited = stable(serving=backend("v1", refused="somebody set spec.canary in it"))

    said = decide(snapshot(edited, route=route(v1=100)), after(20)).statuses["v1"]

    assert "somebody set spec.canary in it" in said.conditions[0].message


def test_a_candidate_is_measured_by_what_serves_without_a_version_that_can_be_read():
    now = status(Phase.CANARY, step=0, step_started_at=after(100), effective_rollout=settings(SLOWLY))
    one = replace(version("v2", created=10, now=now, gates=PASS), spec=spec("v2", predictor={"maxReplicas": 9}))
    seen = snapshot(one, orphans=("old-be",), pods={"old-be": 4}, route=route(old=50, v2=50))

    plan = decide(seen, after(100))
    assert (plan.statuses["v2"].capacity, plan.replicas) == (4, {"v2": 2})

    later = decide(replace(seen, versions=(carried_on(one, plan),)), after(120))
    assert weights(later) == {"old": 50, "v2": 50}
    assert "waits for 4 pods before it gets 100 %" in later.statuses["v2"].message

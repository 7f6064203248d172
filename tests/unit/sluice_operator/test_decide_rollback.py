"""Taking traffic back comes first, waits for nothing, and what was taken back never rises again."""

from dataclasses import replace

import pytest
from making import FAIL, NO_DATA, PASS, after, backend, route, snapshot, spec, stable, status, version, weights

from sluice_operator.api.settings import Approvals
from sluice_operator.api.status import Decision, Phase
from sluice_operator.rollout.decide import decide
from sluice_operator.rollout.settings import merge
from sluice_operator.rollout.snapshot import Mark
from sluice_operator.rollout.transitions import stalled_by, transition

MARK = Mark(uid="uid-v2", attempt=1, reason="errors: too many", at=after(150), gate="errors")


def canary(*, gates=FAIL, step=1, phase=Phase.CANARY, **fields):
    now = status(phase, step=step, step_started_at=after(100), next_transition_at=after(120))
    return version("v2", created=10, now=now, gates=gates, **fields)


@pytest.mark.parametrize("in_force", [True, False])
@pytest.mark.parametrize("ready", [True, False])
def test_a_failing_gate_takes_all_traffic_back_at_once(ready, in_force):
    seen = snapshot(stable(), canary(ready=ready), route=route(v1=50, v2=50, in_force=in_force))

    plan = decide(seen, after(101))

    said = plan.statuses["v2"]
    assert weights(plan) == {"v1": 100, "v2": 0}
    assert plan.rollback, "the route is written before anything else"
    assert said.phase is Phase.ROLLING_BACK
    assert (said.decision.action, said.decision.gate) == ("Rollback", "errors")
    assert "it says Fail" in said.decision.reason


def test_the_write_that_takes_traffic_back_also_marks_the_route():
    plan = decide(snapshot(stable(), canary(), route=route(v1=50, v2=50)), after(101))

    (mark,) = plan.route.marks
    assert (mark.uid, mark.attempt, mark.gate, mark.at) == ("uid-v2", 1, "errors", after(101))


def test_one_failing_gate_among_others_that_pass_is_enough():
    plan = decide(snapshot(stable(), canary(gates=PASS + FAIL), route=route(v1=50, v2=50)), after(101))

    assert weights(plan) == {"v1": 100, "v2": 0}


def test_a_failing_gate_in_probation_gives_everything_back_to_stable():
    seen = snapshot(stable(), canary(step=2, phase=Phase.PROBATION), route=route(v1=0, v2=100))

    assert weights(decide(seen, after(101))) == {"v1": 100, "v2": 0}


def test_a_rollback_is_over_when_the_route_reads_back_zero():
    now = status(Phase.ROLLING_BACK, step=1)
    taken = version("v2", created=10, now=now)

    waiting = decide(snapshot(stable(), taken, route=route(v1=100, v2=0, marks=(MARK,), in_force=False)), after(160))
    assert waiting.statuses["v2"].phase is Phase.ROLLING_BACK

    over = decide(snapshot(stable(), taken, route=route(v1=100, v2=0, marks=(MARK,))), after(161))
    said = over.statuses["v2"]
    assert said.phase is Phase.ROLLED_BACK
    assert {c.type: c.status for c in said.conditions} == {"Ready": "False", "Stalled": "True"}
    assert "too many" in said.message


@pytest.mark.parametrize("phase", [Phase.CANARY, Phase.PROBATION, Phase.DEPLOYING, Phase.ROLLING_BACK, None])
def test_a_mark_in_the_route_outlives_a_lost_status(phase):
    """The operator was killed between the route and the status: whatever the status says, the mark counts."""
    now = None if phase is None else status(phase, step=1, step_started_at=after(100))
    seen = version("v2", created=10, now=now, gates=PASS)

    plan = decide(snapshot(stable(), seen, route=route(v1=100, v2=0, marks=(MARK,))), after(500))

    said = plan.statuses["v2"]
    assert plan.route.weight("v2-be") == 0
    assert plan.route.marks == (MARK,)
    assert said.phase in (Phase.ROLLING_BACK, Phase.ROLLED_BACK)
    assert (said.decision.reason, said.decision.at) == ("errors: too many", after(150))


@pytest.mark.parametrize("phase", [Phase.CANARY, Phase.PROBATION, Phase.DEPLOYING])
def test_people_hear_that_a_rollback_began_however_fast_the_gateway_was(phase):
    """The route is written before the status, and may be in force before anything of it is in the status."""
    in_force = route(v1=100, v2=0, marks=(MARK,))
    before = version("v2", created=10, now=status(phase, step=1, step_started_at=after(100)))

    began = decide(snapshot(stable(), before, route=in_force), after(160)).statuses["v2"]
    over = decide(snapshot(stable(), version("v2", created=10, now=began), route=in_force), after(160)).statuses["v2"]

    assert transition(before.status, began).reason == "RollbackStarted"
    assert transition(began, over).reason == "RolledBack"


@pytest.mark.parametrize("phase", [Phase.ROLLING_BACK, Phase.ROLLED_BACK])
def test_a_status_that_says_taken_back_outlives_a_lost_mark(phase):
    """Somebody deleted the route, or edited its annotations."""
    decision = Decision(action="Rollback", reason="errors: too many", at=after(150))
    seen = version("v2", created=10, now=status(phase, step=1, decision=decision), gates=PASS)

    for found in (route(v1=100, v2=0), route(v1=50, v2=50), None):
        plan = decide(snapshot(stable(), seen, route=found), after(500))
        assert plan.route.weight("v2-be") == 0
        assert plan.route.weight("v1-be") == 100
        assert plan.statuses["v2"].phase in (Phase.ROLLING_BACK, Phase.ROLLED_BACK)
        assert plan.statuses["v2"].decision == decision


def test_a_version_that_was_taken_back_gets_nothing_even_if_it_recovers():
    seen = version("v2", created=10, now=status(Phase.ROLLED_BACK, step=1), gates=PASS)

    plan = decide(snapshot(stable(), seen, route=route(v1=100, marks=(MARK,))), after(5000))

    assert weights(plan) == {"v1": 100}
    assert plan.statuses["v2"].phase is Phase.ROLLED_BACK


def test_a_rollback_that_is_over_does_not_begin_again_with_the_next_change_of_the_route():
    seen = version("v2", created=10, now=status(Phase.ROLLED_BACK, step=1))
    changing = route(v1=95, v2=0, v3=5, marks=(MARK,), in_force=False)

    plan = decide(snapshot(stable(), seen, version("v3", created=400), route=changing), after(500))

    assert plan.statuses["v2"].phase is Phase.ROLLED_BACK


def test_weight_that_somebody_gives_a_taken_back_version_is_taken_again():
    seen = version("v2", created=10, now=status(Phase.ROLLED_BACK, step=1))

    plan = decide(snapshot(stable(), seen, route=route(v1=50, v2=50, marks=(MARK,))), after(5000))

    assert weights(plan) == {"v1": 100, "v2": 0}
    assert plan.rollback


def test_a_taken_back_version_drains_leaves_the_route_and_is_stopped():
    seen = version("v2", created=10, now=status(Phase.ROLLED_BACK, step=1, traffic_ended_at=after(150)))
    draining = route(v1=100, v2=0, marks=(MARK,))

    assert weights(decide(snapshot(stable(), seen, route=draining), after(209))) == {"v1": 100, "v2": 0}
    assert weights(decide(snapshot(stable(), seen, route=draining), after(210))) == {"v1": 100}
    assert decide(snapshot(stable(), seen, route=route(v1=100, marks=(MARK,))), after(211)).stop == ("v2",)


# Stable cannot take over


def test_traffic_is_not_taken_from_a_candidate_that_runs_to_a_stable_that_does_not():
    seen = snapshot(stable(ready=False), canary(), route=route(v1=50, v2=50))

    plan = decide(seen, after(101))

    said = plan.statuses["v2"]
    assert weights(plan) == {"v1": 50, "v2": 50}
    assert said.message.startswith("StableUnavailable")
    assert {c.reason for c in said.conditions} == {"StableUnavailable"}
    assert plan.route.marks == ()


def test_that_stable_cannot_take_over_is_told_once_as_a_warning_and_stalls_the_rollout():
    seen = snapshot(stable(ready=False), canary(), route=route(v1=50, v2=50))
    said = decide(seen, after(101)).statuses["v2"]

    told = transition(canary().status, said)

    assert told is not None
    assert (told.kind, told.reason) == ("Warning", "StableUnavailable")
    assert "gate errors fails" in told.note
    assert stalled_by(said) == "StableUnavailable"
    again = decide(snapshot(stable(ready=False), replace(canary(), status=said), route=seen.route), after(103))
    assert transition(said, again.statuses["v2"]) is None


def test_once_stable_is_back_the_rollback_is_made_good():
    held = decide(snapshot(stable(ready=False), canary(), route=route(v1=50, v2=50)), after(101)).statuses["v2"]
    seen = version("v2", created=10, now=held, gates=FAIL)

    assert weights(decide(snapshot(stable(), seen, route=route(v1=50, v2=50)), after(102))) == {"v1": 100, "v2": 0}


def test_with_neither_ready_traffic_goes_to_stable():
    seen = snapshot(stable(ready=False), canary(ready=False), route=route(v1=50, v2=50))

    assert weights(decide(seen, after(101))) == {"v1": 100, "v2": 0}


SHORT_OF_A_POD = {"ready": False, "available": 3, "problem": "OOMKilled"}
"""Three of four pods answer: then KServe calls nothing ready."""


@pytest.mark.parametrize("word", [{"gates": FAIL}, {"by": "ann"}], ids=["a gate", "a person"])
def test_a_stable_that_has_lost_one_pod_of_several_takes_its_traffic_back(word):
    gates, by = word.get("gates", PASS), word.get("by")
    seen = canary(gates=gates)
    if by:
        aborted = Decision(action="Abort", reason="ann: no", by=by, at=after(100))
        seen = replace(seen, status=seen.status.model_copy(update={"decision": aborted}))
    short = stable(serving=backend("v1", **SHORT_OF_A_POD))

    plan = decide(snapshot(short, seen, route=route(v1=50, v2=50)), after(101))

    assert weights(plan) == {"v1": 100, "v2": 0}
    assert plan.statuses["v2"].phase is Phase.ROLLING_BACK


def test_what_was_overtaken_gives_its_traffic_back_to_a_stable_that_has_lost_one_pod():
    short = stable(serving=backend("v1", **SHORT_OF_A_POD))
    seen = snapshot(short, canary(gates=PASS), version("v3", created=105), route=route(v1=50, v2=50))

    assert weights(decide(seen, after(106)))["v1"] == 100


def test_a_stable_that_is_stopped_takes_nothing_back_though_its_pods_are_still_there():
    stopped = stable(serving=backend("v1", ready=False, available=1, stopped=True))

    assert weights(decide(snapshot(stopped, canary(), route=route(v1=50, v2=50)), after(101)))["v2"] == 50


def test_what_is_to_be_taken_back_gets_no_more_while_nobody_else_answers():
    """The route of its step was not written yet."""
    seen = snapshot(stable(ready=False), canary(), route=route(v1=95, v2=5))

    assert weights(decide(seen, after(101))) == {"v1": 95, "v2": 5}


# The candidate loses some of its pods, or waits for more


def test_a_candidate_that_has_lost_one_pod_of_several_keeps_its_traffic_and_its_step():
    serving = backend("v2", **SHORT_OF_A_POD)
    seen = snapshot(stable(), canary(gates=PASS, serving=serving), route=route(v1=50, v2=50))

    plan = decide(seen, after(101))

    said = plan.statuses["v2"]
    assert weights(plan) == {"v1": 50, "v2": 50}
    assert (said.phase, said.step, said.step_started_at) == (Phase.CANARY, 1, after(100))


@pytest.mark.parametrize("moves", [{}, {"advance_to": 2}], ids=["by itself", "by a person"])
def test_it_gets_no_more_and_is_not_promoted_until_kserve_calls_it_ready_again(moves):
    at_step = canary(gates=PASS, serving=backend("v2", **SHORT_OF_A_POD))
    at_step = replace(at_step, status=at_step.status.model_copy(update=moves))
    proving = canary(gates=PASS, serving=backend("v2", **SHORT_OF_A_POD), step=2, phase=Phase.PROBATION)

    waits = decide(snapshot(stable(), at_step, route=route(v1=50, v2=50)), after(500))
    assert weights(waits) == {"v1": 50, "v2": 50}
    assert waits.statuses["v2"].message == "step 2 of 2 at 50 %: waits to become ready: OOMKilled"

    proves = decide(snapshot(stable(), proving, route=route(v1=0, v2=100)), after(500))
    assert weights(proves) == {"v1": 0, "v2": 100}
    assert proves.statuses["v2"].promoted_at is None


def test_it_gets_no_more_even_where_its_step_says_so_already():
    """The operator was killed between the status and the route."""
    serving = backend("v2", **SHORT_OF_A_POD)
    seen = snapshot(stable(), canary(gates=PASS, serving=serving), route=route(v1=95, v2=5))

    assert weights(decide(seen, after(101))) == {"v1": 95, "v2": 5}


def test_its_first_traffic_waits_until_kserve_calls_it_ready():
    serving = backend("v2", **SHORT_OF_A_POD)
    fresh = version("v2", created=10, now=status(Phase.DEPLOYING, step_started_at=after(20)), serving=serving)

    assert weights(decide(snapshot(stable(), fresh, route=route(v1=100, v2=0)), after(60)))["v2"] == 0


def test_a_gate_that_fails_takes_all_from_it():
    serving = backend("v2", **SHORT_OF_A_POD)
    seen = snapshot(stable(), canary(serving=serving), route=route(v1=50, v2=50))

    assert weights(decide(seen, after(101))) == {"v1": 100, "v2": 0}


# The candidate loses its endpoints


def test_a_candidate_without_endpoints_loses_its_traffic_at_once_and_keeps_its_step():
    seen = snapshot(stable(), canary(gates=PASS, ready=False, problem="OOMKilled"), route=route(v1=50, v2=50))

    plan = decide(seen, after(101))

    said = plan.statuses["v2"]
    assert weights(plan) == {"v1": 100, "v2": 0}
    assert plan.rollback
    assert plan.route.marks == (), "it may come back"
    assert (said.phase, said.step) == (Phase.DEPLOYING, 1)
    assert "OOMKilled" in said.message
    assert plan.wake_at == after(161), "it has the readyTimeout of a minute again"


def test_a_candidate_that_is_back_starts_the_same_step_again():
    now = status(Phase.DEPLOYING, step=1, step_started_at=after(128), next_transition_at=after(130))
    seen = snapshot(stable(), version("v2", created=10, now=now), route=route(v1=100, v2=0))

    plan = decide(seen, after(130))

    said = plan.statuses["v2"]
    assert weights(plan) == {"v1": 50, "v2": 50}
    assert (said.phase, said.step, said.step_started_at) == (Phase.CANARY, 1, after(130))


def test_a_candidate_that_does_not_come_back_in_time_is_rolled_back():
    now = status(Phase.DEPLOYING, step=1, ready_by=after(161))
    gone = version("v2", created=10, now=now, ready=False, problem="OOMKilled")
    seen = snapshot(stable(), gone, route=route(v1=100, v2=0))

    assert decide(seen, after(160)).statuses["v2"].phase is Phase.DEPLOYING
    plan = decide(seen, after(161))
    assert plan.statuses["v2"].phase is Phase.ROLLING_BACK
    assert "not ready within 1m: OOMKilled" in plan.statuses["v2"].message
    assert [mark.uid for mark in plan.route.marks] == ["uid-v2"]


def test_a_candidate_that_never_becomes_ready_fails_without_ever_having_traffic():
    now = status(Phase.DEPLOYING, ready_by=after(70))
    never = version("v2", created=10, now=now, ready=False, problem="ImagePullBackOff")
    seen = snapshot(stable(), never, route=route(v1=100))

    plan = decide(seen, after(70))

    said = plan.statuses["v2"]
    assert said.phase is Phase.FAILED
    assert "ImagePullBackOff" in said.decision.reason
    assert {c.type: c.status for c in said.conditions} == {"Ready": "False", "Stalled": "True"}
    assert weights(plan) == {"v1": 100}


def test_a_failed_version_stays_failed_and_its_pods_go():
    decision = Decision(action="Fail", reason="not ready within 1m", at=after(70))
    now = status(Phase.FAILED, message="Failed", decision=decision, traffic_ended_at=after(70))
    failed = version("v2", created=10, now=now)
    seen = snapshot(stable(), failed, route=route(v1=100))

    assert decide(seen, after(100)).stop == ()
    plan = decide(seen, after(130))
    assert plan.stop == ("v2",)
    assert plan.statuses["v2"].phase is Phase.FAILED
    assert weights(plan) == {"v1": 100}


def test_prometheus_being_down_takes_nothing_back():
    seen = snapshot(stable(), canary(gates=NO_DATA), route=route(v1=50, v2=50))

    assert weights(decide(seen, after(5000))) == {"v1": 50, "v2": 50}


# A deadline ends once it has been ready for as long as that may take


def seen_at(seconds, *, ready, said, **weights):
    """What the operator says of v2 then, whose pod is there or not, and which waits for an approval or is on a step."""
    v2 = version("v2", created=10, now=said, ready=ready, gates=PASS)
    return decide(snapshot(stable(), v2, route=route(**weights)), after(seconds)).statuses["v2"]


def test_a_version_that_was_ready_for_hours_before_its_first_traffic_is_given_all_its_time_again():
    settings = merge(spec("v2").rollout).model_copy(update={"steps": [], "approvals": Approvals(count=1)})
    begun = status(Phase.DEPLOYING, effective_rollout=settings)

    away = seen_at(20, ready=False, said=begun, v1=100, v2=0)
    assert away.ready_by == after(80)
    back = seen_at(30, ready=True, said=away, v1=100, v2=0)
    assert (back.ready_by, back.ready_since) == (after(80), after(30))

    assert seen_at(89, ready=False, said=back, v1=100, v2=0).phase is Phase.FAILED
    again = seen_at(90, ready=False, said=back, v1=100, v2=0)
    assert (again.phase, again.ready_by, again.ready_since) == (Phase.DEPLOYING, after(150), None)


def test_steps_that_are_shorter_than_the_deadline_end_it_together():
    on_step = status(Phase.CANARY, step=1, step_started_at=after(75), ready_by=after(80), ready_since=after(30))

    lost = seen_at(91, ready=False, said=on_step, v1=50, v2=50)

    assert (lost.phase, lost.ready_by) == (Phase.DEPLOYING, after(151))


# What a route has room for


def test_a_mark_is_dropped_when_the_status_says_the_same():
    def marks(phase, **weights):
        taken = version("v2", created=10, now=status(phase, step=1))
        return decide(snapshot(stable(), taken, route=route(marks=(MARK,), **weights)), after(200)).route.marks

    assert marks(Phase.CANARY, v1=50, v2=50) == (MARK,)
    assert marks(Phase.ROLLING_BACK, v1=100, v2=0) == (MARK,)
    assert marks(Phase.ROLLED_BACK, v1=50, v2=50) == (MARK,), "somebody has edited the route"
    assert marks(Phase.ROLLED_BACK, v1=100, v2=0) == ()


def test_what_a_status_says_was_taken_back_has_nothing_without_a_mark():
    """Also where stable has nobody to answer, and where nobody was proven."""
    taken = version("v2", created=10, now=status(Phase.ROLLED_BACK))
    edited = route(v1=50, v2=50)

    assert weights(decide(snapshot(stable(ready=False), taken, route=edited), after(200)))["v2"] == 0
    assert weights(decide(snapshot(version("v1", created=0), taken, route=edited), after(200)))["v2"] == 0


def test_a_rollback_leaves_out_those_that_drain_where_the_route_has_no_room_for_all():
    others = [version(f"s{number}", created=number, now=status(Phase.SKIPPED)) for number in range(20, 36)]
    listed = {other.name: 0 for other in others}
    seen = snapshot(stable(), canary(), *others, route=route(v1=50, v2=50, in_force=False, **listed))

    found = weights(decide(seen, after(200)))

    assert len(found) == 16
    assert (found["v1"], found["v2"]) == (100, 0)

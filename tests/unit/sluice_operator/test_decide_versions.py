"""Several versions of one model: which is stable, which is the candidate, and what becomes of the others."""

from dataclasses import replace

import pytest
from making import FAIL, PASS, after, backend, route, snapshot, stable, status, version, weights

from sluice_operator.api.status import ModelVersionStatus, Phase
from sluice_operator.rollout.decide import decide
from sluice_operator.rollout.snapshot import Invalid, Mark, Route


def canary(name="v2", *, created=10, step=1, gates=PASS, **fields):
    now = status(Phase.CANARY, step=step, step_started_at=after(100))
    return version(name, created=created, now=now, gates=gates, **fields)


# A newer version supersedes


def test_a_newer_version_takes_the_place_of_one_that_is_not_proven_yet():
    seen = snapshot(stable(), canary(), version("v3", created=110, ready=False), route=route(v1=50, v2=50))

    plan = decide(seen, after(111))

    assert weights(plan) == {"v1": 100, "v2": 0}
    assert plan.run == ("v1", "v3")
    assert plan.statuses["v2"].phase is Phase.SKIPPED
    assert "v3" in plan.statuses["v2"].decision.reason
    assert [(c.type, c.status) for c in plan.statuses["v2"].conditions] == [("Ready", "True")], "none waits for it"


def test_a_skipped_version_never_comes_back_even_if_the_newer_one_is_rolled_back():
    skipped = version("v2", created=10, now=status(Phase.SKIPPED, step=1))
    rolled_back = version("v3", created=110, now=status(Phase.ROLLED_BACK, step=0))

    plan = decide(snapshot(stable(), skipped, rolled_back, route=route(v1=100)), after(500))

    assert plan.run == ("v1",)
    assert plan.statuses["v2"].phase is Phase.SKIPPED


def test_a_skipped_version_is_stopped_after_it_has_drained():
    first = decide(
        snapshot(stable(), canary(), version("v3", created=110, ready=False), route=route(v1=50, v2=50)),
        after(111),
    )
    skipped = version("v2", created=10, now=first.statuses["v2"])
    read = decide(snapshot(stable(), skipped, version("v3", created=110), route=route(v1=95, v2=0, v3=5)), after(115))
    drained = version("v2", created=10, now=read.statuses["v2"])

    def stopped(at):
        seen = snapshot(stable(), drained, version("v3", created=110), route=route(v1=95, v3=5))
        return decide(seen, after(at)).stop

    assert stopped(174) == ()
    assert stopped(175) == ("v2",)


def test_a_version_older_than_stable_that_was_never_proven_is_skipped():
    late = version("v0", created=-10)

    plan = decide(snapshot(late, stable(), route=route(v1=100)), after(5))

    assert plan.statuses["v0"].phase is Phase.SKIPPED
    assert weights(plan) == {"v1": 100}


# Duplicates and names that are taken


def test_a_second_object_with_the_same_version_is_rejected_and_never_deployed():
    again = version("again", created=10, is_version="v1")

    plan = decide(snapshot(stable(), again, route=route(v1=100)), after(20))

    said = plan.statuses["again"]
    assert said.phase is Phase.REJECTED
    assert said.message.startswith("Duplicate: v1 is version v1 of sms already")
    assert {c.reason for c in said.conditions} == {"Duplicate"}
    assert plan.run == ("v1",)


def test_a_rejected_duplicate_stays_rejected_when_the_first_is_deleted():
    rejected = decide(
        snapshot(stable(), version("again", created=10, is_version="v1"), route=route(v1=100)), after(20)
    ).statuses["again"]
    again = version("again", created=10, is_version="v1", now=rejected)

    plan = decide(snapshot(again, version("v2", created=30, ready=False), route=Route()), after(40))

    assert plan.statuses["again"].phase is Phase.REJECTED
    assert plan.run == ("v2",)


def test_a_version_that_is_replaced_by_another_object_goes_when_that_one_has_taken_its_place():
    going = stable(deleting=True, finalizer=True)
    again = version("again", created=10, is_version="v1", now=status(Phase.CANARY, step=0, step_started_at=after(20)))

    begun = decide(snapshot(going, again, route=route(v1=95, again=5)), after(21))

    assert begun.statuses["v1"].phase is Phase.DELETION_WAITING
    assert begun.statuses["again"].phase is Phase.CANARY

    waits = decide(
        snapshot(stable("v0"), version("v1", created=5, deleting=True), version("again", created=10, is_version="v1")),
        after(21),
    )
    assert waits.statuses["again"].phase is Phase.QUEUED, "what goes without another is waited for"


def test_a_duplicate_that_runs_already_is_stopped():
    """Two objects made within one second: only when the second is seen is it known which comes first by name."""
    first = version("a", created=10, is_version="v2", ready=False)
    later = version("b", created=10, is_version="v2", ready=False)
    rejected = decide(snapshot(stable(), first, later, route=route(v1=100)), after(11)).statuses["b"]

    later = version("b", created=10, is_version="v2", now=rejected)
    plan = decide(snapshot(stable(), first, later, route=route(v1=100)), after(71))

    assert plan.stop == ("b",)


def foreign(name):
    return backend(name, ready=False, foreign=True)


def test_somebody_elses_inference_service_is_never_adopted():
    seen = snapshot(stable(), version("v2", created=10, serving=foreign("v2")), route=route(v1=100))

    plan = decide(seen, after(20))

    said = plan.statuses["v2"]
    assert said.message.startswith("NameTaken")
    assert {c.type: c.status for c in said.conditions} == {"Ready": "False", "Stalled": "True"}
    assert plan.run == ("v1",)
    assert plan.stop == ()


def test_somebody_elses_route_is_never_adopted():
    seen = snapshot(version("v1", created=0), route=Route(exists=True, foreign=True))

    plan = decide(seen, after(5))

    assert plan.route is None
    assert not plan.remove_route
    assert plan.statuses["v1"].message.startswith("NameTaken")


def test_a_candidate_gains_nothing_when_somebody_else_takes_the_name_of_stable():
    seen = snapshot(stable(serving=foreign("v1")), canary(), route=route(v1=50, v2=50))

    plan = decide(seen, after(101))

    assert plan.route.weight("v2-be") <= 50
    assert plan.statuses["v1"].message.startswith("NameTaken")
    assert "v1" not in plan.run
    assert "v1" not in plan.stop


def test_a_superseded_version_does_not_return_when_somebody_else_takes_the_name_of_stable():
    seen = snapshot(
        stable(promoted=1), stable("v2", created=10, promoted=200, serving=foreign("v2")), route=route(v2=100)
    )

    assert decide(seen, after(500)).route.weight("v1-be") == 0


def test_a_version_that_was_taken_back_stays_so_when_somebody_else_takes_its_name():
    seen = version("v2", created=10, now=status(Phase.ROLLED_BACK, step=1), serving=foreign("v2"))

    plan = decide(snapshot(stable(), seen, route=route(v1=100)), after(500))

    assert plan.statuses["v2"].phase is Phase.ROLLED_BACK
    assert plan.stop == (), "what is not ours is not stopped"


# Deletion


def test_a_deleted_candidate_gives_its_traffic_back_and_may_vanish_when_the_route_says_so():
    going = canary(deleting=True, finalizer=True)

    first = decide(snapshot(stable(), going, route=route(v1=50, v2=50)), after(101))
    assert weights(first) == {"v1": 100, "v2": 0}
    assert first.release == ()

    unread = decide(snapshot(stable(), going, route=route(v1=100, v2=0, in_force=False)), after(102))
    assert unread.release == ()

    read = decide(snapshot(stable(), going, route=route(v1=100, v2=0)), after(103))
    assert read.release == (), "its last requests drain"
    assert read.wake_at == after(163)

    drained = version("v2", created=10, now=read.statuses["v2"], deleting=True, finalizer=True)
    assert decide(snapshot(stable(), drained, route=route(v1=100)), after(163)).release == ("v2",)


def test_a_deleted_stable_serves_until_another_version_has_taken_its_traffic():
    seen = snapshot(stable(deleting=True, finalizer=True), canary(), route=route(v1=50, v2=50))

    plan = decide(seen, after(101))

    assert plan.route.weight("v1-be") == 50
    assert plan.run == ("v1", "v2")
    assert plan.statuses["v1"].phase is Phase.DELETION_WAITING
    assert plan.release == ()


def test_a_candidate_gains_nothing_by_the_deletion_of_stable():
    without = decide(snapshot(stable(), canary(), route=route(v1=50, v2=50)), after(101))
    with_it = decide(snapshot(stable(deleting=True), canary(), route=route(v1=50, v2=50)), after(101))

    assert weights(with_it) == weights(without)
    assert with_it.statuses["v2"] == without.statuses["v2"]


def test_a_deleted_stable_may_go_after_the_promotion_of_another():
    now = status(Phase.SUPERSEDED, promoted_at=after(1), traffic_ended_at=after(201))
    old = version("v1", created=0, now=now, deleting=True, finalizer=True)
    seen = snapshot(old, stable("v2", created=10, promoted=200), route=route(v1=0, v2=100))

    assert decide(seen, after(260)).release == ()
    assert decide(seen, after(261)).release == ("v1",)


def lingering(until, **fields):
    now = status(Phase.DELETION_WAITING, promoted_at=after(1), next_transition_at=until)
    return version("v1", created=0, now=now, deleting=True, finalizer=True, **fields)


def test_the_only_version_serves_on_for_half_a_minute_after_its_deletion_and_says_until_when():
    plan = decide(snapshot(stable(deleting=True, finalizer=True), route=route(v1=100)), after(100))

    said = plan.statuses["v1"]
    assert (weights(plan), plan.run, plan.release) == ({"v1": 100}, ("v1",), ())
    assert (said.phase, said.next_transition_at) == (Phase.DELETION_WAITING, after(130))
    assert f"serves until {after(130):%T} UTC unless another version is applied before" in said.message
    assert plan.wake_at == after(130)


def test_when_no_other_came_the_route_goes_first():
    def plan(at, seen):
        return decide(snapshot(lingering(after(130)), route=seen), after(at))

    assert not plan(129, route(v1=100)).remove_route
    assert plan(130, route(v1=100)).remove_route
    assert plan(130, route(v1=100)).release == ()
    assert plan(131, Route()).release == ("v1",)


def test_another_that_comes_by_then_is_rolled_out_beside_it_however_long_that_takes():
    seen = snapshot(lingering(after(130)), version("v2", created=120, ready=False), route=route(v1=100))

    plan = decide(seen, after(500))

    assert weights(plan) == {"v1": 100}
    assert plan.statuses["v1"].phase is Phase.DELETION_WAITING
    assert plan.statuses["v1"].next_transition_at is None


def test_a_clock_that_was_ahead_keeps_a_deleted_version_no_longer_than_one_that_was_right():
    plan = decide(snapshot(lingering(after(9000)), route=route(v1=100)), after(100))

    assert plan.statuses["v1"].next_transition_at == after(130)


@pytest.mark.parametrize("seen", [Route(), route(foreign=True), route(v1=0)], ids=["none", "foreign", "empty"])
def test_a_deleted_version_that_serves_nobody_is_not_waited_for(seen):
    plan = decide(snapshot(stable(deleting=True, finalizer=True), route=seen), after(100))

    assert plan.remove_route or plan.release == ("v1",)


def test_a_deleted_first_version_whose_route_no_gateway_takes_is_not_waited_for():
    going = version("v1", created=0, now=status(Phase.DEPLOYING), deleting=True, finalizer=True)

    assert decide(snapshot(going, route=route(v1=100, in_force=False)), after(100)).remove_route


def test_delete_now_takes_the_route_away_although_others_exist():
    seen = snapshot(
        stable(deleting=True, finalizer=True, delete_now=True),
        version("v2", created=10, ready=False),
        route=route(v1=100),
    )

    plan = decide(seen, after(100))

    assert plan.remove_route
    assert plan.release == ()


@pytest.mark.parametrize("begun", [{"step": 1, "step_started_at": after(100)}, {"capacity": 3}])
def test_a_candidate_does_not_get_all_requests_because_stable_was_deleted_now(begun):
    """It is not served from then on, as the person who deleted stable has accepted, until somebody wants it."""
    phase = Phase.CANARY if "step" in begun else Phase.DEPLOYING
    alone = version("v2", created=10, now=status(phase, **begun), gates=PASS)

    plan = decide(snapshot(alone, route=Route()), after(103))

    said = plan.statuses["v2"]
    assert (plan.route, plan.run) == (None, ())
    assert (said.phase, said.promoted_at, said.decision.action) == (Phase.FAILED, None, "Fail")
    assert "Retry" in said.message
    after_that = decide(snapshot(version("v2", created=10, now=said), route=Route()), after(104))
    assert (after_that.route, after_that.statuses["v2"].phase) == (None, Phase.FAILED)


def test_what_is_left_of_a_model_without_versions_goes_unless_it_still_serves():
    left = {"orphans": ("v1-be",)}

    assert decide(snapshot(route=Route(), **left), after(1)).sweep == ("v1-be",)
    serving = decide(snapshot(route=route(v1=100), **left), after(1))
    assert (serving.sweep, serving.remove_route) == ((), False)


def test_a_route_to_nothing_outlives_its_versions_for_an_hour():
    def removed(*, at, missing=("v1-be",), weights=None, **fields):
        seen = replace(route(**(weights or {"v1": 100})), created_at=after(0))
        return decide(snapshot(route=seen, missing=frozenset(missing), **fields), after(at)).remove_route

    assert not removed(at=3599), "somebody restores the namespace, and has begun with its routes"
    assert removed(at=3600)
    assert not removed(at=3600, missing=()), "what serves goes on serving"
    assert not removed(at=3600, weights={"v1": 99, "v2": 1})
    assert removed(at=3600, weights={"v1": 100, "v2": 0})
    assert not removed(at=3600, invalid=(unreadable(),))


def test_an_orphan_is_swept_only_when_the_route_in_force_does_not_use_it():
    def swept(found):
        return decide(snapshot(stable(), orphans=("old-be",), route=found), after(100)).sweep

    assert swept(route(v1=100)) == ("old-be",)
    assert swept(route(v1=100, in_force=False)) == ()
    assert swept(route(v1=50, old=50)) == ()


def test_a_backend_without_a_version_keeps_its_traffic_until_stable_is_ready_to_take_it():
    """The finalizer was stripped by hand: what serves goes on serving."""
    seen = route(v2=100)

    waits = decide(snapshot(stable(ready=False), orphans=("v2-be",), route=seen), after(100))
    assert weights(waits) == {"v2": 100}
    assert waits.run == ("v1",)

    taken = decide(snapshot(stable(), orphans=("v2-be",), route=seen), after(101))
    assert weights(taken)["v1"] == 100


# Objects that cannot be read


def unreadable(name="v1", *, promoted=1.0):
    said = ModelVersionStatus(
        phase=Phase.STABLE, promoted_at=after(promoted), inference_service=f"{name}-be", attempt=1
    )
    return Invalid(name=name, generation=2, problem="spec.version: field required", status=said)


def test_an_object_that_cannot_be_read_is_stalled_and_says_which_field():
    plan = decide(snapshot(invalid=(unreadable(),), route=route(v1=100)), after(100))

    said = plan.statuses["v1"]
    assert said.message == "InvalidSpec: spec.version: field required"
    assert {c.type: c.status for c in said.conditions} == {"Ready": "False", "Stalled": "True"}
    assert said.promoted_at == after(1), "what it said before stays"
    assert not plan.remove_route


def test_a_candidate_beside_a_stable_that_cannot_be_read_gets_no_more_than_its_step():
    seen = snapshot(canary(), invalid=(unreadable(),), route=route(v1=50, v2=50))

    plan = decide(seen, after(101))

    assert weights(plan) == {"v1": 50, "v2": 50}
    assert plan.statuses["v2"].step == 1


def test_a_candidate_beside_a_backend_without_a_version_is_not_taken_for_a_first_version():
    known = version("v2", created=10, now=status(Phase.DEPLOYING, step_started_at=after(99)))
    seen = snapshot(known, orphans=("v1-be",), route=route(v1=100, v2=0))

    assert weights(decide(seen, after(101))) == {"v1": 95, "v2": 5}


def test_a_failing_candidate_is_rolled_back_to_a_stable_that_cannot_be_read():
    seen = snapshot(canary(gates=FAIL), invalid=(unreadable(),), route=route(v1=50, v2=50))

    plan = decide(seen, after(101))

    assert weights(plan) == {"v1": 100, "v2": 0}
    assert plan.rollback


def test_a_superseded_version_does_not_return_because_stable_cannot_be_read():
    seen = snapshot(stable(ready=False), invalid=(unreadable("v2", promoted=200),), route=route(v2=100))

    plan = decide(seen, after(500))

    assert plan.route.weight("v2-be") == 100
    assert plan.statuses["v1"].phase is Phase.SUPERSEDED


def test_deleting_all_that_can_be_read_does_not_stop_what_cannot():
    now = status(Phase.SUPERSEDED, promoted_at=after(1), traffic_ended_at=after(201))
    old = version("v1", created=0, now=now, deleting=True, finalizer=True)
    seen = snapshot(old, invalid=(unreadable("v2", promoted=200),), route=route(v1=0, v2=100))

    plan = decide(seen, after(500))

    assert not plan.remove_route
    assert plan.release == ("v1",)


def test_an_object_that_cannot_be_read_is_told_so_while_the_model_is_taken_away():
    seen = snapshot(
        stable(deleting=True, finalizer=True, delete_now=True), invalid=(unreadable("v2"),), route=route(v1=100)
    )

    assert "InvalidSpec" in decide(seen, after(500)).statuses["v2"].message


def test_a_mark_against_a_version_that_is_gone_is_forgotten():
    old = Mark(uid="uid-gone", attempt=1, reason="errors", at=after(1), gate="errors")

    assert decide(snapshot(stable(), route=route(v1=100, marks=(old,))), after(100)).route.marks == ()


# Objects that cannot be read, and are deleted


def going(name="v1", *, ended=None, **fields):
    seen = unreadable(name)
    said = seen.status.model_copy(update={"traffic_ended_at": ended})
    return replace(seen, status=said, deleting=True, finalizer=True, backends=(f"{name}-be",), **fields)


def test_when_all_that_is_left_is_deleted_and_cannot_be_read_the_route_goes_first():
    first = decide(snapshot(invalid=(going(),), route=route(v1=100)), after(100))
    assert (first.remove_route, first.release) == (True, ())

    assert decide(snapshot(invalid=(going(),), route=Route()), after(101)).release == ("v1",)


def test_what_cannot_be_read_may_go_when_its_last_requests_have_drained():
    def plan(at, invalid, **weights):
        return decide(snapshot(stable("v2", created=10), invalid=(invalid,), route=route(**weights)), after(at))

    assert plan(100, going(), v1=0, v2=100).wake_at == after(160)
    said = plan(100, going(), v1=0, v2=100).statuses["v1"].traffic_ended_at
    assert said == after(100)
    assert plan(159, going(ended=said), v2=100).release == ()
    assert plan(160, going(ended=said), v2=100).release == ("v1",)
    assert plan(160, going(ended=said), v1=5, v2=95).release == ()
    assert plan(160, replace(going(ended=said), deleting=False), v2=100).release == ()


def test_what_cannot_be_read_serves_until_the_candidate_is_promoted():
    seen = snapshot(canary(), invalid=(going(ended=after(1)),), route=route(v1=50, v2=50))

    plan = decide(seen, after(101))

    assert weights(plan) == {"v1": 50, "v2": 50}
    assert (plan.release, plan.remove_route) == ((), False)


def test_the_version_proven_before_returns_when_what_serves_is_deleted_and_cannot_be_read():
    before = version("v0", created=-10, now=status(Phase.SUPERSEDED, promoted_at=after(-5)))
    seen = snapshot(before, invalid=(going(),), route=route(v1=100))

    plan = decide(seen, after(100))

    assert plan.statuses["v0"].restoring
    assert weights(plan) == {"v0": 0, "v1": 100}


def test_delete_now_of_what_cannot_be_read_takes_the_route_away_although_others_exist():
    seen = snapshot(canary(), invalid=(going(delete_now=True),), route=route(v1=50, v2=50))

    assert decide(seen, after(101)).remove_route


def test_what_cannot_be_read_is_waited_for_while_another_that_cannot_be_is_kept():
    kept = replace(going("v2"), deleting=False)

    plan = decide(snapshot(invalid=(going(ended=after(1)), kept), route=route(v1=0, v2=100)), after(100))

    assert (plan.release, plan.remove_route) == (("v1",), False)


# What serves has no object any more


def test_a_candidate_beside_a_backend_without_a_version_goes_its_whole_way_however_much_it_has():
    step = status(Phase.CANARY, step=1, step_started_at=after(100))
    on_step = version("a2", created=10, now=step, gates=PASS)
    seen = snapshot(on_step, orphans=("v1-be",), route=route(a2=50, v1=50))

    plan = decide(seen, after(101))

    assert weights(plan) == {"a2": 50, "v1": 50}
    assert (plan.statuses["a2"].phase, plan.statuses["a2"].promoted_at) == (Phase.CANARY, None)


def test_a_failing_candidate_gives_all_back_to_a_backend_without_a_version():
    failing = canary(step=2, gates=FAIL)
    in_probation = snapshot(failing, orphans=("v1-be",), route=route(v1=0, v2=100))

    plan = decide(in_probation, after(101))

    assert weights(plan) == {"v1": 100, "v2": 0}
    assert plan.statuses["v2"].phase is Phase.ROLLING_BACK


def test_a_candidate_is_promoted_out_of_probation_beside_a_backend_without_a_version():
    now = status(Phase.PROBATION, step=2, step_started_at=after(100))
    passing = version("v2", created=10, now=now, gates=PASS)

    def said(at):
        return decide(snapshot(passing, orphans=("v1-be",), route=route(v1=0, v2=100)), after(at)).statuses["v2"]

    assert said(129).phase is Phase.PROBATION
    assert (said(131).phase, said(131).decision.reason) == (Phase.STABLE, "passed 2 steps and probation")


def test_a_backend_without_a_version_serves_for_a_stable_that_is_not_ready_although_a_candidate_has_more():
    seen = snapshot(stable(ready=False), canary(), orphans=("old-be",), route=route(v1=0, v2=60, old=40))

    assert weights(decide(seen, after(101)))["old"] == 50


def drains(weight, at, since=None, in_force=True, **seen):
    """A plan for a route that sends `v1-be` a weight, or none since then."""
    found = route(v1=weight, v2=100 - weight, in_force=in_force)
    draining = {"v1-be": after(since)} if since is not None else {}
    return decide(snapshot(stable("v2", created=10), route=replace(found, draining=draining), **seen), after(at))


@pytest.mark.parametrize("seen", [{"orphans": ("v1-be",)}, {"invalid": (replace(unreadable(), backends=("v1-be",)),)}])
def test_what_serves_without_an_object_that_can_be_read_drains_before_it_leaves_the_route(seen):
    assert weights(drains(30, 100, **seen)) == {"v1": 0, "v2": 100}
    assert drains(30, 100, **seen).route.draining == ()

    assert drains(0, 101, in_force=False, **seen).route.draining == (), "its last request may not have been sent"
    read = drains(0, 101, **seen)
    assert (read.route.draining, read.wake_at) == ((("v1-be", after(101)),), after(161))
    assert weights(drains(0, 160, since=101, **seen)) == {"v1": 0, "v2": 100}
    last = drains(0, 161, since=101, **seen)
    assert (weights(last), last.sweep) == ({"v2": 100}, ())


def test_a_backend_that_is_not_there_has_nothing_to_drain():
    assert weights(drains(30, 100, orphans=("v1-be",), missing=frozenset({"v1-be"}))) == {"v2": 100}


def test_a_candidate_that_cannot_be_read_any_more_is_taken_back_before_anything_else():
    assert drains(50, 100, invalid=(replace(unreadable(), backends=("v1-be",)),)).rollback


def test_what_takes_over_from_a_backend_without_a_version_is_no_rollback():
    assert not drains(100, 100, orphans=("v1-be",)).rollback
    step = canary(step=1)
    seen = snapshot(step, orphans=("v1-be",), route=route(v1=50, v2=50))
    assert not decide(seen, after(121)).rollback

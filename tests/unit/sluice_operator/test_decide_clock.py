"""The clock is set forward and back in the middle of a rollout: nothing is promoted by it, nothing waits for ever."""

from datetime import timedelta

from making import NO_DATA, PASS, after, route, snapshot, stable, status, version, weights

from sluice_operator.api.status import Phase
from sluice_operator.rollout.decide import decide

HOUR = 3600.0


def canary(*, started, gates=PASS, **fields):
    now = status(Phase.CANARY, step=0, step_started_at=after(started), **fields)
    return version("v2", created=10, now=now, gates=gates)


def test_a_clock_set_forward_ends_a_hold_and_promotes_nothing_without_evidence():
    seen = snapshot(stable(), canary(started=20, gates=NO_DATA), route=route(v1=95, v2=5))

    plan = decide(seen, after(21 + HOUR))

    assert weights(plan) == {"v1": 95, "v2": 5}


def test_on_a_clock_that_was_set_back_a_hold_begins_anew_and_lasts_no_longer():
    began = snapshot(stable(), canary(started=HOUR), route=route(v1=95, v2=5))

    said = decide(began, after(30)).statuses["v2"]
    assert (said.step_started_at, said.next_transition_at) == (after(30), after(40))

    passed = snapshot(stable(), version("v2", created=10, now=said, gates=PASS), route=route(v1=95, v2=5))
    assert weights(decide(passed, after(39))) == {"v1": 95, "v2": 5}
    assert weights(decide(passed, after(41))) == {"v1": 50, "v2": 50}


def test_on_a_clock_that_was_set_back_a_version_is_given_up_no_later_than_if_it_began_now():
    waits = version("v2", created=10, ready=False, now=status(Phase.DEPLOYING, ready_by=after(HOUR)))

    said = decide(snapshot(stable(), waits, route=route(v1=100)), after(30)).statuses["v2"]

    assert said.ready_by == after(90)


def test_on_a_clock_that_was_set_back_what_lost_its_traffic_drains_for_as_long_as_ever():
    gone = version("v2", created=10, now=status(Phase.ROLLED_BACK, traffic_ended_at=after(HOUR)))

    said = decide(snapshot(stable(), gone, route=route(v1=100, v2=0)), after(30)).statuses["v2"]

    assert said.traffic_ended_at == after(30)


def test_who_is_promoted_on_a_clock_that_was_set_back_is_stable_all_the_same():
    proven = stable(promoted=HOUR)
    probation = status(Phase.PROBATION, step=2, step_started_at=after(100))
    candidate = version("v2", created=10, now=probation, gates=PASS)
    seen = snapshot(proven, candidate, route=route(v1=0, v2=100))

    said = decide(seen, after(200)).statuses["v2"]
    assert said.promoted_at is not None
    assert after(HOUR) < said.promoted_at < after(HOUR) + timedelta(seconds=1)

    promoted = snapshot(proven, version("v2", created=10, now=said), route=route(v1=0, v2=100))
    plan = decide(promoted, after(201))
    assert weights(plan) == {"v1": 0, "v2": 100}
    assert plan.statuses["v1"].phase is Phase.SUPERSEDED


def test_times_that_lie_in_the_past_are_left_alone():
    seen = snapshot(stable(), canary(started=20), route=route(v1=95, v2=5))

    said = decide(seen, after(25)).statuses["v2"]

    assert said.step_started_at == after(20)

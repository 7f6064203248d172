"""What comparisons, and limits that take nothing back, let a candidate do: nothing rises on what nobody can tell."""

from dataclasses import replace
from datetime import timedelta

import pytest
from making import (
    FAIL,
    NO_DATA,
    PASS,
    ROLLOUT,
    UNAVAILABLE,
    after,
    route,
    snapshot,
    stable,
    status,
    version,
    weights,
)

from sluice_operator.analysis.gates import GateResult
from sluice_operator.api.gates import LimitAction
from sluice_operator.api.settings import RolloutSettings
from sluice_operator.api.status import Phase, Verdict
from sluice_operator.rollout.asking import asked
from sluice_operator.rollout.decide import decide
from sluice_operator.rollout.settings import merge
from sluice_operator.rollout.transitions import transition

UNKNOWN = (replace(NO_DATA[0], message="cannot tell yet: so many more", undecided=True),)
WORSE = (replace(FAIL[0], message="worse than stable"),)
FROZEN = (replace(NO_DATA[0], frozen=True, message="over its limit, and so is stable"),)
INVALID = (replace(NO_DATA[0], invalid="it splits otherwise"),)
PAUSES = (replace(FAIL[0], action=LimitAction.PAUSE),)
ALERTS = (replace(FAIL[0], action=LimitAction.ALERT),)
HOLDS, TOO_LONG = 120, 90_000
"""Seconds after the step began: its hold is over, and so is maxHold."""
STEPS = {0: 5, 1: 50, 2: 100}


def settings(**fields):
    probation = {**ROLLOUT["probation"], **fields.pop("probation", {})}
    return merge(RolloutSettings.model_validate({**ROLLOUT, **fields, "probation": probation}))


def candidate(step, gates, *, requests=None, evidence=None, said=None, **fields):
    """The version v2 on a step that began at second 0."""
    phase = Phase.PROBATION if step == 2 else Phase.CANARY
    now = said or status(phase, step=step, step_started_at=after(0), effective_rollout=settings(**fields))
    return version("v2", created=-10, now=now, gates=gates, requests=requests, evidence=evidence)


def decided(one, seconds, *, weight=None):
    weight = STEPS[one.status.step] if weight is None else weight
    return decide(snapshot(stable(created=-20), one, route=route(v1=100 - weight, v2=weight)), after(seconds))


def reasons(said):
    return {condition.type: condition.reason for condition in said.conditions}


# A comparison that knows, and one that does not


@pytest.mark.parametrize("step", [0, 1, 2])
def test_what_is_worse_loses_its_traffic_at_once(step):
    plan = decided(candidate(step, WORSE), 1)

    assert weights(plan) == {"v1": 100, "v2": 0}
    assert plan.rollback
    assert plan.statuses["v2"].decision.reason == "errors: worse than stable"
    assert plan.statuses["v2"].decision.gate == "errors"


@pytest.mark.parametrize("step", [0, 1, 2])
@pytest.mark.parametrize("others", [(), PASS, NO_DATA, UNAVAILABLE])
@pytest.mark.parametrize("seconds", [HOLDS, 3599])
def test_what_nobody_can_tell_raises_no_weight(step, others, seconds):
    plan = decided(candidate(step, UNKNOWN + others, onInconclusive="Promote"), seconds)

    assert weights(plan) == {"v1": 100 - STEPS[step], "v2": STEPS[step]}
    assert plan.statuses["v2"].step == step
    assert plan.statuses["v2"].promoted_at is None
    assert "waits for gate errors (cannot tell yet)" in plan.statuses["v2"].message


@pytest.mark.parametrize("step", [0, 1, 2])
def test_after_max_hold_people_are_told_that_it_is_inconclusive(step):
    one = candidate(step, UNKNOWN)

    plan = decided(one, TOO_LONG)

    said = plan.statuses["v2"]
    assert weights(plan) == {"v1": 100 - STEPS[step], "v2": STEPS[step]}
    assert said.message.startswith("Inconclusive: ")
    assert "for longer than maxHold 1h: more requests or a person's act will end this" in said.message
    assert reasons(said) == {"Ready": "Inconclusive", "Stalled": "Inconclusive"}
    told = transition(one.status, said)
    assert (told.kind, told.reason) == ("Warning", "Inconclusive")
    assert transition(said, decided(candidate(step, UNKNOWN, said=said), TOO_LONG + 60).statuses["v2"]) is None


def test_what_was_inconclusive_goes_on_when_it_becomes_clear():
    said = decided(candidate(0, UNKNOWN), TOO_LONG).statuses["v2"]

    plan = decided(candidate(0, PASS, said=said), TOO_LONG + 5)

    assert weights(plan) == {"v1": 50, "v2": 50}
    assert "Stalled" not in reasons(plan.statuses["v2"])


def test_what_is_inconclusive_is_taken_back_where_that_is_asked_for():
    plan = decided(candidate(0, UNKNOWN, onInconclusive="Rollback"), TOO_LONG)

    assert weights(plan) == {"v1": 100, "v2": 0}
    reason = plan.statuses["v2"].decision.reason
    assert reason == "errors: cannot tell yet: so many more, after maxHold 1h"


@pytest.mark.parametrize(("step", "then"), [(0, {"v1": 50, "v2": 50}), (1, {"v1": 0, "v2": 100})])
def test_what_is_inconclusive_goes_on_where_that_is_asked_for(step, then):
    assert weights(decided(candidate(step, UNKNOWN, onInconclusive="Promote"), TOO_LONG)) == then


@pytest.mark.parametrize("others", [NO_DATA, UNAVAILABLE, FROZEN, PAUSES])
def test_what_waits_for_something_else_as_well_is_not_inconclusive(others):
    for wanted in ("Promote", "Rollback"):
        plan = decided(candidate(0, UNKNOWN + others, onInconclusive=wanted), TOO_LONG)
        assert weights(plan) == {"v1": 95, "v2": 5}


def test_where_too_little_was_seen_that_decides_and_not_that_nobody_can_tell():
    plan = decided(candidate(0, UNKNOWN + NO_DATA, onNoData="Rollback"), TOO_LONG)

    assert weights(plan) == {"v1": 100, "v2": 0}
    assert plan.statuses["v2"].decision.reason == "errors: it says NoData, within maxHold 1h"
    assert weights(decided(candidate(0, UNKNOWN, onNoData="Rollback"), TOO_LONG)) == {"v1": 95, "v2": 5}


# Stable fails as well


@pytest.mark.parametrize("seconds", [1, HOLDS, TOO_LONG])
@pytest.mark.parametrize("others", [(), PASS, UNKNOWN])
def test_while_stable_fails_as_well_the_candidate_stays_where_it_is(seconds, others):
    one = candidate(0, FROZEN + others, onNoData="Rollback", onInconclusive="Rollback")

    plan = decided(one, seconds)

    said = plan.statuses["v2"]
    assert weights(plan) == {"v1": 95, "v2": 5}
    assert said.message == "EnvironmentDegraded: gate errors: stable crosses its limit as well"
    assert reasons(said)["Stalled"] == "EnvironmentDegraded"
    told = transition(one.status, said)
    assert (told.kind, told.reason) == ("Warning", "EnvironmentDegraded")


def test_while_stable_fails_as_well_other_gates_and_guards_take_back_all_the_same():
    assert weights(decided(candidate(0, FROZEN + FAIL), 1)) == {"v1": 100, "v2": 0}
    crashed = replace(candidate(0, FROZEN), backend=version("v2", created=0, ready=False).backend)
    assert weights(decided(crashed, 1)) == {"v1": 100, "v2": 0}


def test_a_person_may_go_on_while_stable_fails_as_well():
    said = status(Phase.CANARY, step=0, step_started_at=after(0), advance_to=1, effective_rollout=settings())

    assert weights(decided(candidate(0, FROZEN, said=said), 1)) == {"v1": 50, "v2": 50}


# Requests that do not divide as the route says


@pytest.mark.parametrize("seconds", [1, HOLDS, TOO_LONG])
@pytest.mark.parametrize("others", [(), PASS, UNKNOWN])
def test_while_nothing_can_be_compared_the_candidate_stays_where_it_is(seconds, others):
    for wanted in ("Promote", "Rollback"):
        one = candidate(0, INVALID + others, onNoData="Rollback", onInconclusive=wanted)

        plan = decided(one, seconds)

        said = plan.statuses["v2"]
        assert weights(plan) == {"v1": 95, "v2": 5}
        assert said.message == "SampleRatioMismatch: it splits otherwise in this attempt; a person's act will end this"
        assert reasons(said)["Stalled"] == "SampleRatioMismatch"
        told = transition(one.status, said)
        assert (told.kind, told.reason) == ("Warning", "SampleRatioMismatch")
        assert transition(said, decided(candidate(0, INVALID, said=said), TOO_LONG).statuses["v2"]) is None, "once"


def test_while_nothing_can_be_compared_other_gates_and_guards_take_back_all_the_same():
    assert weights(decided(candidate(0, INVALID + FAIL), 1)) == {"v1": 100, "v2": 0}


def test_a_person_may_go_on_while_nothing_can_be_compared():
    said = status(Phase.CANARY, step=0, step_started_at=after(0), advance_to=1, effective_rollout=settings())

    assert weights(decided(candidate(0, INVALID, said=said), 1)) == {"v1": 50, "v2": 50}


# Limits that take nothing back


@pytest.mark.parametrize("seconds", [1, HOLDS, TOO_LONG])
def test_a_limit_may_only_keep_a_candidate_from_more_traffic(seconds):
    one = candidate(0, PASS + PAUSES, onNoData="Rollback")

    plan = decided(one, seconds)

    said = plan.statuses["v2"]
    assert weights(plan) == {"v1": 95, "v2": 5}
    assert said.message == "LimitCrossed: gate errors: it gets no more traffic while its limit is crossed"
    assert transition(one.status, said).reason == "LimitCrossed"
    assert weights(decided(candidate(0, PASS, said=said), 121)) == {"v1": 50, "v2": 50}


def test_a_limit_may_only_tell_people():
    one = candidate(0, PASS + ALERTS)

    early = decided(one, 1).statuses["v2"]
    told = transition(one.status, early)

    assert (told.kind, told.reason, told.action) == ("Warning", "LimitCrossed", "Alert")
    assert told.note == "errors: it says Fail"
    assert "Stalled" not in reasons(early)
    assert transition(early, decided(candidate(0, PASS + ALERTS, said=early), 2).statuses["v2"]) is None
    assert weights(decided(one, HOLDS)) == {"v1": 50, "v2": 50}


def test_a_limit_that_only_tells_people_does_not_hide_that_nobody_can_tell():
    both = (replace(ALERTS[0], undecided=True),)

    assert weights(decided(candidate(0, both), HOLDS)) == {"v1": 95, "v2": 5}
    assert weights(decided(candidate(0, both, onInconclusive="Promote"), TOO_LONG)) == {"v1": 50, "v2": 50}


# What is asked where


def gate(name, **fields):
    return {"name": name, "metric": "error-rate", **fields}


LIMIT, COMPARE = {"above": 0.1}, {"worseBy": 2.0}
GATES = [
    gate("both", limit=LIMIT, compare=COMPARE),
    gate("limited", limit=LIMIT, at=["Step"]),
    gate("compared", compare=COMPARE),
    gate("late", limit=LIMIT, at=["Probation"]),
]


def asks(step, **fields):
    """Each gate that is asked, and whether it compares."""
    gates = asked(settings(**{"analysis": {"gates": GATES}, **fields}), step)
    return {gate.name: gate.compare is not None for gate in gates}


def test_a_gate_is_asked_where_it_says():
    in_steps = {"both": True, "limited": False, "compared": True}

    assert asks(0) == asks(1) == in_steps
    assert asks(2, probation={"holdback": 5}) == {"both": True, "compared": True, "late": False}


def test_nothing_is_compared_where_stable_has_no_requests():
    alone = {"both": False, "late": False}

    assert asks(2) == alone
    assert asks(0, strategy="BlueGreen", steps=None) == alone
    assert asks(0, strategy="Replace", steps=None, probation={"holdback": 5}) == alone


def test_where_no_gate_is_asked_time_alone_is_waited_for():
    only = {"analysis": {"gates": [gate("early", limit=LIMIT, at=["Step"])]}}

    assert decided(candidate(2, (), **only), HOLDS).statuses["v2"].phase is Phase.STABLE
    assert decided(candidate(2, (), **only), 29).statuses["v2"].phase is Phase.PROBATION
    assert decided(candidate(0, (), **only), HOLDS).statuses["v2"].step == 0, "that it is asked for has not been seen"


# Requests in probation


@pytest.mark.parametrize("answered", [None, 0, 999])
def test_probation_does_not_end_before_there_were_enough_requests(answered):
    wanted = {"probation": {"minRequests": 1000}}

    for seconds in (HOLDS, TOO_LONG):
        plan = decided(candidate(2, PASS, requests=answered, **wanted), seconds)
        assert plan.statuses["v2"].phase is Phase.PROBATION
        assert "waits until it has answered 1,000 requests" in plan.statuses["v2"].message
    assert decided(candidate(1, PASS, requests=answered, **wanted), HOLDS).statuses["v2"].step == 2


def test_probation_ends_when_there_were_enough_requests():
    one = candidate(2, PASS, requests=1000, probation={"minRequests": 1000})

    assert decided(one, HOLDS).statuses["v2"].promoted_at == after(HOLDS)


def test_too_few_requests_take_a_version_back_where_that_is_asked_for():
    wanted = {"probation": {"minRequests": 1000}, "onNoData": "Rollback"}

    plan = decided(candidate(2, PASS, requests=7, **wanted), TOO_LONG)
    unknown = decided(candidate(2, PASS, requests=None, **wanted), TOO_LONG)

    assert plan.statuses["v2"].decision.reason == "7 of 1,000 requests in probation, within maxHold 1h"
    assert weights(plan) == {"v1": 100, "v2": 0}
    assert unknown.statuses["v2"].phase is Phase.PROBATION


def test_what_is_replaced_at_once_waits_for_no_gate():
    said = status(
        Phase.PROBATION,
        step=0,
        step_started_at=after(0),
        effective_rollout=settings(strategy="Replace", steps=None, probation={"minRequests": 9}),
    )
    for gates in (NO_DATA, PAUSES, ()):
        plan = decided(candidate(0, gates, said=said), 1, weight=100)
        assert plan.statuses["v2"].phase is Phase.STABLE


def test_a_verdict_is_one_of_four():
    """What a gate asks for beyond its verdict is said beside it: who knows four words reads every answer."""
    assert {verdict.value for verdict in Verdict} == {"Pass", "Fail", "NoData", "Unavailable"}
    assert GateResult(name="errors", verdict=Verdict.FAIL, limit=None, message="").action is LimitAction.ROLLBACK


def test_the_longest_hold_is_not_shorter_than_the_hold():
    one = candidate(0, UNKNOWN, onInconclusive="Rollback", maxHold="1s", steps=[{"weight": 5, "hold": "1h"}])

    assert weights(decided(one, 3599)) == {"v1": 95, "v2": 5}
    assert one.status.effective_rollout.steps[0].hold == timedelta(hours=1)
    assert weights(decided(one, 3600)) == {"v1": 100, "v2": 0}

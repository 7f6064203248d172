"""The settings in force: installation under policy under version, and floors that no version goes below."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_operator.analysis.limits import threshold
from sluice_operator.api.gates import Compare, Gate, Limit
from sluice_operator.api.policy import RolloutPolicySpec
from sluice_operator.api.settings import OnNewVersion, Probation, RolloutSettings, Strategy
from sluice_operator.rollout.settings import DEFAULTS, merge, restoring, settings_hash, settle

ERRORS = {"name": "errors", "metric": "error-rate", "limit": {"above": 0.02, "minRequests": 20}}


def given_by(**fields: Any) -> RolloutSettings:
    return RolloutSettings.model_validate(fields)


def policy(*, defaults: dict[str, Any] | None = None, require: dict[str, Any] | None = None) -> RolloutPolicySpec:
    fields = {"models": ["sms-*"], "defaults": defaults, "require": require}
    return RolloutPolicySpec.model_validate({name: value for name, value in fields.items() if value is not None})


def settled(version: dict[str, Any] | None = None, *, under: RolloutPolicySpec, digest: str | None = None):
    return settle(given_by(**version) if version else None, policy=under, digest=digest)


# Who says what


def test_what_nobody_says_is_the_installations():
    assert merge(None) == DEFAULTS
    assert settle(None, policy=policy(), digest=None).settings == DEFAULTS


def test_a_version_says_more_than_its_policy_and_that_more_than_the_installation():
    team = policy(defaults={"readyTimeout": "3m", "maxHold": "2h", "onNewVersion": "Queue"})

    found = settled({"maxHold": "4h"}, under=team).settings

    assert found.ready_timeout == timedelta(minutes=3)
    assert found.max_hold == timedelta(hours=4)
    assert found.on_new_version is OnNewVersion.QUEUE
    assert found.steps == DEFAULTS.steps


def test_objects_are_merged_field_by_field_and_lists_are_taken_whole():
    team = policy(defaults={"probation": {"duration": "1h"}, "steps": [{"weight": 10, "hold": "1m"}]})

    found = settled({"probation": {"holdback": 5}}, under=team).settings

    assert (found.probation.duration, found.probation.holdback) == (timedelta(hours=1), 5)
    assert [step.weight for step in found.steps] == [10]


def test_only_a_canary_has_steps():
    found = settled({"strategy": "BlueGreen"}, under=policy(defaults={"steps": [{"weight": 10, "hold": "1m"}]}))

    assert found.settings.strategy is Strategy.BLUE_GREEN
    assert found.settings.steps == []


@given(names=st.lists(st.sampled_from(["readyTimeout", "maxHold", "onNoData", "onNewVersion"]), unique=True))
def test_the_hash_tells_settings_apart_and_nothing_else(names):
    values = {"readyTimeout": "7m", "maxHold": "9h", "onNoData": "Rollback", "onNewVersion": "Reject"}
    one = merge(given_by(**{name: values[name] for name in names}))
    again = merge(given_by(**{name: values[name] for name in reversed(names)}))

    assert settings_hash(one) == settings_hash(again)
    assert (settings_hash(one) != settings_hash(DEFAULTS)) is bool(names)


# Which models a policy is about


@pytest.mark.parametrize(
    ("models", "model", "named"),
    [
        (["sms"], "sms", True),
        (["sms"], "sms-2", False),
        (["sms-*"], "sms-2", True),
        (["sms-*"], "sms", False),
        (["*"], "anything", True),
        (["fraud", "sms"], "sms", True),
    ],
)
def test_a_policy_names_models_or_the_beginnings_of_names(models, model, named):
    assert RolloutPolicySpec.model_validate({"models": models}).names(model) is named


@pytest.mark.parametrize("pattern", ["", "**", "s*s", "Sms", "-a", "a-", "*a", "a" * 41])
def test_a_pattern_is_a_name_or_the_beginning_of_one(pattern):
    with pytest.raises(ValueError, match="models"):
        RolloutPolicySpec.model_validate({"models": [pattern]})


# Floors


def test_a_required_gate_is_asked_although_the_version_leaves_it_out():
    team = policy(defaults={"analysis": {"gates": [ERRORS]}}, require={"gates": ["errors"]})
    slow = {"name": "slow", "metric": "latency", "slowerThan": "100ms", "limit": {"above": 0.2}}

    gates = settled({"analysis": {"gates": [slow]}}, under=team).settings.analysis.gates

    assert {gate.name: gate.limit.above for gate in gates} == {"slow": 0.2, "errors": 0.02}


@pytest.mark.parametrize(("own", "in_force"), [(0.5, 0.02), (0.01, 0.01)])
def test_a_required_gate_may_be_made_stricter_and_not_looser(own, in_force):
    team = policy(defaults={"analysis": {"gates": [ERRORS]}}, require={"gates": ["errors"]})
    gate = {**ERRORS, "limit": {"above": own, "minRequests": 1_000_000, "checks": 20}}

    (found,) = settled({"analysis": {"gates": [gate]}}, under=team).settings.analysis.gates

    assert found.limit.above == in_force
    assert (found.limit.min_requests, found.limit.checks) == (20, None), "all else is as the policy has it"


def test_required_approvals_are_the_stricter_of_both():
    team = policy(require={"approvals": {"count": 2, "group": "ml-leads", "notByAuthor": True}})

    assert settled(under=team).settings.approvals.count == 2
    more = settled({"approvals": {"count": 3, "group": "interns"}}, under=team).settings.approvals
    assert (more.count, more.group, more.not_by_author) == (3, "ml-leads", True)
    less = settled({"approvals": {"count": 1}}, under=team).settings.approvals
    assert (less.count, less.group) == (2, "ml-leads")


def test_a_floor_does_not_replace_the_group_that_a_version_asks_for():
    team = policy(require={"approvals": {"count": 1, "group": "sre"}})

    both = settled({"approvals": {"count": 2, "group": "ml-leads"}}, under=team).settings
    assert (both.approvals.group, both.own_approvals.group, both.own_approvals.count) == ("sre", "ml-leads", 2)
    assert settled({"approvals": {"count": 2, "group": "sre"}}, under=team).settings.own_approvals is None
    assert settled({"approvals": {"count": 2}}, under=team).settings.own_approvals is None
    assert restoring(both).own_approvals is None


@pytest.mark.parametrize(
    ("require", "version", "problem"),
    [
        ({"minSteps": 3}, {"steps": [{"weight": 5, "hold": "1m"}]}, "requires at least 3 steps, this rollout has 1"),
        ({"minSteps": 1}, {"strategy": "Replace"}, "requires at least 1 steps, this rollout has 0"),
        ({"gates": ["errors"]}, {"strategy": "Replace"}, "requires the gate errors, and strategy Replace asks none"),
        ({"gates": ["drift"]}, {}, "requires the gate drift, which neither it nor the installation defines"),
        ({"digest": True}, {}, "requires source.digest"),
    ],
)
def test_a_floor_that_cannot_be_met_by_asking_for_more_is_a_problem(require, version, problem):
    assert problem in settled(version or None, under=policy(require=require)).problem


def test_a_digest_that_is_given_meets_the_floor():
    assert settled(under=policy(require={"digest": True}), digest="sha256:" + "0" * 64).problem is None


VALUE = {"name": "errors", "query": {"value": "queue_length"}}


def floored(team: dict[str, Any], own: dict[str, Any], *, name: str = "errors"):
    """The required gate of a policy, for a version that has one of the same name."""
    under = policy(defaults={"analysis": {"gates": [team]}}, require={"gates": [name]})
    settings = settled({"analysis": {"gates": [own]}}, under=under).settings
    (gate,) = settings.analysis.gates
    return gate


@pytest.mark.parametrize(
    ("team", "own", "in_force"),
    [
        ({"above": 5}, {"above": 4}, {"above": 4}),
        ({"above": 5}, {"above": 6}, {"above": 5}),
        ({"above": 5}, {"atLeast": 5}, {"atLeast": 5}),
        ({"above": 5}, {"atLeast": 5.1}, {"above": 5}),
        ({"atLeast": 5}, {"above": 5}, {"atLeast": 5}),
        ({"atLeast": 5}, {"above": 4.9}, {"above": 4.9}),
        ({"below": 5}, {"below": 6}, {"below": 6}),
        ({"below": 5}, {"below": 4}, {"below": 5}),
        ({"below": 5}, {"atMost": 5}, {"atMost": 5}),
        ({"atMost": 5}, {"below": 5}, {"atMost": 5}),
        ({"atMost": 5}, {"below": 5.1}, {"below": 5.1}),
        ({"above": 5}, {"below": 5}, {"above": 5}),
        ({"atMost": 5}, {"atLeast": 4}, {"atMost": 5}),
    ],
)
def test_a_required_limit_may_only_be_tightened_in_whatever_form(team, own, in_force):
    gate = floored({**VALUE, "limit": team}, {**VALUE, "limit": own})

    said = gate.limit.model_dump(by_alias=True, include={"above", "at_least", "below", "at_most"}, exclude_none=True)
    assert said == in_force


@given(team=st.sampled_from(["above", "atLeast", "below", "atMost"]), own=st.data())
def test_what_crosses_a_required_limit_crosses_whatever_a_version_makes_of_it(team, own):
    values = st.integers(-3, 3)
    wanted = own.draw(st.sampled_from(["above", "atLeast", "below", "atMost"]))
    first, second, value = (own.draw(values) for _ in range(3))
    gate = floored({**VALUE, "limit": {team: first}}, {**VALUE, "limit": {wanted: second}})

    (floor,) = [threshold(Limit.model_validate({team: first}))]
    assert not floor.crossed(value) or threshold(gate.limit).crossed(value)


@pytest.mark.parametrize("field", [{"action": "Alert"}, {"checks": 20}, {"window": "10m"}, {"minRequests": 1_000_000}])
def test_nothing_else_of_a_required_limit_is_for_a_version_to_say(field):
    gate = floored(ERRORS, {**ERRORS, "limit": {"above": 0.01, **field}})

    assert gate.limit.model_copy(update={"above": 0.02}) == Limit.model_validate(ERRORS["limit"])


def test_a_gate_that_asks_something_else_does_not_touch_the_required_one_of_its_name():
    slow = {"name": "errors", "metric": "latency", "slowerThan": "100ms", "limit": {"above": 0.001}}

    assert floored(ERRORS, slow) == Gate.model_validate(ERRORS)
    faster = {**slow, "slowerThan": "1s"}
    assert floored(slow, faster) == Gate.model_validate(slow)


def test_a_required_gate_is_asked_where_the_policy_says():
    assert floored({**ERRORS, "at": ["Step", "Probation"]}, {**ERRORS, "at": ["Probation"]}).at == ["Step", "Probation"]


def test_a_version_may_add_a_limit_or_a_comparison_to_a_required_gate_and_take_neither_away():
    limited = ERRORS
    compared = {"name": "errors", "metric": "error-rate", "compare": {"worseBy": 3.0}}

    for team, own in ((limited, compared), (compared, limited)):
        gate = floored(team, own)
        assert (gate.limit.above, gate.compare.worse_by) == (0.02, 3.0)
    both = {**limited, **compared}
    for own in (limited, compared):
        gate = floored(both, own)
        assert (gate.limit.above, gate.compare.worse_by) == (0.02, 3.0)


def test_a_required_comparison_may_only_be_made_stricter():
    team = {**ERRORS, "compare": {"tolerance": 1.3, "worseBy": 2.0, "negligible": 0.005, "minEffect": 1.2}}

    looser = {"tolerance": 1.5, "worseBy": 3.0, "negligible": 0.1, "minEffect": 2.0}
    assert floored(team, {**ERRORS, "compare": looser}) == Gate.model_validate(team)
    stricter = {"tolerance": 1.0, "worseBy": 1.5, "negligible": 0.0, "minEffect": 1.0}
    assert floored(team, {**ERRORS, "compare": stricter}).compare == Compare.model_validate(stricter)
    assert floored(team, {**ERRORS, "compare": {"worseBy": 1.1}}).compare.tolerance == 1.0


COMPARED = {**ERRORS, "compare": {}}


@pytest.mark.parametrize(
    ("own", "in_force"),
    [
        ({"alpha": 0.001, "beta": 0.5}, (0.05, 0.05)),
        ({"alpha": 0.1, "beta": 0.01}, (0.1, 0.01)),
        ({}, (0.05, 0.05)),
    ],
)
def test_where_a_required_gate_compares_no_version_asks_for_less_to_be_sure_of(own, in_force):
    team = policy(defaults={"analysis": {"gates": [COMPARED]}}, require={"gates": ["errors"]})

    found = settled({"analysis": own}, under=team).settings.analysis

    assert (found.alpha, found.beta) == in_force
    free = policy(defaults={"analysis": {"gates": [ERRORS]}}, require={"gates": ["errors"]})
    assert settled({"analysis": {"alpha": 0.001}}, under=free).settings.analysis.alpha == 0.001


@pytest.mark.parametrize(("own", "in_force"), [("Promote", "Pause"), ("Rollback", "Rollback"), ("Pause", "Pause")])
def test_where_a_required_gate_compares_no_version_goes_on_without_its_answer(own, in_force):
    team = policy(defaults={"analysis": {"gates": [COMPARED]}}, require={"gates": ["errors"]})

    assert settled({"onInconclusive": own}, under=team).settings.on_inconclusive == in_force
    may = policy(
        defaults={"analysis": {"gates": [COMPARED]}, "onInconclusive": "Promote"}, require={"gates": ["errors"]}
    )
    assert settled({"onInconclusive": "Promote"}, under=may).settings.on_inconclusive == "Promote"


def test_neither_does_it_where_a_required_gate_asks_how_far_predictions_have_moved():
    gate = {"name": "classes", "metric": "prediction-drift", "limit": {"above": 0.25}}
    team = policy(defaults={"analysis": {"gates": [gate]}}, require={"gates": ["classes"]})
    looser = {**gate, "limit": {"above": 2, "action": "Alert"}}

    found = settled({"onInconclusive": "Promote", "analysis": {"gates": [looser]}}, under=team).settings
    assert found.on_inconclusive == "Pause"
    assert (found.analysis.gates[0].limit.above, found.analysis.gates[0].limit.action) == (0.25, "Rollback")


def test_who_counts_is_not_for_a_version_to_say_where_a_gate_is_required():
    team = policy(defaults={"analysis": {"gates": [ERRORS], "source": "Gateway"}}, require={"gates": ["errors"]})
    free = policy(defaults={"analysis": {"source": "Gateway"}})

    assert settled({"analysis": {"source": "Predictor"}}, under=team).settings.analysis.source == "Gateway"
    assert settled({"analysis": {"source": "Predictor"}}, under=free).settings.analysis.source == "Predictor"


def test_more_gates_than_a_version_may_have_do_not_begin():
    team = policy(defaults={"analysis": {"gates": [ERRORS]}}, require={"gates": ["errors"]})
    own = [{"name": f"g{n}", "metric": "error-rate", "limit": {"above": 0.1}} for n in range(8)]

    assert settled({"analysis": {"gates": own[:7]}}, under=team).problem is None
    assert "more than 8 gates" in settled({"analysis": {"gates": own}}, under=team).problem


def test_a_version_that_returns_was_proven_and_waits_for_time_alone():
    found = restoring(merge(given_by(probation={"holdback": 5, "minRequests": 1000, "duration": "7m"})))

    assert (found.strategy, found.steps) == (Strategy.BLUE_GREEN, [])
    assert found.probation == Probation(duration=timedelta(minutes=7))

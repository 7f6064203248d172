"""The settings in force: installation under policy under version, and floors that no version goes below."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_operator.api.policy import RolloutPolicySpec
from sluice_operator.api.settings import OnNewVersion, RolloutSettings, Strategy
from sluice_operator.rollout.settings import DEFAULTS, merge, settings_hash, settle

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
    assert (found.limit.min_requests, found.limit.checks) == (20, 3), "all else is as the policy has it"


def test_required_approvals_are_the_stricter_of_both():
    team = policy(require={"approvals": {"count": 2, "group": "ml-leads", "notByAuthor": True}})

    assert settled(under=team).settings.approvals.count == 2
    more = settled({"approvals": {"count": 3, "group": "interns"}}, under=team).settings.approvals
    assert (more.count, more.group, more.not_by_author) == (3, "ml-leads", True)
    less = settled({"approvals": {"count": 1}}, under=team).settings.approvals
    assert (less.count, less.group) == (2, "ml-leads")


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

"""`explain` says why a version waits in the operator's words, and what would move it in words that can be copied."""

from datetime import timedelta

import pytest
from recorded_versions import NOW, condition, version

from sluice_operator.api.settings import RolloutSettings
from sluice_operator.api.status import Phase
from sluice_operator.cli.live.versions import model_of, models, one
from sluice_operator.cli.live.why import why
from sluice_operator.rollout.settings import merge
from sluice_operator.rollout.transitions import BLOCKED

OVER = {Phase.STABLE}
"""Nothing is waited for."""


def explained(*objects, name="sms-2"):
    known = models(objects)
    about = one(known, name)
    return why(about, model_of(known, about), now=NOW)


@pytest.mark.parametrize("phase", Phase)
def test_every_phase_has_a_way_out_but_the_one_that_is_the_end(phase):
    ready = {"conditions": [condition("Ready", "Stable")]} if phase in OVER else {}

    found = explained(version("sms-2", phase, **ready))

    assert str(phase) in found.sentence
    assert bool(found.moves) is (phase not in OVER)


@pytest.mark.parametrize("reason", [*BLOCKED, "Duplicate", "InvalidSpec"])
def test_every_reason_for_which_a_version_is_stalled_has_a_remedy_of_its_own(reason):
    plain = explained(version("sms-2", "Canary", step=0))
    stalled = version(
        "sms-2", "Canary", step=0, message=f"{reason}: it is so", conditions=[condition("Stalled", reason)]
    )

    found = explained(stalled)

    assert found.sentence == f"sms-2 is Canary: {reason}: it is so"
    assert found.moves
    assert found.moves != plain.moves


def test_a_hold_says_when_it_ends_and_how_it_is_passed_over():
    held = version("sms-2", "Canary", step=0, nextTransitionAt=(NOW + timedelta(minutes=3)).isoformat())

    moves = explained(held).moves

    assert "the step can end at 2026-03-01 12:03:00 UTC, in 3m" in moves
    assert any("kubectl sluice advance sms-2 -n payments --reason …" in move for move in moves)


def test_a_deleted_version_says_what_keeps_the_model_served_and_for_how_long():
    alone = version("sms-2", "DeletionWaiting", nextTransitionAt=(NOW + timedelta(seconds=20)).isoformat())

    assert explained(alone).moves[0] == "apply a version before 2026-03-01 12:00:20 UTC, in 20s"
    assert explained(version("sms-2", "DeletionWaiting")).moves[0].endswith("apply one")


def test_in_probation_it_is_promotion_that_does_not_wait():
    assert any(
        "kubectl sluice promote sms-2" in move for move in explained(version("sms-2", "Probation", step=2)).moves
    )


def test_a_gate_that_has_seen_too_little_says_how_many_requests_are_needed():
    gate = {"name": "errors", "verdict": "NoData", "requests": 12, "message": "12 requests"}

    moves = explained(version("sms-2", "Canary", step=0, gates=[gate])).moves

    assert "gate errors: 50 requests are needed within its window, and there were 12" in moves


def test_a_gate_that_asks_for_no_requests_says_what_it_waits_for():
    drift = {"name": "errors", "metric": "prediction-drift", "limit": {"above": 0.25}}
    settings = merge(RolloutSettings.model_validate({"analysis": {"gates": [drift]}}))
    gate = {"name": "errors", "verdict": "NoData", "message": "87 predictions in this step: 200 of each needed"}
    told = settings.model_dump(mode="json", by_alias=True, exclude_none=True)

    moves = explained(version("sms-2", "Canary", step=0, gates=[gate], effectiveRollout=told)).moves

    assert "gate errors: 87 predictions in this step: 200 of each needed" in moves


def test_a_comparison_that_cannot_tell_says_how_many_more_it_needs():
    cannot = {"answer": "Unknown", "requests": 900, "requestsNeeded": 1400}
    gate = {"name": "errors", "verdict": "NoData", "requests": 900, "message": "…", "comparison": cannot}

    moves = explained(version("sms-2", "Canary", step=0, gates=[gate])).moves

    assert "gate errors: about 1,400 more requests to the candidate let it tell" in moves
    gate["comparison"] = {**cannot, "secondsNeeded": 700}
    moves = explained(version("sms-2", "Canary", step=0, gates=[gate])).moves
    assert any(move.endswith("let it tell, about 12 min at the present rate") for move in moves)


def test_what_waits_for_approval_says_who_has_agreed_at_this_step():
    agreed = [
        {"by": "ann", "step": 1, "at": NOW.isoformat()},
        {"by": "bob", "step": 0, "at": NOW.isoformat()},
    ]

    moves = explained(version("sms-2", "AwaitingApproval", step=1, approvals=agreed)).moves

    assert "so far ann agreed" in moves


@pytest.mark.parametrize(
    ("status", "wanted"),
    [
        (
            {"paused": {"by": "ann", "reason": "lunch", "at": NOW.isoformat()}},
            "kubectl sluice resume sms-2 -n payments",
        ),
        ({}, "set spec.paused of sms-2 to false, where it is kept"),
    ],
)
def test_a_pause_is_lifted_where_it_was_made(status, wanted):
    assert wanted in explained(version("sms-2", "Paused", step=0, **status)).moves


def test_a_queued_version_names_the_one_it_waits_for():
    moves = explained(version("sms-2", "Queued"), version("sms-1", "Canary", step=0, days=1)).moves

    assert "to end that now: kubectl sluice abort sms-1 -n payments" in moves


def test_what_is_over_says_why_in_the_decision_s_words():
    decision = {"action": "Rollback", "reason": "errors: 14% of 1,200", "at": NOW.isoformat()}

    assert explained(version("sms-2", "RolledBack", decision=decision)).sentence == (
        "sms-2 is RolledBack: errors: 14% of 1,200"
    )


def test_a_stable_version_that_is_not_ready_says_where_to_look():
    assert "kubectl describe pods" in explained(version("sms-2", "Stable")).moves[0]


def test_one_that_the_operator_has_not_seen_sends_people_to_the_operator():
    assert explained(version("sms-2")).moves == ("kubectl sluice check says whether it runs",)


def test_one_that_cannot_be_read_says_which_field():
    assert "status.phase" in explained(version("sms-2", "Levitating")).sentence

"""What a version is asked alone stands between its readiness and its first request."""

from dataclasses import replace
from typing import Any

import pytest
from making import after, route, snapshot, spec, stable, status, version, weights

from sluice_operator.api.status import Phase, PreflightStatus, Verdict
from sluice_operator.rollout.decide import decide
from sluice_operator.rollout.settings import merge
from sluice_operator.rollout.snapshot import PreflightResult, Version

ASKED = PreflightResult(attempt=1, verdict=None, message="1 of 2 pods have answered")
WRONG = PreflightResult(attempt=1, verdict=Verdict.FAIL, message='v2-0: requests[0]: label is "ham", expected "spam"')
RIGHT = PreflightResult(
    attempt=1, verdict=Verdict.PASS, message="its pod answered 1 request as expected", digest="sha256:" + "a" * 64
)
ROLLOUTS: dict[str, dict[str, Any]] = {
    "Canary": {"steps": [{"weight": 5, "hold": "10s"}]},
    "BlueGreen": {"strategy": "BlueGreen", "approvals": {"count": 1}},
    "Replace": {"strategy": "Replace"},
}


def candidate(found: PreflightResult | None, *, strategy: str = "Canary", now=None, **fields: Any) -> Version:
    made = version("v2", created=10, preflight=found, now=now, **fields)
    return replace(made, spec=spec("v2", rollout=ROLLOUTS[strategy]))


def begun(phase: Phase = Phase.PREFLIGHT, **fields: Any):
    return status(phase, effective_rollout=merge(spec("v2", rollout=ROLLOUTS["Canary"]).rollout), **fields)


@pytest.mark.parametrize("strategy", ROLLOUTS)
@pytest.mark.parametrize("found", [None, ASKED])
def test_by_every_strategy_a_version_is_asked_as_soon_as_it_is_ready_and_gets_nothing_meanwhile(strategy, found):
    plan = decide(snapshot(stable(), candidate(found, strategy=strategy), route=route(v1=100)), after(20))

    assert plan.preflight == ("v2",)
    assert plan.statuses["v2"].phase is Phase.PREFLIGHT
    assert weights(plan) == {"v1": 100}
    assert plan.route.previews == ()


def test_a_first_version_is_asked_too():
    asked = decide(snapshot(candidate(None)), after(20))
    assert (asked.preflight, asked.route) == (("v2",), None)

    answered = decide(snapshot(candidate(RIGHT)), after(21))
    assert weights(answered) == {"v2": 100}


def test_how_far_it_has_come_is_in_the_message():
    plan = decide(snapshot(stable(), candidate(ASKED), route=route(v1=100)), after(20))

    assert plan.statuses["v2"].message == "preflight: 1 of 2 pods have answered"


def test_a_version_that_is_not_ready_is_not_asked_yet():
    plan = decide(snapshot(stable(), candidate(None, ready=False), route=route(v1=100)), after(20))

    assert plan.preflight == ()
    assert plan.statuses["v2"].phase is Phase.DEPLOYING


def test_pods_that_are_away_for_a_moment_do_not_end_the_asking():
    plan = decide(snapshot(stable(), candidate(ASKED, ready=False), route=route(v1=100)), after(20))

    assert plan.preflight == ("v2",)


@pytest.mark.parametrize("ready", [True, False])
@pytest.mark.parametrize("paused", [True, False])
def test_a_wrong_answer_takes_the_version_back_for_good_and_says_what_came(ready, paused):
    seen = candidate(WRONG, ready=ready)
    seen = replace(seen, spec=seen.spec.model_copy(update={"paused": paused}))

    plan = decide(snapshot(stable(), seen, route=route(v1=100)), after(20))

    said = plan.statuses["v2"]
    assert said.phase is Phase.ROLLING_BACK
    assert (said.decision.action, said.decision.gate) == ("Rollback", "preflight")
    assert said.decision.reason == 'preflight: v2-0: requests[0]: label is "ham", expected "spam"'
    assert [mark.uid for mark in plan.route.marks] == ["uid-v2"]
    assert weights(plan) == {"v1": 100}


def test_the_right_answer_is_remembered_with_what_was_asked_and_which_digest_it_was():
    plan = decide(snapshot(stable(), candidate(RIGHT), route=route(v1=100)), after(20))

    said = plan.statuses["v2"]
    assert said.preflight == PreflightStatus(verdict=Verdict.PASS, message=RIGHT.message, at=after(20))
    assert (said.digest, said.digest_verification) == (RIGHT.digest, "Predictor")


def test_it_is_asked_no_more_once_its_status_says_the_result():
    passed = begun(preflight=PreflightStatus(verdict=Verdict.PASS, message="it answered", at=after(15)))

    plan = decide(snapshot(stable(), candidate(None, now=passed), route=route(v1=100)), after(20))

    assert plan.preflight == ()
    assert plan.statuses["v2"].preflight == passed.preflight
    assert weights(plan) == {"v1": 100, "v2": 0}


def test_the_result_is_kept_in_memory_until_the_status_is_read_back():
    plan = decide(snapshot(stable(), candidate(RIGHT, now=begun()), route=route(v1=100)), after(20))

    assert plan.preflight == ("v2",)


def test_what_an_earlier_attempt_answered_does_not_count():
    again = begun().model_copy(update={"attempt": 2})

    for result in (WRONG, RIGHT):
        plan = decide(snapshot(stable(), candidate(result, now=again), route=route(v1=100)), after(20))
        assert plan.statuses["v2"].phase is Phase.PREFLIGHT
        assert weights(plan) == {"v1": 100}


def test_the_deadline_to_become_ready_does_not_run_while_it_is_asked():
    late = begun(ready_by=after(60))

    plan = decide(snapshot(stable(), candidate(ASKED, now=late), route=route(v1=100)), after(600))

    assert plan.statuses["v2"].phase is Phase.PREFLIGHT
    assert plan.statuses["v2"].ready_by is None


def test_a_version_that_has_had_traffic_is_not_asked_again_when_its_pods_come_back():
    before = begun(Phase.DEPLOYING, step=0)

    plan = decide(snapshot(stable(), candidate(None, now=before), route=route(v1=100)), after(20))

    assert plan.preflight == ()
    assert weights(plan) == {"v1": 100, "v2": 0}


def test_a_version_of_which_nothing_is_asked_goes_on():
    made = version("v2", created=10, preflight=None)
    silent = replace(made, spec=spec("v2", rollout={**ROLLOUTS["Canary"], "preflight": {"artifact": False}}))

    plan = decide(snapshot(stable(), silent, route=route(v1=100)), after(20))

    assert plan.preflight == ()
    assert plan.statuses["v2"].phase is Phase.DEPLOYING
    assert weights(plan) == {"v1": 100, "v2": 0}


def test_a_held_version_is_asked_while_it_is_paused():
    held = candidate(None)
    held = replace(held, spec=held.spec.model_copy(update={"paused": True}))

    plan = decide(snapshot(stable(), held, route=route(v1=100)), after(20))

    assert plan.preflight == ("v2",)
    assert plan.statuses["v2"].phase is Phase.PAUSED

"""What people read in a status: one sentence for every situation, and a condition for those who cannot read."""

from dataclasses import replace

import pytest
from making import (
    FAIL,
    NO_DATA,
    PASS,
    ROLLOUT,
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

from sluice_operator.analysis.gates import GateResult
from sluice_operator.api.status import Approval, Decision, Paused, Phase, Verdict
from sluice_operator.rollout.decide import decide
from sluice_operator.rollout.settings import merge
from sluice_operator.rollout.snapshot import Backend, Invalid, Mark, Route

SETTINGS = merge(spec("v2").rollout)
AGREED_BY_TWO = merge(
    spec("v2", rollout={**ROLLOUT, "steps": [{"weight": 5, "hold": "10s", "approvals": {"count": 2}}]}).rollout
)
HOLDBACK = merge(spec("v2", rollout={**ROLLOUT, "probation": {"duration": "30s", "holdback": 10}}).rollout)
ABORTED = Decision(action="Abort", reason="ann: because", by="ann", act="a", at=after(104))
MARK = Mark(uid="uid-v2", attempt=1, reason="errors: 12 of 60", at=after(104), gate="errors", by="ann", act="a")
ANN = Approval(by="ann", step=0, at=after(101))
LUNCH = Paused(by="ann", reason="lunch", at=after(104))


def candidate(
    phase=Phase.CANARY, *, step=0, gates=PASS, settings=SETTINGS, ready=True, problem=None, serving=None, **said
):
    """The version v2, on a step that began 100 seconds after the test did."""
    now = status(phase, step=step, step_started_at=after(100), effective_rollout=settings, **said)
    return version("v2", created=10, now=now, gates=gates, ready=ready, problem=problem, serving=serving)


def fresh(**fields):
    return version("v2", created=10, **fields)


def taken_back(phase=Phase.ROLLING_BACK, *, mark=MARK, weight=0, in_force=True):
    marks = (mark,) if mark is not None else ()
    return snapshot(stable(), candidate(phase), route=route(v1=100 - weight, v2=weight, marks=marks, in_force=in_force))


ON_STEP = route(v1=95, v2=5)
ALONE = route(v1=100)
LISTED = route(v1=100, v2=0)
PROBATION = route(v1=0, v2=100)

SAID = {
    "pods are not there": (
        snapshot(stable(), fresh(ready=False), route=ALONE),
        20,
        (Phase.DEPLOYING, "Deploying", "waits to become ready: starting"),
    ),
    "pods say why": (
        snapshot(stable(), fresh(ready=False, problem="no image"), route=ALONE),
        20,
        (Phase.DEPLOYING, "Deploying", "waits to become ready: no image"),
    ),
    "pods never came": (
        snapshot(stable(), fresh(ready=False, now=status(Phase.DEPLOYING, ready_by=after(15))), route=ALONE),
        20,
        (Phase.FAILED, "Failed", "Failed: not ready within 1m: no reason given"),
    ),
    "not in the route yet": (
        snapshot(stable(), fresh(), route=ALONE),
        20,
        (Phase.PREFLIGHT, "Preflight", "ready: waits for the Gateway to take the route"),
    ),
    "in the route": (
        snapshot(stable(), fresh(), route=LISTED),
        20,
        (Phase.PREFLIGHT, "Preflight", "ready: gives the Gateway time to learn of its pods"),
    ),
    "on a step": (
        snapshot(stable(), candidate(), route=ON_STEP),
        105,
        (Phase.CANARY, "Canary", "step 1 of 2 at 5 %: holds for 10s"),
    ),
    "the route is on its way": (
        snapshot(stable(), candidate(), route=route(v1=95, v2=5, in_force=False)),
        115,
        (Phase.CANARY, "Canary", "step 1 of 2 at 5 %: waits for the Gateway to take the route"),
    ),
    "a gate has seen too little": (
        snapshot(stable(), candidate(gates=NO_DATA), route=ON_STEP),
        115,
        (Phase.CANARY, "Canary", "step 1 of 2 at 5 %: waits for gate errors (NoData)"),
    ),
    "no gate has answered": (
        snapshot(stable(), candidate(gates=()), route=ON_STEP),
        115,
        (Phase.CANARY, "Canary", "step 1 of 2 at 5 %: waits for the gates to answer"),
    ),
    "a gate has seen too little for too long": (
        snapshot(stable(), candidate(gates=NO_DATA), route=ON_STEP),
        3800,
        (
            Phase.CANARY,
            "Canary",
            "step 1 of 2 at 5 %: waits for gate errors (NoData), for longer than maxHold 1h: "
            "more requests or a person's act will end this",
        ),
    ),
    "the next step": (
        snapshot(stable(), candidate(), route=ON_STEP),
        115,
        (Phase.CANARY, "Canary", "step 2 of 2 at 50 %: holds for 20s"),
    ),
    "short of pods": (
        snapshot(stable(), candidate(capacity=8, serving=backend("v2", available=1)), route=ON_STEP),
        115,
        (
            Phase.CANARY,
            "Canary",
            "step 1 of 2 at 5 %: waits for 3 pods before it gets 50 % of the requests: 1 are available; "
            "all requests take 8 pods, and its maxReplicas is 3",
        ),
    ),
    "probation": (
        snapshot(stable(), candidate(step=1), route=route(v1=50, v2=50)),
        125,
        (Phase.PROBATION, "Probation", "probation with all requests: holds for 30s"),
    ),
    "probation with some left on stable": (
        snapshot(stable(), candidate(step=1, settings=HOLDBACK), route=route(v1=50, v2=50)),
        125,
        (Phase.PROBATION, "Probation", "probation with 90 % of the requests: holds for 30s"),
    ),
    "promoted": (
        snapshot(stable(), candidate(Phase.PROBATION, step=2), route=PROBATION),
        140,
        (Phase.STABLE, "Stable", "serves all requests"),
    ),
    "two must agree": (
        snapshot(stable(), candidate(settings=AGREED_BY_TWO), route=ON_STEP),
        115,
        (Phase.AWAITING_APPROVAL, "AwaitingApproval", "step 1 of 1 at 5 %: waits for 2 approvals"),
    ),
    "one more must agree": (
        snapshot(stable(), candidate(settings=AGREED_BY_TWO, approvals=[ANN]), route=ON_STEP),
        115,
        (Phase.AWAITING_APPROVAL, "AwaitingApproval", "step 1 of 1 at 5 %: waits for 1 approval"),
    ),
    "paused": (
        snapshot(stable(), candidate(paused=LUNCH), route=ON_STEP),
        105,
        (Phase.PAUSED, "Paused", "step 1 of 2 at 5 %: paused by ann: lunch"),
    ),
    "a gate fails": (
        snapshot(stable(), candidate(gates=FAIL), route=ON_STEP),
        105,
        (Phase.ROLLING_BACK, "RollingBack", "Rolled back: errors: it says Fail"),
    ),
    "a gate fails and nobody else answers": (
        snapshot(stable(ready=False), candidate(gates=FAIL), route=ON_STEP),
        105,
        (
            Phase.CANARY,
            "StableUnavailable",
            "StableUnavailable: gate errors fails, but stable has no ready pod to go back to",
        ),
    ),
    "aborted and nobody else answers": (
        snapshot(stable(ready=False), candidate(decision=ABORTED), route=ON_STEP),
        105,
        (
            Phase.CANARY,
            "StableUnavailable",
            "StableUnavailable: ann: because; but stable has no ready pod to go back to",
        ),
    ),
    "aborted": (
        snapshot(stable(), candidate(decision=ABORTED), route=ON_STEP),
        105,
        (Phase.ROLLING_BACK, "RollingBack", "Aborted: ann: because"),
    ),
    "taken back, the route on its way": (
        taken_back(weight=5, in_force=False),
        106,
        (Phase.ROLLING_BACK, "RollingBack", "Rolled back: errors: 12 of 60"),
    ),
    "taken back": (
        taken_back(),
        106,
        (Phase.ROLLED_BACK, "RolledBack", "Rolled back: errors: 12 of 60"),
    ),
    "taken back, nobody knows why": (
        taken_back(Phase.ROLLED_BACK, mark=None),
        106,
        (Phase.ROLLED_BACK, "RolledBack", "Rolled back: it was taken back"),
    ),
    "rejected": (
        taken_back(mark=replace(MARK, action="Reject")),
        106,
        (Phase.REJECTED, "Rejected", "Rejected: errors: 12 of 60"),
    ),
    "overtaken": (
        snapshot(stable(), candidate(), version("v3", created=20), route=ON_STEP),
        105,
        (Phase.SKIPPED, "Skipped", "Skipped: superseded by v3 before it was proven"),
    ),
    "a name is taken": (
        snapshot(stable(), fresh(serving=Backend(name="v2-be", exists=True, foreign=True)), route=ALONE),
        105,
        (Phase.DEPLOYING, "NameTaken", "NameTaken: an InferenceService v2-be exists that is not ours"),
    ),
    "the route is somebody else's": (
        snapshot(stable(), candidate(), route=Route(exists=True, foreign=True)),
        105,
        (Phase.DEPLOYING, "NameTaken", "NameTaken: an HTTPRoute sms exists that is not ours"),
    ),
    "the first version": (
        snapshot(fresh()),
        5,
        (Phase.PREFLIGHT, "Preflight", "first version: it gets all traffic"),
    ),
    "the first version, the route on its way": (
        snapshot(fresh(), route=route(v2=100, in_force=False)),
        5,
        (Phase.DEPLOYING, "Deploying", "first version: waits for the Gateway to take the route"),
    ),
    "the first version serves": (
        snapshot(fresh(), route=route(v2=100)),
        5,
        (Phase.STABLE, "Stable", "serves"),
    ),
}


@pytest.mark.parametrize(("seen", "at", "expected"), SAID.values(), ids=SAID)
def test_every_situation_is_said_in_a_sentence(seen, at, expected):
    said = decide(seen, after(at)).statuses["v2"]

    assert (said.phase, said.conditions[0].reason, said.message) == expected
    assert {condition.message for condition in said.conditions} == {said.message}


def of_stable(seen):
    said = decide(seen, after(105)).statuses["v1"]
    return said.phase, said.message, said.conditions[0].status, said.conditions[0].message


def test_stable_says_when_it_has_nobody_to_answer_and_why():
    assert of_stable(snapshot(stable(), route=ALONE)) == (Phase.STABLE, "serves", "True", "serves")
    gone = of_stable(snapshot(stable(ready=False, problem="OOMKilled"), route=ALONE))
    assert gone == (Phase.STABLE, "serves", "False", "serves, but is not ready: OOMKilled")
    gone = of_stable(snapshot(stable(ready=False), route=ALONE))
    assert gone == (Phase.STABLE, "serves", "False", "serves, but is not ready: no reason given")


def test_stable_that_is_to_be_deleted_says_what_it_waits_for():
    serves = "serves until another version has taken its traffic"
    seen = of_stable(snapshot(stable(deleting=True), candidate(), route=ON_STEP))

    assert seen == (Phase.DELETION_WAITING, serves, "True", serves)


def test_who_was_stable_before_says_that_it_was_proven():
    promoted = candidate(Phase.STABLE, step=2, promoted_at=after(104))
    proven = "proven, and superseded by a newer version"

    assert of_stable(snapshot(stable(), promoted, route=PROBATION)) == (Phase.SUPERSEDED, proven, "True", proven)


def test_a_version_that_waits_says_for_whom():
    queued = {**ROLLOUT, "onNewVersion": "Queue"}
    third = replace(version("v3", created=20), spec=spec("v3", rollout=queued))

    said = decide(snapshot(stable(), candidate(), third, route=ON_STEP), after(105)).statuses["v3"]
    assert (said.phase, said.message) == (Phase.QUEUED, "waits for the end of the rollout of v2")

    again = version("v3", created=20, is_version="v2")
    going = replace(candidate(Phase.SKIPPED), deleting=True)
    said = decide(snapshot(stable(), going, again, route=LISTED), after(105)).statuses["v3"]
    assert (said.phase, said.message) == (Phase.QUEUED, "waits until another is gone")


def test_a_version_that_repeats_another_says_which_and_keeps_the_decision():
    again = version("v3", created=20, is_version="v1")

    said = decide(snapshot(stable(), again, route=ALONE), after(105)).statuses["v3"]

    assert (said.phase, said.message) == (Phase.REJECTED, "Duplicate: v1 is version v1 of sms already")
    assert said.decision is not None
    assert (said.decision.action, said.decision.at) == ("Reject", after(105))
    assert {condition.type: condition.status for condition in said.conditions} == {"Ready": "False", "Stalled": "True"}


@pytest.mark.parametrize(
    ("seen", "at", "reason"),
    [
        (snapshot(stable(), candidate(Phase.PROBATION, step=2), route=PROBATION), 140, "passed 2 steps and probation"),
        (
            snapshot(stable(), candidate(Phase.PROBATION, step=2, advance_to=3), route=PROBATION),
            101,
            "promoted by a person's act",
        ),
        (snapshot(fresh(), route=route(v2=100)), 5, "first version: ready, and the route serves it"),
    ],
)
def test_a_promotion_says_what_it_rests_on(seen, at, reason):
    decision = decide(seen, after(at)).statuses["v2"].decision

    assert (decision.action, decision.reason, decision.at) == ("Promote", reason, after(at))


def test_what_took_a_version_back_is_read_from_the_route():
    decision = decide(taken_back(), after(106)).statuses["v2"].decision

    assert decision == Decision(
        action="Rollback", reason="errors: 12 of 60", gate="errors", by="ann", act="a", at=after(104)
    )


def test_a_status_says_all_that_is_known():
    gate = GateResult(name="errors", verdict=Verdict.NO_DATA, limit=0.1, message="few", value=1 / 3, requests=7)
    now = candidate(
        gates=(gate,),
        paused=LUNCH,
        attempt_started_at=after(9),
        capacity=3,
        runtime="torch",
        serving=backend("v2", available=4),
    )

    said = decide(snapshot(stable(), now, route=ON_STEP), after(115)).statuses["v2"]

    told = said.model_dump(mode="json", by_alias=True, exclude_none=True)
    sentence = "step 1 of 2 at 5 %: paused by ann: lunch"
    condition = {
        "reason": "Paused",
        "message": sentence,
        "lastTransitionTime": "2026-01-01T12:01:55Z",
        "observedGeneration": 1,
    }
    assert told.pop("effectiveRollout") == SETTINGS.model_dump(mode="json", by_alias=True, exclude_none=True)
    assert told.pop("effectiveRolloutHash").startswith("sha256:")
    assert told.pop("preflight")["verdict"] == "Pass"
    assert [entry["type"] for entry in told.pop("outbox")] == ["Resolved", "Verdict", "Verdict", "Transition"]
    assert told == {
        "observedGeneration": 1,
        "phase": "Paused",
        "attempt": 1,
        "message": sentence,
        "conditions": [
            {"type": "Ready", "status": "False", **condition},
            {"type": "Reconciling", "status": "True", **condition},
        ],
        "runtime": "torch",
        "inferenceService": "v2-be",
        "attemptStartedAt": "2026-01-01T12:00:09Z",
        "weight": 5,
        "desiredWeight": 5,
        "step": 0,
        "stepStartedAt": "2026-01-01T12:01:40Z",
        "nextTransitionAt": "2026-01-01T13:01:40Z",
        "capacity": 3,
        "restoring": False,
        "paused": {"by": "ann", "reason": "lunch", "at": "2026-01-01T12:01:44Z"},
        "approvals": [],
        "acts": [],
        "history": [],
        "gates": [
            {
                "name": "errors",
                "verdict": "NoData",
                "value": 0.333333,
                "requests": 7,
                "limit": 0.1,
                "message": "few",
                "at": "2026-01-01T12:01:55Z",
            }
        ],
    }


def test_a_pause_is_forgotten_with_the_end_of_the_rollout():
    said = decide(
        snapshot(stable(), candidate(Phase.ROLLING_BACK, paused=LUNCH), route=route(v1=100, v2=0, marks=(MARK,))),
        after(106),
    ).statuses["v2"]

    assert (said.phase, said.paused) == (Phase.ROLLED_BACK, None)


def test_an_attempt_begins_when_something_is_deployed_and_not_before():
    queued = {**ROLLOUT, "onNewVersion": "Queue"}
    third = replace(version("v3", created=20), spec=spec("v3", rollout=queued))

    statuses = decide(snapshot(stable(), fresh(ready=False), third, route=ALONE), after(25)).statuses

    assert statuses["v2"].attempt_started_at == after(25)
    assert (statuses["v3"].attempt_started_at, statuses["v3"].effective_rollout) == (None, None)


def test_what_cannot_be_read_says_so_and_keeps_what_it_said():
    before = status(Phase.STABLE, promoted_at=after(1), inference_service="vx-be")
    invalid = Invalid(name="vx", generation=3, problem="spec.x: no", status=before)

    said = decide(snapshot(stable(), invalid=(invalid,), route=ALONE), after(5)).statuses["vx"]

    assert (said.phase, said.promoted_at, said.observed_generation) == (Phase.STABLE, after(1), 3)
    assert said.message == "InvalidSpec: spec.x: no"
    told = [condition.model_dump(mode="json", by_alias=True) for condition in said.conditions]
    rest = {
        "reason": "InvalidSpec",
        "message": said.message,
        "lastTransitionTime": "2026-01-01T12:00:05Z",
        "observedGeneration": 3,
    }
    assert told == [{"type": "Ready", "status": "False", **rest}, {"type": "Stalled", "status": "True", **rest}]


def test_no_sentence_is_longer_than_the_api_server_takes():
    long = "x" * 5000
    failing = (GateResult(name="errors", verdict=Verdict.FAIL, limit=0.1, message=long),)
    given_up = status(Phase.DEPLOYING, ready_by=after(15))
    for seen in (
        snapshot(stable(), candidate(gates=failing), route=ON_STEP),
        snapshot(stable(), fresh(ready=False, problem=long), route=ALONE),
        snapshot(stable(), fresh(ready=False, problem=long, now=given_up), route=ALONE),
        snapshot(stable(ready=False, problem=long), fresh(), route=ALONE),
        snapshot(stable(), fresh(), invalid=(Invalid(name="vx", generation=3, problem=long),), route=ALONE),
    ):
        for said in decide(seen, after(105)).statuses.values():
            assert len(said.message or "") <= 1024
            assert all(len(condition.message) <= 1024 for condition in said.conditions)
            assert len(said.decision.reason if said.decision else "") <= 512
            assert all(len(gate.message) <= 512 for gate in said.gates)


def test_the_weights_of_a_plan_are_whole_however_little_a_candidate_may_have():
    for step, shares in ((0, {"v1": 95, "v2": 5}), (1, {"v1": 50, "v2": 50}), (2, {"v1": 0, "v2": 100})):
        phase = Phase.PROBATION if step == 2 else Phase.CANARY
        seen = snapshot(stable(), candidate(phase, step=step), route=route(**shares))

        assert weights(decide(seen, after(101))) == shares

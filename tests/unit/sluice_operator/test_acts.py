"""What people decide: each act has its effect once, on what the person saw, or is refused with the reason."""

from dataclasses import replace
from typing import Any

import pytest
from making import FAIL, NO_DATA, PASS, after, route, snapshot, spec, stable, status, version, weights

from sluice_operator.api.action import Outcome, RolloutActionSpec
from sluice_operator.api.settings import Approvals
from sluice_operator.api.status import Approval, Decision, HandledAct, Paused, Phase
from sluice_operator.rollout.decide import decide
from sluice_operator.rollout.plan import Plan
from sluice_operator.rollout.settings import merge, settings_hash
from sluice_operator.rollout.snapshot import Act, Invalid, Mark, Snapshot, Version

SETTINGS = merge(spec("v2").rollout)
STEPS = [{"weight": 5, "hold": "10s", "approvals": {"count": 2, "group": "leads"}}, {"weight": 50, "hold": "20s"}]
WITH_APPROVALS = merge(spec("v2", rollout={"steps": STEPS, "probation": {"duration": "30s"}}).rollout)


def canary(name: str = "v2", *, step: int = 0, settings=SETTINGS, gates=PASS, phase=Phase.CANARY, **fields) -> Version:
    now = status(
        phase,
        step=step,
        step_started_at=after(100),
        effective_rollout=settings,
        **{key: fields.pop(key) for key in ("approvals", "paused", "acts") if key in fields},
    )
    return version(name, created=10, now=now, gates=gates, **fields)


def act(action: str, *, on: str = "v2", by: str = "ann", at: float = 104, settings=SETTINGS, **fields: Any) -> Act:
    seen = {"attempt": 1, "step": 0, "policyHash": settings_hash(settings)}
    needs = {"Approve", "Advance", "Promote", "Retry"}
    given = {
        "modelVersion": on,
        "uid": f"uid-{on}",
        "action": action,
        "reason": "because",
        "requestedBy": by,
        **(seen if action in needs else {}),
        **fields,
    }
    return Act(
        name=f"{action.lower()}-{by}",
        uid=f"act-{action}-{by}",
        created_at=after(at),
        spec=RolloutActionSpec.model_validate({key: value for key, value in given.items() if value is not None}),
    )


def rollout(*acts: Act, candidate: Version | None = None, **weight: int) -> Snapshot:
    return snapshot(stable(), candidate or canary(), route=route(**(weight or {"v1": 95, "v2": 5})), acts=acts)


def came_of(plan: Plan, one: Act) -> tuple[Outcome, str]:
    said = plan.acts[one.name]
    return said.outcome, said.message


def refused(seen: Snapshot, one: Act, *, at: float = 105) -> str:
    outcome, message = came_of(decide(seen, after(at)), one)
    assert outcome is Outcome.REFUSED
    return message


# Pause and Resume


def test_pause_holds_the_rollout_with_its_traffic_and_resume_lets_it_go_on():
    pause = act("Pause")
    held = decide(rollout(pause), after(500))
    held = decide(rollout(act("Pause", at=499)), after(500))

    assert held.statuses["v2"].phase is Phase.PAUSED
    assert weights(held) == {"v1": 95, "v2": 5}
    assert "ann: because" in held.statuses["v2"].message

    paused = version("v2", created=10, now=held.statuses["v2"], gates=PASS)
    assert weights(decide(rollout(candidate=paused), after(9000))) == {"v1": 95, "v2": 5}
    resumed = decide(rollout(act("Resume", at=9000), candidate=paused), after(9001))
    assert weights(resumed) == {"v1": 50, "v2": 50}


def test_a_paused_rollout_is_rolled_back_all_the_same():
    held = decide(rollout(act("Pause")), after(105))
    paused = version("v2", created=10, now=held.statuses["v2"], gates=FAIL)

    plan = decide(rollout(candidate=paused), after(106))

    assert weights(plan) == {"v1": 100, "v2": 0}
    assert plan.rollback


def test_what_the_spec_pauses_no_act_resumes():
    candidate = canary()
    candidate = replace(candidate, spec=candidate.spec.model_copy(update={"paused": True}))

    assert decide(rollout(candidate=candidate), after(500)).statuses["v2"].phase is Phase.PAUSED
    resume = act("Resume")
    assert "spec.paused" in refused(rollout(resume, candidate=candidate), resume)


def test_a_version_that_is_paused_before_it_begins_has_no_traffic():
    fresh = version("v2", created=10)
    fresh = replace(fresh, spec=fresh.spec.model_copy(update={"paused": True}))

    plan = decide(snapshot(stable(), fresh, route=route(v1=100)), after(20))

    assert plan.statuses["v2"].phase is Phase.PAUSED
    assert weights(plan) == {"v1": 100}


# Approve


def waiting(**fields: Any) -> Version:
    return canary(settings=WITH_APPROVALS, **fields)


def approve(by: str, **fields: Any) -> Act:
    return act("Approve", by=by, settings=WITH_APPROVALS, **{"groups": ["leads"], **fields})


def test_a_step_waits_for_as_many_people_as_its_approvals_say():
    alone = decide(rollout(candidate=waiting()), after(115))
    assert alone.statuses["v2"].phase is Phase.AWAITING_APPROVAL
    assert "waits for 2 approvals" in alone.statuses["v2"].message

    one = decide(rollout(approve("ann"), candidate=waiting()), after(115))
    assert one.statuses["v2"].phase is Phase.AWAITING_APPROVAL

    two = decide(rollout(approve("ann"), approve("bob"), candidate=waiting()), after(115))
    assert weights(two) == {"v1": 50, "v2": 50}
    assert [approval.by for approval in two.statuses["v2"].approvals] == ["ann", "bob"]


def test_approvals_do_not_stand_in_for_gates():
    plan = decide(rollout(approve("ann"), approve("bob"), candidate=waiting(gates=NO_DATA)), after(115))

    assert weights(plan) == {"v1": 95, "v2": 5}


def test_one_person_counts_once():
    first = decide(rollout(approve("ann"), candidate=waiting()), after(115)).statuses["v2"]
    again = replace(approve("ann"), name="again", uid="another")

    message = refused(rollout(again, candidate=version("v2", created=10, now=first, gates=PASS)), again, at=116)

    assert "ann has agreed already" in message


def test_only_members_of_the_group_may_approve():
    outsider = approve("eve", groups=["interns"])

    assert "only members of leads" in refused(rollout(outsider, candidate=waiting()), outsider)


LEADS_AND_SRE = merge(
    spec("v2", rollout={"steps": [{"weight": 5, "hold": "10s", "approvals": {"count": 1, "group": "leads"}}]}).rollout
).model_copy(update={"approvals": Approvals(count=1, group="sre"), "own_approvals": Approvals(count=2)})


def test_an_approval_counts_for_each_of_two_groups_that_the_person_is_in():
    def agreed(*people):
        acts = [act("Approve", by=by, groups=groups, settings=LEADS_AND_SRE) for by, groups in people]
        plan = decide(rollout(*acts, candidate=canary(settings=LEADS_AND_SRE)), after(115))
        return plan.statuses["v2"]

    assert agreed().message.endswith("waits for approvals: 1 of leads, 1 of sre")
    assert agreed(("ann", ["leads"])).message.endswith("waits for approvals: 1 of sre")
    assert agreed(("ann", ["leads", "sre"])).message.endswith("waits for 1 approval")
    assert agreed(("ann", ["leads", "sre"]), ("bob", [])).phase is Phase.PROBATION
    assert agreed(("ann", ["leads"]), ("bob", ["sre"])).phase is Phase.PROBATION
    assert agreed(("ann", ["leads"]), ("bob", ["leads"])).phase is Phase.AWAITING_APPROVAL


def test_who_is_in_neither_of_two_groups_does_not_approve():
    settings = LEADS_AND_SRE.model_copy(update={"own_approvals": None})
    outsider = act("Approve", by="eve", groups=["interns"], settings=settings)

    assert "only members of leads or sre" in refused(rollout(outsider, candidate=canary(settings=settings)), outsider)


def test_who_agreed_in_one_group_may_do_so_in_the_other_and_not_twice_in_the_same():
    ann = [Approval(by="ann", step=0, groups=["leads"], at=after(101))]
    seen = canary(settings=LEADS_AND_SRE, approvals=ann)
    more = act("Approve", groups=["sre"], settings=LEADS_AND_SRE)
    again = act("Approve", groups=["leads"], settings=LEADS_AND_SRE)

    assert came_of(decide(rollout(more, candidate=seen), after(105)), more)[0] is Outcome.APPLIED
    assert "ann has agreed already" in refused(rollout(again, candidate=seen), again)


@pytest.mark.parametrize(("author", "why"), [("ann", "ann made the version"), (None, "does not say")])
def test_an_author_does_not_approve_his_own_version(author, why):
    settings = SETTINGS.model_copy(update={"approvals": WITH_APPROVALS.steps[0].approvals})
    own = settings.approvals.model_copy(update={"not_by_author": True, "group": None, "count": 1})
    settings = settings.model_copy(update={"approvals": own})
    one = act("Approve", settings=settings, step=1)

    assert why in refused(rollout(one, candidate=canary(settings=settings, step=1, author=author)), one)


def test_there_is_nothing_to_approve_where_nothing_asks_for_it():
    one = act("Approve")

    assert "nothing waits for approvals" in refused(rollout(one), one)


# Advance and Promote


def test_where_a_person_sent_a_rollout_it_goes_although_its_pod_is_away_for_a_moment():
    away = decide(rollout(act("Advance"), candidate=canary(ready=False)), after(105)).statuses["v2"]
    assert (away.phase, away.step, away.advance_to) == (Phase.DEPLOYING, 0, 1)

    begun = away.model_copy(update={"phase": Phase.CANARY, "step_started_at": after(110)})
    back = version("v2", created=10, now=begun, gates=NO_DATA)
    said = decide(rollout(candidate=back), after(111)).statuses["v2"]
    assert (said.step, said.advance_to) == (1, None)


def test_advance_ends_the_step_before_its_time_and_without_evidence():
    plan = decide(rollout(act("Advance"), candidate=canary(gates=NO_DATA)), after(105))

    assert weights(plan) == {"v1": 50, "v2": 50}
    assert plan.statuses["v2"].step == 1
    assert plan.statuses["v2"].advance_to is None


def test_promote_goes_to_probation_and_there_ends_it():
    first = decide(rollout(act("Promote"), candidate=canary(gates=NO_DATA)), after(105))
    assert first.statuses["v2"].phase is Phase.PROBATION
    assert weights(first) == {"v1": 0, "v2": 100}

    probation = canary(step=2, phase=Phase.PROBATION, gates=NO_DATA)
    then = decide(rollout(act("Promote", step=2), candidate=probation, v1=0, v2=100), after(106))
    assert then.statuses["v2"].promoted_at == after(106)


def test_what_fails_is_not_promoted():
    plan = decide(rollout(act("Promote"), candidate=canary(gates=FAIL)), after(105))

    assert weights(plan) == {"v1": 100, "v2": 0}


@pytest.mark.parametrize("action", ["Advance", "Promote"])
def test_nobody_is_passed_over_who_must_agree(action):
    one = act(action, settings=WITH_APPROVALS)

    assert "step 1 needs 2 more approval(s)" in refused(rollout(one, candidate=waiting()), one)


def test_advance_does_not_end_probation():
    one = act("Advance", step=2)
    probation = canary(step=2, phase=Phase.PROBATION)

    assert "Promote ends that" in refused(rollout(one, candidate=probation, v1=0, v2=100), one)


# Abort and Reject


@pytest.mark.parametrize(("action", "end"), [("Abort", Phase.ROLLED_BACK), ("Reject", Phase.REJECTED)])
def test_abort_and_reject_take_the_version_back_and_say_who_did(action, end):
    one = act(action)
    plan = decide(rollout(one), after(105))

    assert weights(plan) == {"v1": 100, "v2": 0}
    assert plan.rollback
    (mark,) = plan.route.marks
    assert (mark.action, mark.by, mark.act) == (action, "ann", one.uid)
    assert plan.statuses["v2"].phase is Phase.ROLLING_BACK
    assert plan.statuses["v2"].decision.by == "ann"

    gone = version("v2", created=10, now=plan.statuses["v2"])
    read = decide(snapshot(stable(), gone, route=route(v1=100, v2=0, marks=(mark,))), after(106))
    assert read.statuses["v2"].phase is end
    assert read.statuses["v2"].decision.reason == "ann: because"


def test_an_act_is_known_by_the_mark_when_the_operator_died_before_it_wrote_the_status():
    one = act("Abort")
    mark = decide(rollout(one), after(105)).route.marks[0]

    plan = decide(snapshot(stable(), canary(), route=route(v1=100, v2=0, marks=(mark,)), acts=(one,)), after(106))

    assert came_of(plan, one)[0] is Outcome.APPLIED
    assert plan.statuses["v2"].phase is Phase.ROLLING_BACK


def test_nothing_is_taken_from_the_only_one_that_answers():
    plan = decide(snapshot(stable(ready=False), canary(), route=route(v1=95, v2=5), acts=(act("Abort"),)), after(105))

    assert weights(plan) == {"v1": 95, "v2": 5}
    assert "StableUnavailable" in plan.statuses["v2"].message


# Retry


def rolled_back(name: str = "v2", **fields: Any) -> Version:
    decision = Decision(action="Rollback", reason="errors: too many", gate="errors", at=after(120))
    now = status(Phase.ROLLED_BACK, step=1, decision=decision, effective_rollout=SETTINGS, traffic_ended_at=after(121))
    return version(name, created=10, now=now, **fields)


MARK = Mark(uid="uid-v2", attempt=1, reason="errors: too many", at=after(120), gate="errors")


def test_retry_begins_a_new_attempt_that_the_old_mark_does_not_stop():
    one = act("Retry", at=200, step=1)
    seen = snapshot(stable(), rolled_back(), route=route(v1=100, marks=(MARK,)), acts=(one,))

    plan = decide(seen, after(201))

    said = plan.statuses["v2"]
    assert (said.attempt, said.phase, said.step, said.decision) == (2, Phase.PREFLIGHT, None, None)
    assert [(old.attempt, old.phase, old.reason) for old in said.history] == [
        (1, Phase.ROLLED_BACK, "errors: too many")
    ]
    assert plan.run == ("v1", "v2")


def test_only_what_ended_without_a_promotion_is_retried():
    one = act("Retry")

    assert "only what ended" in refused(rollout(one), one)


def test_nothing_is_retried_beside_a_rollout_that_is_under_way():
    one = act("Retry", at=200, step=1)
    third = version("v3", created=150, now=status(Phase.CANARY, step=0, step_started_at=after(160)), gates=PASS)
    seen = snapshot(stable(), rolled_back(), third, route=route(v1=95, v3=5, marks=(MARK,)), acts=(one,))

    assert "v3 is being rolled out" in refused(seen, one, at=201)


# Rollback to a version that was proven


def superseded() -> Version:
    now = status(
        Phase.SUPERSEDED,
        promoted_at=after(1),
        traffic_ended_at=after(205),
        digest="sha256:proven",
        digest_verification="Predictor",
    )
    return version("v1", created=0, now=now)


def test_a_proven_version_returns_with_all_traffic_and_then_probation():
    one = act("Rollback", on="v1", at=300)
    current = stable("v2", created=10, promoted=200)

    begun = decide(snapshot(superseded(), current, route=route(v2=100), acts=(one,)), after(301))
    said = begun.statuses["v1"]
    assert (said.phase, said.attempt, said.restoring, said.promoted_at) == (Phase.DEPLOYING, 2, True, after(1))
    assert (said.digest, said.digest_verification) == ("sha256:proven", None), "nobody has looked at it since"
    assert weights(begun) == {"v1": 0, "v2": 100}
    assert set(begun.run) == {"v1", "v2"}

    known = said.model_copy(update={"step_started_at": after(302)})
    back = version("v1", created=0, now=known)
    all_at_once = decide(snapshot(back, current, route=route(v1=0, v2=100)), after(305))
    assert weights(all_at_once) == {"v1": 100, "v2": 0}
    assert all_at_once.statuses["v1"].phase is Phase.PROBATION

    switched = version("v1", created=0, now=all_at_once.statuses["v1"])
    taken = decide(snapshot(switched, current, route=route(v1=100, v2=0)), after(306))
    held = version("v1", created=0, now=taken.statuses["v1"], gates=PASS)
    proven = decide(snapshot(held, current, route=route(v1=100, v2=0)), after(340))
    assert proven.statuses["v1"].promoted_at == after(340)
    assert not proven.statuses["v1"].restoring


@pytest.mark.parametrize(
    ("on", "why"), [("v2", "it was never proven"), ("v1", "it is stable already")], ids=["candidate", "stable"]
)
def test_only_a_version_that_was_stable_before_is_returned_to(on, why):
    one = act("Rollback", on=on)

    assert why in refused(rollout(one), one)


def test_an_act_on_a_version_that_cannot_be_read_is_told_so_unless_it_had_its_effect_before():
    before = HandledAct(uid="uid-pause", outcome=Outcome.APPLIED, message="paused", at=after(90))
    invalid = Invalid(
        name="v2", generation=2, problem="spec.version: field required", status=status(Phase.CANARY, acts=[before])
    )
    one, other = act("Pause"), replace(act("Abort"), uid="uid-pause")
    for asked, outcome, message in (
        (one, Outcome.REFUSED, "v2 cannot be read: spec.version: field required"),
        (other, Outcome.APPLIED, "paused"),
    ):
        there = snapshot(stable(), invalid=(invalid,), acts=(asked,), acts_admitted=True, route=route(v1=100))
        said = decide(there, after(105)).acts[asked.name]
        assert (said.outcome, said.message) == (outcome, message)


# What an act is bound to


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"attempt": 2}, "Stale: it was decided on attempt 2, which is 1 now"),
        ({"step": 1}, "Stale: it was decided on step 1, which is 0 now"),
        ({"policyHash": "sha256:other"}, "Stale: it was decided on policyHash"),
        ({"uid": "another"}, "there is no ModelVersion v2 with the uid another"),
    ],
)
def test_an_act_on_something_else_than_what_is_there_now_is_refused(changed, why):
    one = act("Advance", **changed)

    assert why in refused(rollout(one), one)


@pytest.mark.parametrize("changed", [{"attempt": 2}, {"attempt": None}, {"step": 0}, {"step": None}])
def test_a_retry_of_something_else_than_what_ended_is_refused(changed):
    one = act("Retry", at=200, **{"step": 1, **changed})
    ((name, then),) = changed.items()

    said = refused(snapshot(stable(), rolled_back(), route=route(v1=100, marks=(MARK,)), acts=(one,)), one, at=201)

    assert said.startswith(f"Stale: it was decided on {name} {then}, which is 1 now")


@pytest.mark.parametrize("seen", ["sha256:other", None])
def test_a_retry_under_other_settings_than_those_that_ended_is_refused(seen):
    one = act("Retry", at=200, step=1, policyHash=seen)

    said = refused(snapshot(stable(), rolled_back(), route=route(v1=100, marks=(MARK,)), acts=(one,)), one, at=201)

    assert said.startswith(f"Stale: it was decided on policyHash {seen}, which is sha256:")


def test_an_act_has_its_effect_once():
    one = act("Advance")
    done = canary(acts=[HandledAct(uid=one.uid, outcome=Outcome.APPLIED, message="done", at=after(104))])

    plan = decide(rollout(one, candidate=done), after(105))

    assert came_of(plan, one)[0] is Outcome.APPLIED, "its own status was not written yet"
    assert weights(plan) == {"v1": 95, "v2": 5}


def test_what_was_refused_stays_refused_although_its_own_status_cannot_be_seen_yet():
    one = act("Resume")
    told = decide(rollout(one), after(105))
    assert came_of(told, one)[0] is Outcome.REFUSED

    paused = told.statuses["v2"].model_copy(update={"paused": Paused(by="bob", reason="wait", at=after(106))})
    again = decide(rollout(one, candidate=version("v2", created=10, now=paused, gates=PASS)), after(107))

    assert came_of(again, one) == came_of(told, one)
    assert again.statuses["v2"].phase is Phase.PAUSED


def test_an_act_that_nobody_could_look_at_in_time_expires():
    one = act("Promote", at=104)

    plan = decide(rollout(one), after(104 + 601))

    assert came_of(plan, one)[0] is Outcome.EXPIRED
    assert plan.statuses["v2"].step == 1, "the rollout went on by itself"


@pytest.mark.parametrize("action", ["Abort", "Reject"])
def test_an_act_that_takes_traffic_away_never_expires(action):
    one = act(action, at=104)

    plan = decide(rollout(one), after(104 + 86_400))

    assert came_of(plan, one)[0] is Outcome.APPLIED
    assert weights(plan) == {"v1": 100, "v2": 0}


def test_where_admission_does_not_check_who_makes_them_acts_have_no_effect():
    one = act("Abort")

    assert "does not check who makes an act" in refused(replace(rollout(one), acts_admitted=False), one)


def test_too_many_acts_in_a_short_time_are_refused():
    many = [
        HandledAct(uid=f"act-{number}", outcome=Outcome.REFUSED, message="no", at=after(100)) for number in range(20)
    ]
    one = act("Pause")

    assert "20 acts on this version" in refused(rollout(one, candidate=canary(acts=many)), one)


def test_the_effect_and_the_acts_uid_are_in_one_status():
    one = act("Pause")

    said = decide(rollout(one), after(105)).statuses["v2"]

    assert said.paused.by == "ann"
    assert [applied.uid for applied in said.acts] == [one.uid]


# What people are told


LUNCH = Paused(by="bob", reason="lunch", at=after(101))
ENDED = version("v2", created=10, now=status(Phase.FAILED))
OLDER = version("v0", created=-10, now=status(Phase.SUPERSEDED, promoted_at=after(0)))
PROBATION = {"v1": 0, "v2": 100}

REFUSALS = {
    "paused twice": (
        rollout(candidate=canary(paused=LUNCH, phase=Phase.PAUSED)),
        act("Pause"),
        "bob has paused it already",
    ),
    "resumed and not paused": (rollout(), act("Resume"), "not paused"),
    "advanced while paused": (
        rollout(candidate=canary(paused=LUNCH, phase=Phase.PAUSED)),
        act("Advance"),
        "it is paused: Resume it first",
    ),
    "promoted while paused": (
        rollout(candidate=canary(paused=LUNCH, phase=Phase.PAUSED)),
        act("Promote"),
        "it is paused: Resume it first",
    ),
    "advanced before any traffic": (
        snapshot(stable(), version("v2", created=10, now=status(Phase.DEPLOYING)), route=route(v1=100)),
        act("Advance", step=None, policyHash=None),
        "it has no traffic that could grow: it is Deploying",
    ),
    "advanced in probation": (
        rollout(candidate=canary(step=2, phase=Phase.PROBATION), **PROBATION),
        act("Advance", step=2),
        "it is in probation: Promote ends that",
    ),
    "advanced past people": (
        rollout(candidate=canary(settings=WITH_APPROVALS)),
        act("Advance", settings=WITH_APPROVALS),
        "step 1 needs 2 more approval(s)",
    ),
    "approved where nobody asks": (rollout(), act("Approve"), "nothing waits for approvals here"),
    "aborted and not rolled out": (
        snapshot(stable(), ENDED, route=route(v1=100)),
        act("Abort"),
        "v2 is not being rolled out: it is Failed",
    ),
    "retried while it runs": (
        rollout(),
        act("Retry"),
        "only what ended without a promotion can be retried: it is Canary",
    ),
    "retried while it goes": (
        snapshot(stable(), replace(ENDED, deleting=True), route=route(v1=100)),
        act("Retry", step=None, policyHash=None),
        "it is being deleted",
    ),
    "retried beside another": (
        snapshot(stable(), ENDED, version("v3", created=20), route=route(v1=100)),
        act("Retry", step=None, policyHash=None),
        "v3 is being rolled out",
    ),
    "retried when a newer one is proven": (
        snapshot(ENDED, stable("v3", created=20), route=route(v3=100)),
        act("Retry", step=None, policyHash=None),
        "v3 is newer and proven: make a new version instead",
    ),
    "returned to what never served": (
        snapshot(stable(), ENDED, route=route(v1=100)),
        act("Rollback"),
        "it was never proven: only a version that was stable before can be returned to",
    ),
    "returned to what serves": (
        snapshot(stable(), route=route(v1=100)),
        act("Rollback", on="v1"),
        "it is stable already; to take a candidate back, Abort that one",
    ),
    "returned to what goes": (
        snapshot(replace(OLDER, deleting=True), stable(), route=route(v1=100)),
        act("Rollback", on="v0"),
        "it is being deleted",
    ),
    "returned beside a rollout": (
        snapshot(OLDER, stable(), canary(), route=route(v1=95, v2=5)),
        act("Rollback", on="v0"),
        "v2 is being rolled out: Abort that first",
    ),
    "decided on another step": (rollout(), act("Advance", step=1), "Stale: it was decided on step 1, which is 0 now"),
    "decided on another attempt": (
        rollout(),
        act("Advance", attempt=2),
        "Stale: it was decided on attempt 2, which is 1 now",
    ),
    "about nobody": (
        rollout(),
        act("Pause", uid="uid-else"),
        "there is no ModelVersion v2 with the uid uid-else",
    ),
}


@pytest.mark.parametrize(("seen", "one", "why"), REFUSALS.values(), ids=REFUSALS)
def test_a_refusal_says_what_stands_in_the_way_and_what_would_help(seen, one, why):
    seen = replace(seen, acts=(one,))

    assert refused(seen, one) == why


def test_people_passed_before_are_not_asked_again_when_a_later_step_is_ended():
    steps = [
        {"weight": 5, "hold": "10s", "approvals": {"count": 1}},
        {"weight": 20, "hold": "10s"},
        {"weight": 50, "hold": "20s"},
    ]
    settings = merge(spec("v2", rollout={"steps": steps, "probation": {"duration": "30s"}}).rollout)
    advance = act("Advance", settings=settings, step=1)

    plan = decide(rollout(advance, candidate=canary(step=1, settings=settings), v1=80, v2=20), after(105))

    assert came_of(plan, advance) == (Outcome.APPLIED, "the step is ended")
    assert weights(plan) == {"v1": 50, "v2": 50}


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (act("Pause"), "paused"),
        (act("Advance"), "the step is ended"),
        (act("Promote"), "promoted"),
        (act("Abort"), "aborted"),
        (act("Reject"), "rejected"),
    ],
)
def test_what_an_act_did_is_said_in_a_word(one, said):
    assert came_of(decide(rollout(one), after(105)), one) == (Outcome.APPLIED, said)


def test_an_act_that_a_status_names_as_the_reason_had_its_effect():
    one = act("Abort")
    decision = Decision(action="Abort", reason="ann: because", by="ann", act=one.uid, at=after(104))
    aborted = version("v2", created=10, now=status(Phase.ROLLED_BACK, step=0, decision=decision))

    assert came_of(decide(rollout(one, candidate=aborted, v1=100), after(105)), one) == (Outcome.APPLIED, "aborted")

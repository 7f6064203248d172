"""What is recorded of a change of status, and that it stands in the same status."""

import json
from dataclasses import replace

import pytest
from making import COMPARING, PASS, after, route, snapshot, spec, stable, status, version
from record import path
from world import World, on_canary

from sluice_operator.analysis.comparison import Answer, Comparison
from sluice_operator.analysis.drift import Drift
from sluice_operator.analysis.predictions import Moved
from sluice_operator.analysis.verdicts import Compared
from sluice_operator.api.action import RolloutActionSpec
from sluice_operator.api.outbox import OUTBOX, PERSONAL_CHARACTERS, OutboxEntry
from sluice_operator.api.status import ModelVersionStatus, Phase, Verdict
from sluice_operator.rollout.decide import decide
from sluice_operator.rollout.entries import act_id, fitted
from sluice_operator.rollout.settings import merge
from sluice_operator.rollout.snapshot import Act


def canary(**fields):
    """A version that has had 5 % for as long as its step lasts, and passes."""
    now = {
        "step": 0,
        "step_started_at": after(100),
        "attempt_started_at": after(100),
        "effective_rollout": merge(spec("v2").rollout),
        "desired_weight": 5,
        "weight": 5,
        **fields,
    }
    return version("v2", created=100, now=status(Phase.CANARY, **now), gates=PASS, preflight=None, resource_version="7")


def outbox(*versions, at=120, of="v2", **seen):
    """What a decision puts into the outbox of a version."""
    found = snapshot(stable(), *versions, route=route(v1=95, v2=5), **seen)
    return decide(found, after(at)).statuses[of].outbox


def told(entries, kind):
    return [entry for entry in entries if entry.type == kind]


def test_a_step_says_from_where_to_where_and_why():
    (entry,) = told(outbox(canary()), "Transition")

    assert (entry.at, entry.attempt) == (after(120), 1)
    assert entry.body["from"] == {"attempt": 1, "phase": "Canary", "step": 0, "weight": 5, "desiredWeight": 5}
    assert entry.body["to"] == {"attempt": 1, "phase": "Canary", "step": 1, "weight": 5, "desiredWeight": 50}
    assert entry.body["reason"] == "step 2 of 2 at 50 %: holds for 20s"
    assert entry.personal == {}


def test_with_it_goes_what_the_gates_said_and_what_they_were_asked():
    (entry,) = told(outbox(canary()), "Verdict")

    (gate,) = entry.body["gates"]
    assert (gate["name"], gate["verdict"], gate["message"]) == ("errors", "Pass", "it says Pass")
    assert gate["asks"]["limit"] == {"above": 0.1, "window": "1m", "checks": 2, "minRequests": 10, "action": "Rollback"}
    assert entry.body["step"] == 0


def test_it_says_how_far_predictions_had_moved_and_what_labels_had_counted():
    drift = {"name": "classes", "metric": "prediction-drift", "limit": {"above": 0.25, "action": "Rollback"}}
    query = {"bad": 'labelled_total{outcome="fn"}', "total": 'labelled_total{outcome=~"tp|fn"}'}
    gates = [drift, {"name": "sensitivity", "query": query, "compare": {}}]
    moved = Moved(Drift(index=0.1, corrected=0.08, low=0.02, high=0.21), 812, 7710, most=("spam", 0.2, 0.1))
    seen = Comparison(
        Answer.CLEAR, False, 0.9, 0.5, 1.4, 0.0, 0.1, requests=90, bad=9, stable_requests=800, stable_bad=88
    )
    said = (
        replace(PASS[0], name="classes", value=0.08, limit=0.25, moved=moved),
        replace(PASS[0], name="sensitivity", limit=None, compared=Compared(seen, requests_needed=0.0)),
    )
    rollout = merge(spec("v2", rollout={**COMPARING, "analysis": {"gates": gates}}).rollout)
    (entry,) = told(outbox(replace(canary(effective_rollout=rollout), gates=said)), "Verdict")

    classes, sensitivity = entry.body["gates"]
    assert (classes["value"], classes["limit"], classes["asks"]["metric"]) == (0.08, 0.25, "prediction-drift")
    assert classes["drift"] == {"low": 0.02, "high": 0.21, "predictions": 812, "stablePredictions": 7710}
    assert sensitivity["asks"]["query"] == query
    assert sensitivity["comparison"] == {
        "answer": "Clear",
        "ratio": 0.9,
        "low": 0.5,
        "high": 1.4,
        "bad": 9,
        "requests": 90,
        "stableBad": 88,
        "stableRequests": 800,
    }


def test_stable_says_that_it_has_less():
    (entry,) = told(outbox(canary(), of="v1"), "Transition")

    assert entry.body["to"]["desiredWeight"] == 50


def test_a_new_version_says_where_it_comes_from_and_what_serves_it():
    new = replace(
        version("v2", created=100, author="ann", preflight=None),
        spec=spec("v2", lineage={"parent": "v1", "metrics": {"f1": 0.9}}),
    )
    entries = outbox(new)

    assert [entry.type for entry in entries] == ["Lineage", "Resolved", "Transition"]
    assert entries[0].body["lineage"] == {"parent": "v1", "metrics": {"f1": 0.9}}
    assert entries[0].body["source"] == {"storageUri": "pvc://models/v2"}
    assert entries[0].personal == {"author": "ann"}
    assert entries[1].body["inferenceService"] == "v2-be"
    assert entries[2].body["from"] == {}


def test_an_author_with_a_name_without_end_keeps_no_version_of_the_model_from_being_decided_on():
    entries = outbox(version("v2", created=100, author="a" * 100_000, preflight=None))

    assert entries[0].personal == {"author": "a" * PERSONAL_CHARACTERS}


@pytest.mark.parametrize("joined", ["x", None, [1], {}, 1.5])
def test_an_entry_of_somebody_else_that_claims_to_be_many_is_counted_as_one(joined):
    forged = [entry(number, joined=joined) for number in range(OUTBOX)]

    assert fitted([*forged, entry(OUTBOX)])[-1].body["joined"] == 2


def test_where_nothing_changes_nothing_is_told():
    first = canary()
    said = decide(snapshot(stable(), first, route=route(v1=95, v2=5)), after(105)).statuses
    again = replace(first, status=said["v2"])

    assert outbox(again, at=106) == said["v2"].outbox
    assert told(said["v2"].outbox, "Transition") == []


def act(action, *, reason="so it is", by="ann", **seen):
    given = {"modelVersion": "v2", "uid": "uid-v2", "action": action, "reason": reason, "requestedBy": by, **seen}
    return Act(name="one", uid="uid-one", created_at=after(104), spec=RolloutActionSpec.model_validate(given))


def test_an_act_is_told_with_its_outcome_and_its_person_apart():
    (entry,) = told(outbox(canary(), at=105, acts=(act("Pause"),)), "Act")

    assert {name: entry.body[name] for name in ("act", "action", "outcome", "reason")} == {
        "act": "uid-one",
        "action": "Pause",
        "outcome": "Applied",
        "reason": "so it is",
    }
    assert entry.personal == {"person": "ann"}
    assert entry.id == act_id("uid-one")


def test_no_sentence_with_a_persons_name_stands_where_it_cannot_be_erased():
    entries = outbox(canary(), at=105, acts=(act("Abort", reason="ann knows why"),))

    assert [entry.type for entry in entries] == ["Resolved", "Act", "Verdict", "Transition"]
    assert "ann" not in json.dumps([entry.body for entry in entries])
    assert entries[-1].personal["person"] == "ann"
    assert entries[-1].personal["reason"] == "Aborted: ann: ann knows why"
    assert entries[-1].body["decision"]["action"] == "Abort"


def test_what_is_recorded_leaves_with_the_next_change_and_what_is_not_stays():
    before = [entry(1), entry(2)]
    seen = replace(canary(outbox=before), recorded=frozenset({before[0].id}))

    ids = [one.id for one in outbox(seen)]

    assert ids[0] == before[1].id
    assert before[0].id not in ids
    assert len(ids) > 1


def test_what_is_recorded_is_no_reason_for_a_write():
    before = [entry(1)]
    first = canary(outbox=before, message="step 1 of 2 at 5 %: holds for 10s")
    said = decide(snapshot(stable(), first, route=route(v1=95, v2=5)), after(105)).statuses["v2"]
    seen = replace(first, status=said, recorded=frozenset(one.id for one in said.outbox))

    assert outbox(seen, at=106) == said.outbox


def test_the_same_change_has_the_same_id_and_another_has_another():
    first = outbox(canary())

    assert [one.id for one in outbox(canary())] == [one.id for one in first]
    elsewhere = outbox(replace(canary(), resource_version="8"))
    assert not {one.id for one in elsewhere} & {one.id for one in first}


def entry(number, kind="Transition", **body):
    return OutboxEntry(id=f"id-{number}", at=after(number), type=kind, attempt=1, body=body or transition(number))


def transition(number):
    return {"from": {"step": number}, "to": {"step": number + 1}, "reason": f"the {number}th"}


def test_an_outbox_without_room_joins_the_last_transitions():
    kept = fitted([entry(number) for number in range(OUTBOX + 3)])

    assert len(kept) == OUTBOX
    assert [one.id for one in kept[:-1]] == [f"id-{number}" for number in range(OUTBOX - 1)]
    assert kept[-1].body == {"from": {"step": 19}, "to": {"step": 23}, "reason": "the 22th", "joined": 4}
    assert kept[-1].id not in {f"id-{number}" for number in range(OUTBOX + 3)}
    assert kept[-1].at == after(22)


def test_joined_transitions_say_that_one_of_them_was_a_promotion():
    entries = [*(entry(number) for number in range(19)), entry(19, promotedAt="then", **transition(19)), entry(20)]

    assert fitted(entries)[-1].body["promotedAt"] == "then"


def test_what_gates_said_goes_before_what_people_did():
    entries = [entry(0, "Verdict", gates=[]), entry(1), *(entry(number, "Act", act="a") for number in range(2, 21))]

    assert [one.type for one in fitted(entries)] == ["Transition"] + ["Act"] * 19


def test_no_act_is_taken_that_there_is_no_room_for_but_those_that_take_traffic_away():
    full = canary(outbox=[entry(number, "Act", act="a") for number in range(16)])
    refused = decide(snapshot(stable(), full, route=route(v1=95, v2=5), acts=(act("Pause"),)), after(105))
    taken = decide(snapshot(stable(), full, route=route(v1=95, v2=5), acts=(act("Abort"),)), after(105))

    assert "no room" in refused.acts["one"].message
    assert refused.statuses["v2"].acts == []
    assert taken.rollback


@pytest.mark.parametrize("kinds", [["Abort"], ["Pause", "Resume"], ["Pause", "Resume", "Abort", "Reject"]])
def test_however_many_acts_are_made_at_once_each_that_a_status_holds_is_told(kinds):
    made = [replace(act(kinds[n % len(kinds)]), name=f"act-{n}", uid=f"uid-{n}") for n in range(40)]
    found = snapshot(stable(), canary(outbox=[entry(0, "Lineage")]), route=route(v1=95, v2=5), acts=tuple(made))
    said = decide(found, after(105)).statuses["v2"]

    assert {one.body["act"] for one in told(said.outbox, "Act")} == {handled.uid for handled in said.acts}
    assert told(said.outbox, "Lineage")
    assert len(said.outbox) <= OUTBOX


@pytest.mark.parametrize("verdict", [Verdict.FAIL, Verdict.PASS])
def test_an_entry_is_never_larger_than_a_record_may_be(verdict):
    long = replace(PASS[0], message="x" * 5000, verdict=verdict)
    query = "sum(rate(bad[5m]))" + " " * 1900
    gates = [
        {"name": f"gate-{number}", "query": {"bad": query, "total": query}, "limit": {"above": 0.1}}
        for number in range(8)
    ]
    rollout = {**COMPARING, "analysis": {"gates": gates}}
    seen = canary(effective_rollout=merge(spec("v2", rollout=rollout).rollout))
    seen = replace(seen, gates=tuple(replace(long, name=f"gate-{number}") for number in range(8)))

    assert all(len(one.model_dump_json()) < 16 << 10 for one in outbox(seen))


def test_a_whole_rollout_is_recorded_without_a_gap():
    world = World()
    world.apply_version("v1")
    world.live_on(10)
    world.apply_version("v2")
    world.live_on(300)

    weights = [where["weight"] for where in path(world, "v2") if "weight" in where]
    assert [weight for weight, before in zip(weights, [None, *weights], strict=False) if weight != before] == [
        0,
        5,
        50,
        100,
    ]
    assert path(world, "v2")[-1]["phase"] == "Stable"
    assert path(world, "v1")[-1] == {"attempt": 1, "phase": "Superseded", "weight": 0, "desiredWeight": 0}


def test_while_the_record_is_away_nobody_gets_more_traffic_and_is_told_why():
    world = on_canary()
    world.record_is_away = True
    world.live_on(300)

    assert world.weights() == {"v1": 50, "v2": 50}
    said = world.statuses()["v2"]
    assert said.message == "LedgerUnavailable: step 2 of 2 at 50 %: gets no more traffic while that cannot be recorded"
    assert [(one.type, one.reason) for one in said.conditions] == [
        ("Ready", "LedgerUnavailable"),
        ("Stalled", "LedgerUnavailable"),
    ]
    world.record_is_away = False
    world.live_on(300)
    assert world.statuses()["v2"].phase is Phase.STABLE
    path(world, "v2")


def test_while_the_record_is_away_a_first_version_waits():
    world = World()
    world.record_is_away = True
    world.apply_version("v1")
    world.live_on(30)

    assert world.weights() == {}
    assert "LedgerUnavailable: first version" in world.statuses()["v1"].message


def test_while_the_record_is_away_what_fails_is_taken_back_and_recorded_afterwards():
    world = on_canary()
    world.record_is_away = True
    world.verdicts["v2"] = Verdict.FAIL
    world.live_on(5)

    assert world.weights() == {"v1": 100, "v2": 0}
    assert world.statuses()["v2"].phase is Phase.ROLLED_BACK
    assert path(world, "v2")[-1]["phase"] == "Canary"
    world.record_is_away = False
    world.live_on(5)
    assert path(world, "v2")[-1]["phase"] == "RolledBack"


def test_an_act_that_takes_a_version_back_needs_no_record_either():
    world = on_canary()
    world.record_is_away = True
    world.act("Abort", "v2")
    world.live_on(5)

    assert world.weights() == {"v1": 100, "v2": 0}


def test_an_act_is_recorded_also_where_the_operator_ends_behind_the_route():
    world = on_canary()
    world.act("Abort", "v2")
    world.follow(*world.copies)
    world.reconcile(lives=1)
    assert world.weights() == {"v1": 100, "v2": 0}
    world.live_on(5)

    acts = [one.body["act"] for one in world.recorded.values() if one.type == "Act"]
    assert acts == ["uid-act-0"]


def test_a_status_that_says_more_traffic_gives_none_until_it_is_recorded():
    """The operator ended between the two, and the record is away when the next one begins."""
    world = on_canary()
    world.seconds += 25
    world.follow(*world.copies)
    world.reconcile(lives=2)
    assert world.statuses()["v2"].phase is Phase.PROBATION
    world.record_is_away = True
    world.live_on(100)

    assert world.weights() == {"v1": 50, "v2": 50}
    assert "LedgerUnavailable" in world.statuses()["v2"].message
    world.record_is_away = False
    world.live_on(100)
    assert world.weights() == {"v2": 100}


def test_a_version_with_something_unrecorded_is_kept_from_vanishing_while_nothing_is_recorded():
    world = World()
    world.record_is_away = True
    world.apply_version("v1")
    world.reconcile_until_idle()
    world.reconcile_until_idle()
    world.delete_version("v1")
    world.live_on(100)
    assert "v1" in world.statuses()

    world.record_is_away = False
    world.live_on(100)
    assert world.statuses() == {}
    assert path(world, "v1")


def test_a_status_of_an_earlier_release_has_no_outbox_and_needs_none():
    seen = replace(canary(), status=ModelVersionStatus.model_validate({"phase": "Canary", "step": 0}))

    assert seen.unrecorded == ()


def test_pods_of_a_version_that_lost_them_do_not_wait_for_the_record():
    world = on_canary()
    world.record_is_away = True
    world.set_ready(world.backend("v2"), ready=False)
    world.reconcile_until_idle()

    assert world.weights() == {"v1": 100, "v2": 0}

"""What comparisons have seen is written while an attempt goes on, and is nothing to another one."""

from dataclasses import replace

from making import FAIL, NO_DATA, PASS, after, route, snapshot, stable, status, version

from sluice_operator.analysis.comparison import Answer, Comparison
from sluice_operator.analysis.drift import Drift
from sluice_operator.analysis.predictions import Moved
from sluice_operator.analysis.verdicts import Compared
from sluice_operator.api.evidence import Evidence, GateEvidence
from sluice_operator.api.status import ModelVersionStatus, Phase
from sluice_operator.rollout.decide import decide
from sluice_operator.rollout.returning import anew

STEPS = {0: 5, 1: 50, 2: 100}


def evidence(seconds):
    """What was seen up to some seconds after the test began."""
    at = after(seconds).timestamp()
    row = GateEvidence(
        name="errors",
        tolerance=1.0,
        worse_by=2.0,
        negligible=0.005,
        dispersion=1.0,
        starts=3,
        started=1,
        likelihood="AAAA",
        wealth="AAAA",
        counts=[10, 1, 90, 9],
        excess=[0.0, 9.0],
        through=at,
    )
    return Evidence(began_at=after(0), span=5, gates=[row])


def written(seconds, *, had, has, step=0, gates=NO_DATA, phase=Phase.CANARY, said=()):
    """The status that is written, of a version with evidence in its status and evidence now."""
    now = status(phase, step=step, step_started_at=after(0), evidence=had, gates=list(said))
    one = version("v2", created=-10, now=now, gates=gates, evidence=has)
    weight = STEPS[step]
    return decide(snapshot(stable(created=-20), one, route=route(v1=100 - weight, v2=weight)), after(seconds)).statuses[
        "v2"
    ]


def test_the_first_evidence_of_an_attempt_is_written():
    assert written(5, had=None, has=evidence(0)).evidence == evidence(0)
    assert written(5, had=None, has=None).evidence is None


def test_what_is_handed_over_is_written_together_with_what_the_gates_say():
    had = written(5, had=None, has=evidence(0))
    more = (replace(NO_DATA[0], message="other figures"),)

    same = written(30, had=evidence(0), has=evidence(0), gates=more, said=had.gates)
    other = written(30, had=evidence(0), has=evidence(300), gates=more, said=had.gates)

    assert (same.evidence, same.gates) == (evidence(0), had.gates)
    assert (other.evidence, other.gates[0].message) == (evidence(300), "other figures")


def test_other_figures_are_written_about_once_a_minute_and_the_same_ones_never_again():
    had = written(5, had=evidence(0), has=evidence(0)).gates
    more = (replace(NO_DATA[0], message="other figures"),)

    soon = written(30, had=evidence(0), has=evidence(0), gates=more, said=had).gates
    later = written(65, had=evidence(0), has=evidence(0), gates=more, said=had).gates
    back_in_time = written(-60, had=evidence(0), has=evidence(0), gates=more, said=had).gates
    unchanged = written(700, had=evidence(0), has=evidence(0), said=had).gates

    assert soon == had == unchanged
    assert [gate.message for gate in (*later, *back_in_time)] == ["other figures"] * 2
    assert later[0].at == after(65)


def test_it_is_written_when_the_step_changes():
    said = written(20, had=evidence(0), has=evidence(15), gates=PASS)

    assert (said.step, said.evidence) == (1, evidence(15))


def test_what_is_known_stays_while_nobody_compares():
    assert written(20, had=evidence(0), has=None, gates=PASS).evidence == evidence(0)
    lost = status(Phase.CANARY, step=0, step_started_at=after(0), evidence=evidence(0))
    gone = version("v2", created=-10, now=lost, ready=False)
    said = decide(snapshot(stable(created=-20), gone, route=route(v1=95, v2=5)), after(5)).statuses["v2"]
    assert (said.phase, said.evidence) == (Phase.DEPLOYING, evidence(0))


def test_it_is_gone_when_the_rollout_is_over():
    taken_back = written(5, had=evidence(0), has=evidence(700), gates=FAIL)
    promoted = written(120, had=evidence(0), has=evidence(700), gates=PASS, step=2, phase=Phase.PROBATION)

    assert (taken_back.phase, taken_back.evidence) == (Phase.ROLLING_BACK, None)
    assert (promoted.phase, promoted.evidence) == (Phase.STABLE, None)


def test_a_new_attempt_begins_with_none():
    over = status(Phase.ROLLED_BACK, evidence=evidence(0))

    assert anew(over, after(2)).evidence is None


# What people read


def compared(**fields):
    known = {
        "answer": Answer.UNKNOWN,
        "slightly_worse": False,
        "odds": 1.23456,
        "low": 0.0,
        "high": float("inf"),
        "excess": 0.1,
        "chance_worse": 0.5,
        "requests": 500,
        "bad": 42,
        "stable_requests": 4500,
        "stable_bad": 60,
    }
    needed, rate = fields.pop("needed", None), fields.pop("rate", None)
    return Compared(comparison=Comparison(**{**known, **fields}), requests_needed=needed, rate=rate)


def told(**fields):
    gate = replace(NO_DATA[0], limit=None, compared=compared(**fields))
    return written(5, had=None, has=None, gates=(gate,)).gates[0]


def test_a_comparison_is_in_the_status_of_its_gate():
    said = told(low=0.56789, high=11.04321, needed=1234.5, rate=0.5)

    assert said.limit is None
    assert said.comparison.model_dump(by_alias=True) == {
        "answer": "Unknown",
        "ratio": 1.235,
        "low": 0.5679,
        "high": 11.04,
        "bad": 42,
        "requests": 500,
        "stableBad": 60,
        "stableRequests": 4500,
        "requestsNeeded": 1235,
        "secondsNeeded": 2469,
    }


def test_how_far_predictions_have_moved_is_in_the_status_of_its_gate():
    moved = Moved(Drift(index=0.5, corrected=0.41234567, low=0.20004, high=0.71239), 412, 7801, most=("spam", 0.0, 0.1))
    said = written(5, had=None, has=None, gates=(replace(NO_DATA[0], value=0.41234567, moved=moved),)).gates[0]

    assert said.value == 0.412346
    assert said.drift.model_dump(by_alias=True) == {
        "low": 0.2,
        "high": 0.7124,
        "predictions": 412,
        "stablePredictions": 7801,
    }


def test_what_is_not_known_is_left_out_and_never_infinite():
    said = told(odds=None, needed=float("inf")).comparison

    assert (said.ratio, said.low, said.high, said.requests_needed) == (None, 0.0, None, None)
    assert told(answer=Answer.CLEAR, needed=0.0).comparison.requests_needed is None


def test_a_status_with_evidence_is_read_as_it_was_written():
    said = written(5, had=None, has=evidence(0), gates=(replace(NO_DATA[0], compared=compared()),))

    assert ModelVersionStatus.model_validate(said.model_dump(mode="json", by_alias=True)) == said

"""Two versions side by side, and what is recommended."""

import pytest
from records import MODEL, NAMESPACE, Chain

from sluice_operator.history.account import accounts
from sluice_operator.history.comparison import Word, compare


def found(chain, first="1.0.0", second="2.0.0"):
    return compare(accounts(chain.records)[NAMESPACE, MODEL], first, second)


def rolled_out(own, stable, *, promoted=True):
    chain = Chain()
    chain.first()
    chain.moved("2.0.0", minute=60, phase="Canary", weight=10, step=0)
    chain.judged("2.0.0", minute=70, own=own, stable=stable)
    if promoted:
        chain.moved("2.0.0", minute=70, phase="Stable", weight=100, promoted=True)
    return chain


@pytest.mark.parametrize(
    ("own", "stable", "promoted", "word"),
    [
        ((10, 2000), (400, 20_000), True, Word.UPGRADE),
        ((10, 2000), (400, 20_000), False, Word.CONSIDER),
        ((200, 20_000), (200, 20_000), True, Word.EQUIVALENT),
        ((300, 5000), (200, 20_000), True, Word.STAY),
        ((1, 60), (10, 600), True, Word.CONSIDER),
    ],
    ids=["better and promoted", "better, not promoted", "alike", "worse", "too few requests"],
)
def test_what_is_recommended(own, stable, promoted, word):
    assert found(rolled_out(own, stable, promoted=promoted)).recommendation is word


def test_a_version_that_was_taken_back_is_never_recommended_and_the_reason_is_told():
    chain = Chain()
    chain.first()
    chain.taken_back("2.0.0", over="1.0.0", minute=60)

    answer = found(chain)

    assert answer.recommendation is Word.STAY
    assert "80 of 500 requests bad" in answer.evidence


def test_of_several_attempts_that_were_taken_back_the_last_says_why():
    chain = Chain()
    chain.first()
    chain.taken_back("2.0.0", over="1.0.0", minute=60)
    chain.moved("2.0.0", minute=90, phase="Canary", weight=10, step=0, attempt=2)
    chain.moved("2.0.0", minute=100, phase="RollingBack", reason="Rejected: ann: too late", attempt=2)
    chain.moved("2.0.0", minute=101, phase="Rejected", reason="Rejected", attempt=2)

    assert found(chain).evidence == "2.0.0 was taken back: Rejected: ann: too late."


def test_what_was_counted_of_one_that_was_deleted_is_no_evidence_about_another_of_its_version():
    chain = rolled_out((300, 5000), (200, 20_000))
    chain.add("Deleted", "2.0.0", {"from": {"phase": "Stable"}}, minute=100)
    chain.moved("2.0.0", minute=110, phase="Deploying", weight=0)

    assert found(chain).recommendation is Word.CONSIDER
    assert found(chain).gates == ()


def test_what_was_counted_at_different_times_is_shown_and_decides_nothing():
    chain = Chain()
    chain.first()
    chain.promoted("2.0.0", over="1.0.0", minute=60, own=(500, 1000))
    chain.promoted("3.0.0", over="2.0.0", minute=120, own=(10, 1000))

    answer = found(chain, first="1.0.0", second="3.0.0")

    assert answer.recommendation is Word.CONSIDER
    assert "No gate has counted" in answer.evidence


def test_counts_are_of_the_same_time_whichever_of_the_two_was_the_candidate():
    chain = rolled_out((20, 1000), (200, 10_000))

    ahead, back = found(chain), found(chain, first="2.0.0", second="1.0.0")

    assert ahead.gates[0].together
    assert back.gates[0].together
    assert ahead.gates[0].second == back.gates[0].first
    assert ahead.gates[0].low == pytest.approx(-back.gates[0].high)


def test_intervals_hold_the_estimates():
    gate = found(rolled_out((20, 1000), (100, 10_000))).gates[0]

    assert gate.second.low < gate.second.share < gate.second.high
    assert gate.low < gate.difference < gate.high
    assert (gate.second.bad, gate.second.total) == (20, 1000)


def test_what_differs_comes_first():
    chain = Chain()
    chain.came_from("1.0.0", minute=0, dataset="sha256:old", code="abc", metrics={"f1": 0.9, "recall": 0.8})
    chain.came_from("2.0.0", minute=1, dataset="sha256:new", code="abc", metrics={"f1": 0.95, "recall": 0.8})

    answer = found(chain)

    rows = [(row.name, row.differs) for row in answer.fields]
    assert rows.index(("dataset", True)) < rows.index(("code", False))
    assert [metric.name for metric in answer.metrics] == ["f1", "recall"]


def test_what_is_not_known_of_one_is_no_difference():
    chain = Chain()
    chain.came_from("1.0.0", minute=0)
    chain.came_from("2.0.0", minute=1, dataset="sha256:new")

    assert [row.differs for row in found(chain).fields if row.name == "dataset"] == [False]

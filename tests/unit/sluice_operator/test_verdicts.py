"""A gate's limit and its comparison become one answer, and one sentence that says why."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_operator.analysis.comparison import Answer, Comparison
from sluice_operator.analysis.gates import GateResult
from sluice_operator.analysis.verdicts import Compared, combined, explained, tolerance_of
from sluice_operator.api.evidence import MismatchStatus
from sluice_operator.api.gates import Compare, Gate, Limit, LimitAction, Metric
from sluice_operator.api.status import Verdict

LIMIT = Limit(above=0.1)
BOTH = Gate(name="errors", metric=Metric.ERROR_RATE, limit=LIMIT, compare=Compare())
LIMITED = Gate(name="errors", metric=Metric.ERROR_RATE, limit=LIMIT)
COMPARED = Gate(name="errors", metric=Metric.ERROR_RATE, compare=Compare())
SLOW = Gate(name="slow", metric=Metric.LATENCY, slower_than=timedelta(milliseconds=250), compare=Compare())
INF = float("inf")


def found(answer, bad=42, requests=500, stable_bad=60, stable_requests=4500, **fields):
    known = {"odds": 6.53, "low": 3.88, "high": 11.04, "excess": 0.07, "slightly_worse": False, **fields}
    return Comparison(
        answer=answer,
        chance_worse=0.5,
        bad=bad,
        requests=requests,
        stable_bad=stable_bad,
        stable_requests=stable_requests,
        **known,
    )


def compared(answer, *, needed=None, **fields):
    return Compared(comparison=found(answer, **fields), requests_needed=needed)


WORSE, CLEAR, UNKNOWN = (compared(answer) for answer in Answer)


def limit(verdict, *, action=LimitAction.ROLLBACK, message="so says the limit", **fields):
    return GateResult(name="errors", verdict=verdict, limit=0.1, message=message, action=action, **fields)


def answer(gate, limit_, compared_, stable=None):
    said = combined(gate, limit_, compared_, stable_limit=stable)
    return said.verdict, said.undecided, said.message


# What both questions make of each other


@pytest.mark.parametrize("verdict", Verdict)
def test_a_gate_that_does_not_compare_says_what_its_limit_says(verdict):
    said = limit(verdict)

    assert combined(LIMITED, said, None, stable_limit=limit(Verdict.FAIL)) == said


@pytest.mark.parametrize("verdict", Verdict)
@pytest.mark.parametrize("action", LimitAction)
def test_what_is_worse_fails_whatever_the_limit_says_and_whatever_befalls_stable(verdict, action):
    said = combined(BOTH, limit(verdict, action=action), WORSE, stable_limit=limit(Verdict.FAIL))

    assert (said.verdict, said.action, said.undecided) == (Verdict.FAIL, LimitAction.ROLLBACK, False)
    assert said.message.startswith("so says the limit; 42 of 500 requests (8.4%) bad")


@pytest.mark.parametrize("known", [CLEAR, UNKNOWN, None])
def test_a_limit_that_is_crossed_fails_although_the_comparison_does_not(known):
    said = combined(BOTH, limit(Verdict.FAIL, breached_at=7.0), known, stable_limit=limit(Verdict.PASS, value=0.01))

    assert (said.verdict, said.action, said.breached_at) == (Verdict.FAIL, LimitAction.ROLLBACK, 7.0)
    assert said.message == "so says the limit"


def test_a_gate_passes_only_if_its_limit_passes_and_its_comparison_is_clear():
    passing = [
        (verdict, known)
        for verdict in Verdict
        for known in (WORSE, CLEAR, UNKNOWN, None)
        if combined(BOTH, limit(verdict), known, stable_limit=None).verdict is Verdict.PASS
    ]

    assert passing == [(Verdict.PASS, CLEAR)]


def test_a_gate_without_a_limit_is_decided_by_its_comparison():
    seen = GateResult(name="errors", verdict=Verdict.PASS, limit=None, message="9 of 90 requests bad within 1m")

    for said in (seen, None):
        assert answer(COMPARED, said, WORSE)[0] is Verdict.FAIL
        assert answer(COMPARED, said, CLEAR) == (Verdict.PASS, False, explained(COMPARED, CLEAR))
        assert answer(COMPARED, said, UNKNOWN) == (Verdict.NO_DATA, True, explained(COMPARED, UNKNOWN))


def test_who_has_seen_enough_and_cannot_tell_is_undecided():
    assert answer(BOTH, limit(Verdict.PASS), UNKNOWN)[:2] == (Verdict.NO_DATA, True)


def test_who_has_seen_too_little_is_not_undecided():
    verdict, undecided, message = answer(BOTH, limit(Verdict.NO_DATA, message="9 of 50 requests needed"), UNKNOWN)

    assert (verdict, undecided) == (Verdict.NO_DATA, False)
    assert message.startswith("9 of 50 requests needed; cannot tell yet: ")


def test_nothing_passes_on_old_evidence_while_nobody_can_look():
    unseen = limit(Verdict.UNAVAILABLE, message="Prometheus does not answer", answerable=False)

    for known in (CLEAR, UNKNOWN, None):
        said = combined(BOTH, unseen, known, stable_limit=None)
        assert (said.verdict, said.message, said.undecided) == (Verdict.UNAVAILABLE, unseen.message, False)
        assert not said.answerable


def test_without_a_comparison_there_is_no_verdict():
    nothing = "nothing to compare yet: no time in which both versions were seen"

    assert answer(BOTH, limit(Verdict.PASS), None) == (Verdict.NO_DATA, False, f"so says the limit; {nothing}")
    assert answer(COMPARED, None, None) == (Verdict.NO_DATA, False, nothing)


def test_what_is_compared_goes_with_the_answer():
    assert combined(BOTH, limit(Verdict.PASS), UNKNOWN, stable_limit=None).compared is UNKNOWN
    assert combined(BOTH, limit(Verdict.UNAVAILABLE), CLEAR, stable_limit=None).compared is CLEAR


# Limits that take nothing back


@pytest.mark.parametrize("action", [LimitAction.PAUSE, LimitAction.ALERT])
def test_a_limit_that_only_tells_or_holds_goes_on_doing_so_beside_a_comparison(action):
    crossed = limit(Verdict.FAIL, action=action)

    clear = combined(BOTH, crossed, CLEAR, stable_limit=None)
    unknown = combined(BOTH, crossed, UNKNOWN, stable_limit=None)

    assert (clear.verdict, clear.action, clear.undecided) == (Verdict.FAIL, action, False)
    assert (unknown.verdict, unknown.action, unknown.undecided) == (Verdict.FAIL, action, True)


def test_where_there_is_no_comparison_yet_a_limit_that_only_tells_does_not_hide_that():
    assert answer(BOTH, limit(Verdict.FAIL, action=LimitAction.ALERT), None)[0] is Verdict.NO_DATA
    assert answer(BOTH, limit(Verdict.FAIL, action=LimitAction.PAUSE), None)[0] is Verdict.FAIL


# When stable fails as well


@pytest.mark.parametrize("known", [CLEAR, UNKNOWN, None])
@pytest.mark.parametrize(
    "stable",
    [
        limit(Verdict.FAIL, message="stable fails"),
        limit(Verdict.NO_DATA, message="stable fails", value=0.11, requests=50),
    ],
    ids=["for long enough", "just now"],
)
def test_where_stable_crosses_the_limit_too_the_gate_is_frozen(known, stable):
    said = combined(BOTH, limit(Verdict.FAIL, breached_at=7.0), known, stable_limit=stable)

    assert (said.verdict, said.frozen, said.undecided, said.breached_at) == (Verdict.NO_DATA, True, False, None)
    assert said.message == "EnvironmentDegraded: so says the limit; stable: stable fails"


@pytest.mark.parametrize(
    "stable",
    [
        None,
        limit(Verdict.PASS, value=0.1, requests=1000),
        limit(Verdict.NO_DATA, value=0.9, requests=49),
        limit(Verdict.NO_DATA),
        limit(Verdict.UNAVAILABLE),
    ],
    ids=["unknown", "at the limit", "too few requests", "none", "away"],
)
def test_where_stable_is_not_seen_to_cross_the_limit_the_candidate_is_taken_back(stable):
    assert combined(BOTH, limit(Verdict.FAIL), UNKNOWN, stable_limit=stable).verdict is Verdict.FAIL


def test_a_gate_that_does_not_compare_fails_whatever_befalls_stable():
    assert combined(LIMITED, limit(Verdict.FAIL), None, stable_limit=limit(Verdict.FAIL)).verdict is Verdict.FAIL


# When requests do not divide as the route says

MISMATCH = MismatchStatus(share=0.1234, weight=0.05)
OTHERWISE = (
    "the Gateway does not split as the route says: 12.3% of the requests came where 5% are wanted, "
    "so nothing can be compared"
)


@pytest.mark.parametrize("known", [WORSE, CLEAR, UNKNOWN, None])
@pytest.mark.parametrize("verdict", [Verdict.PASS, Verdict.NO_DATA])
def test_then_a_comparison_neither_takes_back_nor_clears(known, verdict):
    said = combined(BOTH, limit(verdict), known, stable_limit=None, mismatch=MISMATCH)

    assert (said.verdict, said.undecided, said.compared) == (Verdict.NO_DATA, False, None)
    assert said.invalid == OTHERWISE
    assert said.message == f"so says the limit; {OTHERWISE}"


@pytest.mark.parametrize("known", [WORSE, CLEAR, None])
def test_then_a_limit_takes_back_as_ever(known):
    said = combined(BOTH, limit(Verdict.FAIL), known, stable_limit=limit(Verdict.PASS, value=0.01), mismatch=MISMATCH)

    assert (said.verdict, said.action, said.invalid) == (Verdict.FAIL, LimitAction.ROLLBACK, None)
    assert combined(BOTH, limit(Verdict.FAIL), known, stable_limit=limit(Verdict.FAIL), mismatch=MISMATCH).frozen


@pytest.mark.parametrize(
    ("action", "verdict"), [(LimitAction.PAUSE, Verdict.FAIL), (LimitAction.ALERT, Verdict.NO_DATA)]
)
def test_then_a_limit_that_takes_nothing_back_does_not_hide_it(action, verdict):
    said = combined(BOTH, limit(Verdict.FAIL, action=action), CLEAR, stable_limit=None, mismatch=MISMATCH)

    assert (said.verdict, said.invalid) == (verdict, OTHERWISE)


@pytest.mark.parametrize("gate", [BOTH, COMPARED])
def test_where_nobody_is_there_to_compare_with_people_are_told_what_goes_on(gate):
    said = combined(gate, limit(Verdict.PASS), None, stable_limit=None, beside=False)

    assert (said.verdict, said.answerable) == (Verdict.NO_DATA, False)
    assert said.message.endswith("a person's Advance or Promote goes on without an answer")
    failed = combined(gate, limit(Verdict.FAIL), None, stable_limit=None, beside=False)
    assert failed.verdict is Verdict.FAIL
    assert combined(LIMITED, limit(Verdict.PASS), None, stable_limit=None, beside=False) == limit(Verdict.PASS)


@pytest.mark.parametrize("verdict", Verdict)
def test_then_nothing_is_concluded_from_how_far_predictions_have_moved(verdict):
    """Who is asked decides what is predicted."""
    gate = Gate(name="classes", metric=Metric.PREDICTION_DRIFT, limit=Limit(above=0.25))
    said = combined(gate, limit(verdict), None, stable_limit=None, mismatch=MISMATCH)

    assert (said.verdict, said.invalid, said.message) == (Verdict.NO_DATA, OTHERWISE, OTHERWISE)
    assert combined(gate, limit(verdict), None, stable_limit=None) == limit(verdict)


def test_then_a_gate_that_does_not_compare_says_what_its_limit_says():
    for verdict in Verdict:
        assert combined(LIMITED, limit(verdict), None, stable_limit=None, mismatch=MISMATCH) == limit(verdict)
    assert combined(BOTH, limit(Verdict.UNAVAILABLE), CLEAR, stable_limit=None, mismatch=MISMATCH).invalid is None


# The sentences


@pytest.mark.parametrize(
    ("gate", "said", "sentence"),
    [
        (
            BOTH,
            WORSE,
            "42 of 500 requests (8.4%) bad, stable 60 of 4,500 (1.3%): "
            "6.5 times the odds (3.9 to 11), worse than stable",
        ),
        (
            SLOW,
            compared(Answer.WORSE, bad=4200, requests=50_000, high=INF),
            "4,200 of 50,000 requests (8.4%) bad, stable 60 of 4,500 (1.3%): 6.5 times the odds (at least 3.9), "
            "worse than the 1.2 times that are allowed",
        ),
        (
            BOTH,
            compared(Answer.CLEAR, bad=1, requests=9000, odds=0.912, low=0.0, high=1.834),
            "1 of 9,000 requests (0.01%) bad, stable 60 of 4,500 (1.3%): 0.91 times the odds (at most 1.8), "
            "clear for this step",
        ),
        (
            BOTH,
            compared(Answer.CLEAR, bad=0, requests=5000, stable_bad=0, odds=None, low=0.0, high=INF),
            "0 of 5,000 requests (0.0%) bad, stable 0 of 4,500 (0.0%): clear for this step",
        ),
        (
            BOTH,
            compared(Answer.CLEAR, odds=1.1, low=1.02, high=1.19, slightly_worse=True),
            "42 of 500 requests (8.4%) bad, stable 60 of 4,500 (1.3%): 1.1 times the odds (1 to 1.2), "
            "clear for this step, worse by too little to matter",
        ),
        (
            BOTH,
            compared(Answer.UNKNOWN, bad=3, requests=100, odds=1.43, low=0.12, high=6.0, needed=1234.5),
            "cannot tell yet: 3 of 100 requests (3.0%) bad, stable 60 of 4,500 (1.3%): 1.4 times the odds "
            "(0.12 to 6), about 1,300 more requests needed",
        ),
        (
            BOTH,
            compared(Answer.UNKNOWN, bad=0, requests=0, stable_bad=0, stable_requests=0, odds=None, needed=INF),
            "cannot tell yet: 0 of 0 requests bad, stable 0 of 0: more requests are needed",
        ),
        (
            BOTH,
            compared(Answer.UNKNOWN, odds=1.5, low=0.0, high=INF, slightly_worse=True),
            "cannot tell yet: 42 of 500 requests (8.4%) bad, stable 60 of 4,500 (1.3%): 1.5 times the odds, "
            "more requests are needed, worse by too little to matter",
        ),
    ],
)
def test_a_comparison_is_a_sentence_with_the_numbers(gate, said, sentence):
    assert explained(gate, said) == sentence


@pytest.mark.parametrize(
    ("needed", "told"),
    [
        (0.3, "1"),
        (9.2, "10"),
        (11.5, "12"),
        (101, "110"),
        (45_001, "46,000"),
        (2e9, "2,000,000,000"),
    ],
)
def test_what_is_needed_is_told_in_two_digits(needed, told):
    assert f"about {told} more requests needed" in explained(BOTH, replace(UNKNOWN, requests_needed=needed))


@pytest.mark.parametrize(
    ("needed", "rate", "told"),
    [
        (52, 0.25, "about 52 more requests needed, about 3.5 min at the present rate"),
        (52, 1.0, "about 52 more requests needed, about 52 s at the present rate"),
        (45_001, 0.5, "about 46,000 more requests needed, about 25 h at the present rate"),
        (2e9, 1.0, "about 2,000,000,000 more requests needed, about 23,148 days at the present rate"),
        (INF, 1.0, "more requests are needed"),
        (52, 0.0, "about 52 more requests needed"),
        (52, None, "about 52 more requests needed"),
    ],
)
def test_where_it_is_known_how_many_requests_come_it_is_told_how_long_that_takes(needed, rate, told):
    assert explained(BOTH, replace(UNKNOWN, requests_needed=needed, rate=rate)).endswith(told)


COUNTS = st.integers(0, 10**9)
ODDS = st.floats(1 / 16, 32)


@given(
    st.sampled_from(Answer),
    st.tuples(COUNTS, COUNTS, COUNTS, COUNTS),
    st.none() | ODDS,
    st.just(0.0) | ODDS,
    st.just(INF) | ODDS,
    st.none() | st.just(INF) | st.floats(0, 1e12),
    st.booleans(),
)
def test_whatever_was_found_there_is_a_sentence_that_fits(answer_, counts, odds, low, high, needed, little):
    bad, good, stable_bad, stable_good = counts
    said = compared(
        answer_,
        needed=needed,
        bad=bad,
        requests=bad + good,
        stable_bad=stable_bad,
        stable_requests=stable_bad + stable_good,
        odds=odds,
        low=low,
        high=high,
        slightly_worse=little,
    )

    sentence = explained(SLOW, said)

    assert len(sentence) < 320
    assert not any(word in sentence for word in ("inf", "nan", "None", "e+"))


# What a gate allows


def test_what_is_allowed_is_nothing_more_than_stable_but_for_latency():
    assert (tolerance_of(BOTH), tolerance_of(SLOW)) == (1.0, 1.2)
    assert tolerance_of(SLOW.model_copy(update={"compare": Compare(tolerance=1.0)})) == 1.0
    assert tolerance_of(BOTH.model_copy(update={"compare": Compare(tolerance=1.5)})) == 1.5


@given(st.floats(1, 16, exclude_min=True))
def test_what_is_allowed_is_less_than_what_must_be_ruled_out(worse_by):
    gate = SLOW.model_copy(update={"compare": Compare(worse_by=worse_by)})

    assert 1 <= tolerance_of(gate) <= worse_by


def test_what_does_not_compare_allows_nothing():
    with pytest.raises(ValueError, match="does not compare"):
        tolerance_of(LIMITED)

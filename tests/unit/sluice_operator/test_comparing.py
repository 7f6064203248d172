"""Comparisons say the same whenever one looks, whoever was killed in between, and spend their alpha once."""

import base64
import copy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from two_versions import ERRORS, SLOW, Operator, at_seconds, rollout, target, traffic

from sluice_operator.analysis import eprocess
from sluice_operator.analysis.comparison import Answer
from sluice_operator.controller.comparing import Comparing, Subject
from sluice_operator.prometheus.sampler import Sample

GOOD = traffic(rate=20, errors=0.05, seed=1)
STABLE = traffic(rate=180, errors=0.05, seed=2, pods=3)
QUIET_STABLE = traffic(rate=1.1, errors=0.05, seed=2)
TWICE = traffic(rate=20, errors=0.10, seed=3)
TWENTY_TIMES = traffic(rate=20, errors=0.6, seed=4)


def answer(found, gate="errors"):
    return found.compared[gate].comparison.answer


# What it says


def test_a_version_that_fails_twice_as_often_is_found_worse_and_told_by_how_much():
    found = Operator(TWICE, STABLE).look_until(300)

    said = found.compared["errors"].comparison
    assert said.answer is Answer.WORSE
    assert said.odds == pytest.approx(2, rel=0.3)
    assert said.low > 1
    assert (said.bad / said.requests, said.stable_bad / said.stable_requests) == pytest.approx((0.1, 0.05), rel=0.2)


def test_a_version_like_stable_is_cleared_step_by_step():
    operator = Operator(GOOD, STABLE)

    assert answer(operator.look_until(95)) is Answer.CLEAR
    assert answer(operator.look_until(300, since=100)) is Answer.CLEAR


def test_a_version_of_which_too_little_was_seen_is_told_how_much_more_it_takes():
    found = Operator(traffic(rate=0.5, errors=0.02), traffic(rate=10, errors=0.02, seed=2)).look_until(60)

    assert answer(found) is Answer.UNKNOWN
    assert 100 < found.compared["errors"].requests_needed < 10_000


def test_when_spans_enough_are_over_it_is_told_how_long_that_takes():
    found = Operator(traffic(rate=0.5, errors=0.02), traffic(rate=10, errors=0.02, seed=2)).look_until(90)

    said = found.compared["errors"]
    begun = Operator(GOOD, STABLE).look_until(40)
    assert begun.compared["errors"].rate is None, "the Gateway's processes may not have its weight yet"
    assert said.rate == pytest.approx(0.5, rel=0.5)
    assert said.seconds_needed == pytest.approx(said.requests_needed / said.rate)


def test_before_a_span_of_the_first_step_is_over_nobody_can_tell():
    operator = Operator(GOOD, STABLE)

    assert operator.look(3).compared["errors"].comparison.requests == 0
    assert answer(operator.found()) is Answer.UNKNOWN


def test_what_let_it_leave_a_step_says_nothing_in_the_next():
    operator = Operator(GOOD, STABLE)
    operator.look_until(95)

    assert answer(operator.found()) is Answer.CLEAR
    assert operator.found().are_of(operator.one(99))
    assert not operator.found().are_of(operator.one(101))
    assert operator.look(101).compared == {}, "no span of the new step is over"
    assert operator.look(115).compared


def test_a_version_that_is_no_longer_scraped_is_not_compared_any_more():
    operator = Operator(GOOD, traffic(rate=180, errors=0.05, until=150))
    operator.look_until(150)

    assert operator.found().compared
    assert operator.look(200).compared == {}


def test_nothing_is_made_of_no_answer():
    operator = Operator(GOOD, STABLE)
    before = operator.look_until(60)
    subject = Subject(operator.one(65), target("1"))

    operator.comparing.fold([subject], Sample(at=0.0, evidence={}, problem="it is away"))

    assert operator.found() == before


def test_several_gates_share_one_alpha():
    alone = Operator(TWICE, STABLE, asks=rollout(gates=[ERRORS])).look_until(300)
    beside = Operator(TWICE, STABLE).look_until(300)

    assert answer(beside) is Answer.WORSE
    assert answer(beside, "slow") is not Answer.WORSE
    assert first_worse(Operator(TWICE, STABLE, asks=rollout(gates=[ERRORS]))) <= first_worse(Operator(TWICE, STABLE))
    assert alone.compared["errors"].comparison.odds == beside.compared["errors"].comparison.odds


def first_worse(operator):
    return next(at for at in range(5, 300, 5) if (f := operator.look(at)).compared and answer(f) is Answer.WORSE)


def test_failures_that_come_in_bursts_among_stables_pods_are_weighed_less():
    calm = Operator(GOOD, STABLE).look_until(60).recorded.gates[0].dispersion
    wild = traffic(rate=180, errors=0.0, pods=3)
    burst = np.random.default_rng(9)
    pods = []
    for pod in wild.errors.pods:
        bad = np.cumsum(burst.poisson(0.2, len(pod.scrapes)) * 8)
        pods.append(
            type(pod)(
                pod.pod,
                tuple(type(s)(s.at, s.total, min(float(b), s.total)) for s, b in zip(pod.scrapes, bad, strict=True)),
            )
        )
    bursts = type(wild)(errors=type(wild.errors)(wild.errors.since, tuple(pods)), slower=wild.slower)

    assert calm == pytest.approx(1, abs=0.2)
    assert Operator(GOOD, bursts).look_until(60).recorded.gates[0].dispersion > 4


def test_where_stable_has_no_history_bursts_are_taken_for_possible():
    operator = Operator(GOOD, STABLE)
    operator.nothing_before = -60

    assert [gate.dispersion for gate in operator.look_until(60).recorded.gates] == [2.0, 2.0]


def test_a_new_pods_first_seconds_are_left_out():
    slow_start = traffic(rate=20, errors=0.05, cold=1)

    warm = Operator(slow_start, STABLE, asks=rollout(warmup="30s")).look_until(60)
    cold = Operator(slow_start, STABLE).look_until(60)

    assert warm.compared["errors"].comparison.requests < 0.8 * cold.compared["errors"].comparison.requests


# How long its spans are


def test_spans_are_as_long_as_the_traffic_before_the_attempt_asks_for():
    assert Operator(GOOD, STABLE).look_until(60).recorded.span == 5
    assert Operator(traffic(rate=0.1, errors=0.05), QUIET_STABLE).look_until(60).recorded.span == 20
    assert Operator(traffic(rate=0.1, errors=0.05), traffic(rate=0.1, errors=0)).look_until(60).recorded.span == 60


def test_where_nobody_knows_that_traffic_they_are_as_short_as_scrapes_allow():
    operator = Operator(traffic(rate=0.1, errors=0.05), QUIET_STABLE)
    operator.nothing_before = -60

    assert operator.look_until(60).recorded.span == 5


def test_they_stay_as_they_are_throughout_the_attempt():
    operator = Operator(traffic(rate=30, errors=0.05), QUIET_STABLE)
    seen = {operator.look(at).recorded.span for at in range(5, 95, 5)}
    operator.restart()
    seen |= {operator.look(at).recorded.span for at in range(95, 300, 5)}

    assert seen == {20}


def test_who_starts_again_before_anything_was_written_cuts_the_same_spans():
    operator = Operator(traffic(rate=0.3, errors=0.05), QUIET_STABLE)
    first = operator.look(5, write=False).recorded.span
    operator.restart()

    assert operator.look(90, write=False).recorded.span == first == 20


# Once begun, once counted


def test_the_test_for_harm_begins_once_a_step():
    operator = Operator(GOOD, STABLE)
    began = []
    for at in range(5, 300, 5):
        recorded = operator.look(at).recorded
        began.append((at_seconds(recorded.began_at), [gate.started for gate in recorded.gates]))

    assert sorted(set(map(str, began))) == sorted(map(str, [(0.0, [1, 1]), (100.0, [2, 2]), (200.0, [3, 3])]))


def test_a_step_that_begins_again_has_no_second_start():
    operator = Operator(TWICE, STABLE)
    operator.look_until(60)
    operator.begins = (62, 400)

    assert [gate.started for gate in operator.look_until(150, since=60).recorded.gates] == [1, 1]


def test_evidence_is_written_when_a_step_begins_and_every_ten_minutes_and_is_small():
    operator = Operator(GOOD, STABLE, begins=(0, 1200))
    written = []
    for at in range(5, 1450, 5):
        recorded = operator.look(at).recorded
        if not written or written[-1] != recorded:
            written.append(recorded)

    assert len(written) in (4, 5)
    assert all(len(one.model_dump_json()) < 16 * 1024 for one in written)
    assert len(written[-1].model_dump_json()) < 2 * 1200 + 200


# Whatever is killed, and whenever


STEPS = (0, 100, 200)
MOMENTS = st.lists(st.tuples(st.integers(1, 99), st.sampled_from(["look", "kill", "unwritten"])), max_size=5)


@settings(max_examples=25, deadline=None)
@given(
    within=st.tuples(MOMENTS, MOMENTS, MOMENTS),
    twice=st.booleans(),
    warmup=st.sampled_from(["0s", "30s"]),
    stable=st.sampled_from([STABLE, QUIET_STABLE]),
)
def test_killed_at_any_moment_it_says_what_it_would_have_said(within, twice, warmup, stable):
    asks, candidate = rollout(warmup=warmup), TWICE if twice else GOOD
    calm = Operator(candidate, stable, asks=asks)
    calm.look_until(299)
    calm.look(299)
    other = Operator(candidate, stable, asks=asks)
    for began, moments in zip(STEPS, within, strict=True):
        for at, what in sorted(moments):
            if what == "kill":
                other.restart()
            other.look(began + at, write=what != "unwritten")
        other.look(began + 99)

    assert other.found().recorded == calm.found().recorded
    assert other.found().compared == calm.found().compared


def test_one_that_was_killed_asks_prometheus_for_no_more_than_the_time_since_it_was_written():
    operator = Operator(GOOD, STABLE, begins=(0, 5000))
    operator.look_until(1400)
    operator.restart()

    one = operator.one(1400)
    reach = operator.comparing.reach(one)
    assert reach.candidate == reach.stable
    assert operator.sample(1400, one).at - reach.stable < 600 + 200


def test_where_prometheus_has_lost_its_history_spans_are_missing_and_no_alpha_is_won():
    """What was bet before is bet: the next step has its own part of the money, and no more."""
    operator = Operator(TWENTY_TIMES, STABLE)
    operator.look_until(95)
    spent = operator.found().recorded
    operator.restart()
    operator.nothing_before = 150
    found = operator.look_until(195, since=170)

    assert [gate.started for gate in found.recorded.gates] == [2, 2]
    assert [gate.counts for gate in found.recorded.gates] == [gate.counts for gate in spent.gates]
    total = found.recorded.gates[0]
    wealth = np.frombuffer(base64.b64decode(total.wealth), dtype="<f4")
    assert wealth[eprocess.TOLERANCE] == pytest.approx(np.log(2 / 3), abs=1e-6), "two of three parts, as they were"


def test_one_that_remembers_loses_spans_and_nothing_else_where_prometheus_has_lost_its_history():
    operator = Operator(TWICE, STABLE, begins=(0, 5000))
    before = operator.look_until(95).compared["errors"].comparison
    operator.nothing_before = 150

    after = operator.look_until(250, since=150).compared["errors"].comparison

    assert after.requests == pytest.approx(before.requests + 20 * 85, rel=0.1)
    assert after.odds == pytest.approx(2, rel=0.3)


def test_after_hours_without_prometheus_it_goes_on_with_what_there_is():
    operator = Operator(traffic(rate=2, errors=0.05, until=9000), traffic(rate=9, errors=0.05, until=9000), begins=(0,))
    operator.look_until(60)
    operator.nothing_before = 8000

    found = operator.look_until(8500, since=8300)

    assert found.compared
    assert found.compared["errors"].comparison.requests < 2.5 * (60 + 500)


# Whether requests divide as the route says

TENTHS = traffic(rate=20, errors=0.05, seed=1), traffic(rate=180, errors=0.05, seed=2, pods=3)
"""A tenth of the requests, as the first step's weight says."""
TOO_MANY = traffic(rate=60, errors=0.05, seed=1)
ONE_STEP = {"begins": (0, 5000), "asks": rollout(gates=[ERRORS])}


def test_requests_that_divide_by_the_weights_are_not_complained_about():
    found = Operator(*TENTHS, **ONE_STEP).look_until(1000)

    assert found.mismatch is None
    assert found.recorded.mismatch is None


def test_that_requests_do_not_divide_by_the_weights_is_said_with_the_numbers_and_written_at_once():
    operator = Operator(TOO_MANY, STABLE, **ONE_STEP)
    found = operator.look_until(160)

    assert found.mismatch.weight == 0.1
    assert found.mismatch.share == pytest.approx(0.25, rel=0.1)
    assert operator.written["mismatch"] == {"share": found.mismatch.share, "weight": 0.1}


def test_before_a_step_has_settled_and_twenty_spans_are_over_nothing_is_said():
    assert Operator(TOO_MANY, STABLE, **ONE_STEP).look_until(130).mismatch is None


def test_what_divided_in_the_step_before_says_nothing_about_the_next():
    """A tenth of the requests comes in the first step, and still in the second, whose weight is half."""
    operator = Operator(*TENTHS, begins=(0, 200, 5000), asks=rollout(gates=[ERRORS]))

    assert operator.look_until(330).mismatch is None
    assert operator.look_until(360, since=330).mismatch.weight == 0.5


def test_once_shown_it_stays_so_for_the_attempt():
    operator = Operator(TOO_MANY, STABLE, begins=(0, 300, 5000), asks=rollout(gates=[ERRORS]))
    shown = operator.look_until(200).mismatch
    operator.restart()

    assert operator.look_until(340, since=295).mismatch == shown
    assert operator.found().mismatch_of(operator.one(340)) == shown


def test_evidence_that_cannot_be_read_does_not_forget_it():
    operator = Operator(TOO_MANY, STABLE, **ONE_STEP)
    shown = operator.look_until(200).mismatch
    operator.written["gates"][0]["likelihood"] = "AAAA"
    operator.restart()

    assert operator.look_until(260, since=205).mismatch == shown


def test_clients_that_bypass_the_gateway_are_seen_where_gates_ask_something_else():
    slow = rollout(gates=[SLOW])

    assert Operator(TOO_MANY, STABLE, begins=(0, 5000), asks=slow).look_until(160).mismatch is not None


@settings(max_examples=15, deadline=None)
@given(kills=st.lists(st.integers(1, 190), max_size=6), fold=st.sampled_from([5, 10, 25]))
def test_killed_at_any_moment_it_counts_the_same_division(kills, fold):
    calm = Operator(*TENTHS, begins=(0, 1000), asks=rollout(gates=[ERRORS]))
    calm.look_until(950)
    other = Operator(*TENTHS, begins=(0, 1000), asks=rollout(gates=[ERRORS]))
    for number, at in enumerate(range(fold, 951, fold)):
        if number in kills:
            other.restart()
        other.look(at)

    assert other.found().recorded == calm.found().recorded
    assert other.found().recorded.split.spans > 50


# What is not to be trusted


def garbled(change):
    def spoil(evidence):
        evidence = copy.deepcopy(evidence)
        change(evidence)
        return evidence

    return spoil


def gate(**fields):
    return garbled(lambda evidence: evidence["gates"][0].update(fields))


HOSTILE = {
    "text": lambda _: "none of your business",
    "empty": lambda _: {},
    "no gates": garbled(lambda evidence: evidence.update(gates=[])),
    "one gate less": garbled(lambda evidence: evidence["gates"].pop()),
    "other gates": gate(name="other"),
    "a tolerance that forgives everything": gate(tolerance=15.9, worseBy=16.0),
    "more starts": gate(starts=99),
    "begun too often": gate(started=7),
    "no base64": gate(likelihood="!"),
    "too short": gate(wealth="AAAA"),
    "not a number": gate(likelihood=base64.b64encode(np.full(75, np.nan, dtype="<f4").tobytes()).decode()),
    "infinite": gate(wealth=base64.b64encode(np.full(75, np.inf, dtype="<f4").tobytes()).decode()),
    "more bad than there were": gate(counts=[1, 2, 1, 0]),
    "very many": gate(counts=[10**17, 0, 10**17, 0]),
    "a mean that is none": gate(excess=[5.0, 1.0]),
    "no dispersion": gate(dispersion=0.0),
    "from the future": gate(through=1e15),
    "from nowhere": garbled(lambda evidence: evidence["gates"][0].pop("through", None)),
    "spans of a millisecond": garbled(lambda evidence: evidence.update(span=0.001)),
    "spans of a day": garbled(lambda evidence: evidence.update(span=86400)),
    "spans of half a second": garbled(lambda evidence: evidence.update(span=5.5)),
}


@pytest.mark.parametrize("spoil", HOSTILE.values(), ids=HOSTILE)
def test_evidence_that_cannot_be_is_none_and_all_of_alpha_is_spent(spoil):
    operator = Operator(TWENTY_TIMES, STABLE)
    operator.look_until(20)
    operator.written = spoil(operator.written)
    operator.restart()

    found = operator.look_until(95, since=20)

    assert [gate.started for gate in found.recorded.gates] == [3, 3]
    assert answer(found) is not Answer.WORSE, "it may have been said before, and must not be said with fresh money"
    assert answer(found) is not Answer.CLEAR


def test_spent_alpha_stays_spent_through_restarts_and_steps():
    operator = Operator(TWENTY_TIMES, STABLE)
    operator.look_until(20)
    operator.written = {}
    for since in (20, 120, 220):
        operator.restart()
        assert answer(operator.look_until(since + 60, since=since)) is not Answer.WORSE


def test_evidence_that_is_gone_in_a_later_step_leaves_that_step_its_part():
    operator = Operator(TWICE, STABLE)
    operator.look_until(195)
    operator.written = None
    operator.restart()

    assert [gate.started for gate in operator.look_until(280, since=200).recorded.gates] == [3, 3]


# Many at a time


def test_all_rollouts_are_folded_in_one_go_for_each_place_of_a_span(monkeypatch):
    calls = []
    after = eprocess.Evidence.after
    monkeypatch.setattr(eprocess.Evidence, "after", lambda self, tick: calls.append(len(tick.at)) or after(self, tick))
    operators = [Operator(GOOD, STABLE, model=f"m{number}") for number in range(20)]
    comparing = Comparing()
    for at in (20, 25, 30, 45):
        subjects, evidence = [], {}
        for operator in operators:
            operator.comparing = comparing
            one = operator.one(at)
            subjects.append(Subject(one, target("1", operator.model)))
            evidence |= operator.sample(at, one).evidence
        calls.clear()
        comparing.fold(subjects, Sample(at=subjects and operators[0].sample(at, subjects[0].one).at, evidence=evidence))
        assert calls == [40] * len(calls)
        assert 1 <= len(calls) <= 4
    assert all(comparing.found[target("2", operator.model)].compared for operator in operators)


def test_each_says_what_it_would_say_alone():
    operators = [Operator(c, STABLE, model=f"m{n}") for n, c in enumerate([GOOD, TWICE, TWENTY_TIMES])]
    alone = [Operator(o.whole[target("2", o.model)], STABLE, model=o.model) for o in operators]
    comparing = Comparing()
    for at in range(5, 300, 5):
        here = [o for number, o in enumerate(operators) if at > 50 * number or at % 3]  # they come and go
        subjects, evidence = [], {}
        for operator in here:
            operator.comparing = comparing
            one = operator.one(at)
            subjects.append(Subject(one, target("1", operator.model)))
            evidence |= operator.sample(at, one).evidence
        comparing.fold(subjects, Sample(at=here[0].sample(at, here[0].one(at)).at, evidence=evidence))
        for operator in here:
            found = operator.found()
            if found is not None:
                operator.written = found.recorded.model_dump(mode="json", by_alias=True, exclude_none=True)
        for operator in alone:
            operator.look(at)

    for one, other in zip(operators, alone, strict=True):
        assert one.found().compared == other.found().compared
        assert one.found().recorded == other.found().recorded

"""Whatever numbers a pod exports, its own version is held at most: nothing ends, and others are judged as before."""

import asyncio
import time
from dataclasses import replace

import aiohttp
from hypothesis import example, given, settings
from hypothesis import strategies as st
from making import MODEL, NAMESPACE, T0, after, spec, status
from two_versions import Operator, target, traffic
from waiting import until
from world import evidence as evidence_of

from sluice_operator.analysis.gates import judge
from sluice_operator.api.gates import Compare, Gate, Limit, Metric, Query
from sluice_operator.api.status import GateStatus, Phase, Verdict
from sluice_operator.controller import comparing, folding, judging, sampling, watchlist
from sluice_operator.controller.comparing import Comparing, Subject
from sluice_operator.controller.judging import limits
from sluice_operator.controller.reading import read_status
from sluice_operator.controller.watched import watched
from sluice_operator.controller.watchlist import Watchlist
from sluice_operator.prometheus import sampler
from sluice_operator.prometheus.access import Access
from sluice_operator.prometheus.client import Series
from sluice_operator.prometheus.custom import Answer, Custom, read_custom
from sluice_operator.prometheus.predictor import Target, read_evidence
from sluice_operator.prometheus.sampler import Sample
from sluice_operator.rollout.recorded import gate_status
from sluice_operator.rollout.settings import merge

NOW = T0.timestamp() + 300
SINCE = NOW - 120
MOST = 2**53
NUMBERS = st.sampled_from([1e308, float("inf"), float("nan"), -1.0, 2.0**60, 2.0**53, 5e-324, 0.0]) | st.floats()
SAMPLES = st.lists(st.tuples(st.floats(SINCE, NOW), NUMBERS | st.floats(0, 1000)), max_size=8).map(sorted)
COUNTERS = st.lists(
    st.tuples(st.sampled_from(["p", "q"]), st.sampled_from(["200", "201", "500", "0.25", "+Inf"]), SAMPLES), max_size=8
)
TARGET = Target(NAMESPACE, MODEL, "v2")


def series(pod, value, samples, *, of=TARGET):
    label = "code" if value.isdigit() else "le"
    names = {"namespace": of.namespace, "sluice_model": of.model, "sluice_version": of.version}
    return Series(labels={**names, "pod": pod, label: value}, samples=tuple(samples))


def read(counters):
    """The evidence that an operator has of these counters."""
    found = [series(*counter) for counter in counters]
    requests, buckets = ([one for one in found if label in one.labels] for label in ("code", "le"))
    return read_evidence(requests, buckets, targets=[TARGET], edges={0.25}, since=SINCE)[TARGET]


ASKED = [
    Gate(name="errors", metric=Metric.ERROR_RATE, limit=Limit(above=0.1), compare=Compare()),
    Gate(name="slow", metric=Metric.LATENCY, slower_than=after(0.25) - T0, limit=Limit(above=0.1)),
    Gate(name="counted", query=Query(bad="b", total="t"), limit=Limit(above=0.1)),
    Gate(name="valued", query=Query(value="v"), limit=Limit(above=0.1, checks=1)),
]
OWN = [Custom("counted", 60.0, bad="b", total="t"), Custom("valued", 60.0, value="v")]


@given(COUNTERS, SAMPLES, SAMPLES)
@example(
    [("p", code, [(NOW - 100, 0.0), (NOW - 10, 1e308), (NOW - 5, 1e308)]) for code in ("200", "201")],
    [(NOW - 10, 0.0), (NOW - 5, 1e308), (NOW, 1.0)],
    [(NOW - 10, 0.0), (NOW - 5, 1e308), (NOW, 1e308)],
)
def test_any_counters_are_judged_and_what_is_written_of_it_is_what_the_api_takes(counters, bad, total):
    finite = {text: Answer(SINCE, NOW, tuple(s for s in told if abs(s[1]) < float("inf"))) for text, told in
              (("b", bad), ("t", total), ("v", bad))}  # fmt: skip
    evidence = replace(read(counters), custom={own.gate: read_custom(own, finite) for own in OWN})

    for gate in ASKED:
        found = judge(gate, evidence, step_started_at=SINCE, now=NOW)
        written = gate_status(found)
        assert GateStatus.model_validate_json(written.model_dump_json(by_alias=True)) == written
        assert 0 <= written.requests <= MOST
        assert found.value is None or gate.name == "valued" or 0 <= found.value <= 1


STABLE = traffic(rate=100, errors=0.05)


@settings(max_examples=30, deadline=None)
@given(COUNTERS)
def test_any_counters_can_be_compared(counters):
    hostile = read(counters)
    hostile = replace(hostile, slower={0.25: hostile.slower.get(0.25, STABLE.slower[0.25])})
    for candidate, stable in ((hostile, STABLE), (STABLE, hostile)):
        Operator(candidate, stable).look(300)


def test_a_scrape_with_one_counter_that_is_none_is_no_scrape_and_no_restart_of_the_pod():
    good = [(NOW - 60, 100.0), (NOW - 10, 200.0), (NOW - 5, 300.0), (NOW, 400.0)]
    for nonsense in (-1.0, 2.0**60, 1e308, float("inf"), float("nan")):
        with_one = [*good[:2], (NOW - 5, nonsense), good[3]]
        found = read([("p", "200", with_one), ("p", "500", good)])

        assert [(s.at - NOW, s.total, s.bad) for s in found.errors.pods[0].scrapes] == [
            (-60, 200, 100),
            (-10, 400, 200),
            (0, 800, 400),
        ]


# An error nobody foresaw


def obj(model):
    said = status(Phase.CANARY, step_started_at=after(0), effective_rollout=merge(spec("1").rollout))
    return {
        "metadata": {"name": f"{model}-1", "namespace": NAMESPACE, "uid": f"uid-{model}"},
        "spec": {"model": model, "version": "1"},
        "status": said.model_dump(mode="json", by_alias=True, exclude_none=True),
    }


def raises(*_, **__):
    raise OverflowError("cannot convert float infinity to integer")


def test_a_version_whose_judging_raises_is_held_and_all_others_are_judged(monkeypatch, caplog):
    evidence = {name: evidence_of(verdict, NOW) for name, verdict in
                (("good", Verdict.PASS), ("broken", Verdict.PASS), ("bad", Verdict.FAIL))}  # fmt: skip
    sample = Sample(at=NOW, evidence={target("1", name): seen for name, seen in evidence.items()})

    def judged(gate, seen, **how):
        return raises() if seen is evidence["broken"] else judge(gate, seen, **how)

    monkeypatch.setattr(judging, "judge", judged)
    objects = [obj("broken"), obj("good"), obj("bad")]
    (news,) = Watchlist(lambda: objects, Comparing()).news(sample, now=NOW)
    one = watched(objects[0], read_status(objects[0]))
    (said,) = limits(one, sample, now=NOW)

    assert news.failing == ((NAMESPACE, "bad"),)
    assert (NAMESPACE, "good") in news.others
    assert (said.verdict, said.message) == (Verdict.UNAVAILABLE, "judging it failed: OverflowError")
    assert "a gate could not be judged" in caplog.text


def test_a_version_of_which_nobody_can_tell_what_it_asks_leaves_the_others_watched(monkeypatch):
    def asked(one, *rest, **how):
        return raises() if one.target.model == "broken" else as_it_is(one, *rest, **how)

    as_it_is = watchlist.of_candidate
    monkeypatch.setattr(watchlist, "of_candidate", asked)
    objects = [obj("broken"), obj("good")]

    assert Watchlist(lambda: objects, Comparing()).watched().keys() == {target("1", "good")}


def test_a_comparison_that_raises_says_nothing_and_no_other_does_less(monkeypatch):
    def brought(one, *rest):
        return raises() if one.one.target.model == "broken" else as_it_is(one, *rest)

    as_it_is = folding._brought
    monkeypatch.setattr(folding, "_brought", brought)
    both = [Operator(traffic(rate=20, errors=0.05), STABLE, model=model) for model in ("broken", "good")]
    both[0].comparing = both[1].comparing
    for at in range(5, 100, 5):
        subjects = [Subject(one.one(at), target("1", one.model)) for one in both]
        evidence = [one.sample(at, one.one(at)).evidence for one in both]
        both[0].comparing.fold(subjects, Sample(at=T0.timestamp() + at, evidence=evidence[0] | evidence[1]))

    assert [bool(one.found().compared) for one in both] == [False, True]


def test_after_comparisons_have_failed_as_a_whole_they_say_nothing_and_begin_again(monkeypatch):
    operator = Operator(traffic(rate=20, errors=0.05), STABLE)
    before = operator.look_until(60)
    with monkeypatch.context() as failing:
        failing.setattr(comparing, "fold", raises)
        assert operator.look(65) is None

    assert before.compared
    assert operator.look(70).compared


async def test_what_cannot_be_read_or_judged_ends_no_sampling(monkeypatch):
    async def matrix(*_, **__):
        return []

    monkeypatch.setattr(sampling.PrometheusClient, "matrix", matrix)
    async with aiohttp.ClientSession() as session:
        made = sampling.Sampling(
            shared=Access(url="http://none"),
            own={},
            session=session,
            interval=0.01,
            versions=lambda: [obj("broken")],
            tell=raises,
            clock=time.time,
        )
        running = asyncio.create_task(made.run())
        first = made.last()
        await until(lambda: made.last() is not first and not made.last().problem)
        first = made.last()
        await until(lambda: made.last() is not first)
        monkeypatch.setattr(sampler, "extended", raises)
        await until(lambda: made.last().problem == "its answer cannot be read: OverflowError")
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

"""A pod that was not scraped for a while has not answered just now all that it ever answered."""

import asyncio
from collections.abc import Iterable

import pytest

from sluice_operator.analysis.gates import judge, looks, reach
from sluice_operator.api.gates import Gate, Limit, Metric
from sluice_operator.api.status import Verdict
from sluice_operator.prometheus.client import PrometheusError, Series
from sluice_operator.prometheus.predictor import Question, Target
from sluice_operator.prometheus.sampler import Sampler

BEGAN = 100_000.0
TARGET = Target("default", "sms", "1.1.0")
GATE = Gate(name="errors", metric=Metric.ERROR_RATE, limit=Limit(above=0.1))
QUESTION = Question(seconds=reach(GATE), edges=frozenset(), looks=looks(GATE))


def pod(name, *, since=-1000, until=2000, gap=(0, 0), good=10.0, before=(0, 0), bad=0.0):
    """The scrapes of a pod, every five seconds but in a gap: so much a second, and what it had answered before."""
    times = [at for at in range(since, until, 5) if not gap[0] <= at < gap[1]]
    for code, rate, had in (("200", good, before[0]), ("500", bad, before[1])):
        labels = {"namespace": "default", "sluice_model": "sms", "sluice_version": "1.1.0", "pod": name, "code": code}
        yield Series(labels, tuple((BEGAN + at + 0.4, had + rate * (at - since + 1)) for at in times))


def said(*pods: Iterable[Series], looked: Iterable[int], starts_again=(), away=()):
    """What the gate says at each moment, of an attempt that begins at 0."""
    series = [one for each in pods for one in each]
    now = BEGAN

    class Prometheus:
        async def matrix(self, query, *, at):
            if at - BEGAN in away:
                raise PrometheusError("connection refused")
            since = at - int(query.rpartition("[")[2].removesuffix("s]"))
            found = ((one, tuple(s for s in one.samples if since < s[0] <= at)) for one in series)
            return [Series(one.labels, left) for one, left in found if left] if "requests" in query else []

    def sampler():
        return Sampler(client=Prometheus(), interval=0, watched=dict, answered=lambda: None, clock=lambda: now)

    answers = {}
    asking = sampler()
    for at in looked:
        now = BEGAN + at
        asking = sampler() if at in starts_again else asking
        evidence = asyncio.run(asking._sample({TARGET: QUESTION})).evidence.get(TARGET)
        answers[at] = judge(GATE, evidence, attempt_started_at=BEGAN, step_started_at=BEGAN, now=now).verdict
    return answers


HALF_BAD_BEFORE = {"before": (5000, 5000)}


def fails(answers):
    return [at for at, verdict in answers.items() if verdict is Verdict.FAIL]


@pytest.mark.parametrize("length", [30, 55, 65, 100, 200, 400])
def test_a_pod_that_comes_back_fails_nothing_for_what_it_did_before(length):
    gap = (600, 600 + length)

    assert fails(said(pod("a"), pod("b", gap=gap, **HALF_BAD_BEFORE), looked=range(5, 1200, 5))) == []
    assert fails(said(pod("b", gap=gap, **HALF_BAD_BEFORE), looked=range(5, 1200, 5))) == []


@pytest.mark.parametrize("again", [610, 640, 690, 699, 705])
def test_nor_does_it_where_the_operator_or_its_prometheus_starts_again_meanwhile(again):
    two = [list(pod("a")), list(pod("b", gap=(600, 700), **HALF_BAD_BEFORE))]

    assert fails(said(*two, looked=range(5, 1200, 5), starts_again=(again,))) == []
    assert fails(said(*two, looked=[*range(5, 560, 5), *range(700, 1200, 5)])) == []
    assert fails(said(*two, looked=range(5, 1200, 5), away=range(500, again + 10, 5))) == []


def test_a_pod_that_is_new_fails_for_its_first_scrape_already():
    first = pod("new", since=605, until=610, good=0.0, bad=500.0, before=(0, 500))

    assert fails(said(pod("a", good=0.2), first, looked=range(5, 700, 5)))[0] == 620


def test_a_version_that_fails_with_its_first_requests_fails_with_the_third_scrape_after_its_first():
    broken = pod("p", since=10, good=0.0, bad=50.0)

    assert fails(said(broken, looked=range(5, 60, 5)))[0] == 30

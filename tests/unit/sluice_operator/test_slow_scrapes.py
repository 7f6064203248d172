"""However far apart scrapes are, up to a minute, and however often a limit looks: what always fails is found."""

import asyncio
from datetime import timedelta
from itertools import count

import pytest

from sluice_operator.analysis.counts import History, PodHistory, Scrape
from sluice_operator.analysis.gates import Evidence, judge, looks, reach
from sluice_operator.api.gates import Gate, Limit, Metric
from sluice_operator.api.status import Verdict
from sluice_operator.prometheus.client import Series
from sluice_operator.prometheus.predictor import Question, Target
from sluice_operator.prometheus.sampler import Sampler

BEGAN = 100_000.0
TARGET = Target("default", "sms", "1.1.0")


def gate(**limit):
    times = {name: timedelta(seconds=limit.pop(name)) for name in ("window", "for_") if name in limit}
    return Gate(name="errors", metric=Metric.ERROR_RATE, limit=Limit(above=0.1, **times, **limit))


class Prometheus:
    """Has scraped one pod every so often, which was there before and answers so many of 100 requests a second badly."""

    def __init__(self, *, every, bad):
        self.every = every
        self.bad = bad

    async def matrix(self, query, *, at):
        if not query.startswith("sluice_requests_total"):
            return []
        since = at - int(query.rpartition("[")[2].removesuffix("s]"))
        first = int(since // self.every) + 1
        times = [number * self.every + 0.4 for number in range(first - 1, int(at // self.every) + 1)]
        names = {"namespace": "default", "sluice_model": "sms", "sluice_version": "1.1.0", "pod": "p"}
        return [
            Series(
                labels={**names, "code": code},
                samples=tuple((time, round(time * share)) for time in times if since < time <= at),
            )
            for code, share in (("200", 100 - self.bad), ("500", self.bad))
        ]


def verdicts(asked, *, every, bad, seconds=3600):
    """What a gate says after each of an hour's samples, from when on it could know."""
    question = Question(seconds=reach(asked), edges=frozenset(), looks=looks(asked))
    said, ticks = [], count(1)
    now = BEGAN

    async def run():
        nonlocal now
        sampler = Sampler(
            client=Prometheus(every=every, bad=bad),
            interval=0,
            watched=lambda: {TARGET: question},
            answered=lambda: None,
            clock=lambda: now,
        )
        while now < BEGAN + seconds:
            now = BEGAN + 5 * next(ticks)
            sample = await sampler._sample({TARGET: question})
            said.append(judge(asked, sample.evidence[TARGET], step_started_at=BEGAN - 3600, now=now))

    asyncio.run(run())
    return said[4:]


LIMITS = [
    {"window": 60},
    {"window": 60, "checks": 10},
    {"window": 5, "checks": 20},
    {"window": 5, "checks": 1},
    {"window": 600, "checks": 20},
    {"window": 60, "for_": 30},
    {"window": 5, "for_": 300},
]


@pytest.mark.parametrize("every", [5, 7, 15, 30, 60])
@pytest.mark.parametrize("limit", LIMITS, ids=str)
def test_a_version_that_answers_nothing_right_fails_always_and_a_good_one_passes_always(limit, every):
    bad = verdicts(gate(**limit), every=every, bad=100, seconds=600)
    good = verdicts(gate(**limit), every=every, bad=0, seconds=600)

    assert {(one.verdict, one.message) for one in bad if one.verdict is not Verdict.FAIL} == set()
    assert {(one.verdict, one.message) for one in good if one.verdict is not Verdict.PASS} == set()


def test_scrapes_that_are_further_apart_are_told_and_decide_nothing():
    found = verdicts(gate(window=60), every=150, bad=0)[100:]

    assert {(one.verdict, one.answerable) for one in found} == {(Verdict.UNAVAILABLE, False)}
    assert found[0].message == "scraped every 150 s: a limit is judged where it is at most 60 s"


def test_what_was_scraped_twice_as_long_ago_as_usual_is_no_evidence():
    def said(now):
        pod = PodHistory("p", tuple(Scrape(BEGAN + 20.0 * n, 1000.0 * n, 0) for n in range(9)))
        found = Evidence(errors=History(since=BEGAN - 60, pods=(pod,)), slower={})
        return judge(gate(window=60), found, step_started_at=BEGAN, now=BEGAN + 160 + now).verdict

    assert said(40) is Verdict.PASS
    assert said(41) is Verdict.NO_DATA

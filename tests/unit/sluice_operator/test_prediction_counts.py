"""Counting what versions predict: from the beginning of a step, each moment once, the same after a restart."""

import math
import zlib

import numpy as np
import pytest

from sluice_operator.analysis.counts import History
from sluice_operator.analysis.gates import Evidence, Missing, judge
from sluice_operator.analysis.predictions import Errs, Seen
from sluice_operator.api.gates import Gate
from sluice_operator.api.status import Verdict
from sluice_operator.prometheus.client import PrometheusError, Series
from sluice_operator.prometheus.predictions import PredictionCounts, query
from sluice_operator.prometheus.predictor import Beside, Question, Target

OLD, NEW = Target("team-a", "sms", "1.0.0"), Target("team-a", "sms", "1.1.0")
BEGAN = 1_800_000_003.0
BESIDE = Beside(stable=OLD, since=BEGAN, errs=Errs(alpha=0.001, beta=0.05))
GATE = Gate.model_validate({"name": "classes", "metric": "prediction-drift", "limit": {"above": 0.25}})


def asks(beside=BESIDE):
    return Question(seconds=60, edges=frozenset(), beside=beside)


class Counters:
    """A Prometheus that knows what the pods of versions count at each moment."""

    def __init__(self):
        self.pods = {}
        self.asked = []
        self.down = False

    def counts(self, target, pod, at):
        """Drawn as the pod's own affair: the same whenever it is asked."""
        began, spam = self.pods[(target, pod)]
        if at < began:
            return None
        drawn = np.random.default_rng(zlib.crc32(pod.encode()))
        each = drawn.poisson([10 * (1 - spam), 10 * spam], size=(2000, 2)).cumsum(axis=0)
        return dict(zip(("ham", "spam"), map(float, each[int(at - began) // 10]), strict=True))

    async def over_time(self, _text, *, start, end, step, **_bounds):
        self.asked.append((start, end))
        if self.down:
            raise PrometheusError("connection refused")
        found = []
        for target, pod in self.pods:
            told = {at: self.counts(target, pod, at) for at in range(start, end + 1, step)}
            names = {"namespace": "team-a", "sluice_model": "sms", "sluice_version": target.version, "pod": pod}
            for label in ("ham", "spam"):
                samples = tuple((float(at), counts[label]) for at, counts in told.items() if counts is not None)
                if samples:
                    found.append(Series({**names, "label": label}, samples))
        return found


class Scene:
    """Two versions with a pod each, and somebody who counts their predictions."""

    def __init__(self, *, spam=0.13):
        self.now = BEGAN + 600
        self.prometheus = Counters()
        self.prometheus.pods = {(NEW, "new"): (BEGAN - 100, spam), (OLD, "old"): (BEGAN - 100, 0.13)}
        self.watched = {NEW: asks()}
        self.counting = self.anew()

    def anew(self):
        return PredictionCounts(client=self.prometheus, watched=lambda: self.watched, clock=lambda: self.now)

    def said(self, counting=None):
        return (counting or self.counting).said(NEW, self.watched[NEW])


async def test_all_that_came_since_the_step_began_is_counted():
    scene = Scene()
    await scene.counting.ask()

    seen = scene.said()
    first, last = (scene.prometheus.counts(NEW, "new", at) for at in (BEGAN + 7, BEGAN + 577))
    assert seen.predictions == sum(last.values()) - sum(first.values())
    assert seen.since == BEGAN
    assert seen.said.drift.low == 0


@pytest.mark.parametrize("every", [30, 400], ids=["within an hour", "after four hours"])
async def test_who_starts_again_comes_to_the_same(every):
    scene = Scene(spam=0.3)
    for _ in range(40):
        await scene.counting.ask()
        scene.now += every
    await scene.counting.ask()
    again = scene.anew()
    await again.ask()

    assert isinstance(scene.said(), Seen)
    assert scene.said() == scene.said(again)
    assert scene.said().said is not None


async def test_each_moment_is_asked_for_once():
    scene = Scene()
    await scene.counting.ask()
    scene.now += 30
    await scene.counting.ask()
    await scene.counting.ask()

    (first, until), (again, _) = scene.prometheus.asked
    assert (first - BEGAN, until - scene.now + 30) == pytest.approx((-3, -18), abs=10)
    assert again == until


async def test_a_step_that_begins_counts_anew():
    scene = Scene()
    await scene.counting.ask()
    scene.watched = {NEW: asks(Beside(OLD, BEGAN + 600, BESIDE.errs))}

    assert "have not been asked for yet" in scene.said().message
    scene.now += 60
    await scene.counting.ask()
    assert scene.said().predictions < 100


async def test_a_pod_that_comes_begins_to_be_counted_and_one_that_starts_again_counts_from_nothing():
    scene = Scene()
    await scene.counting.ask()
    before = scene.said().predictions
    scene.prometheus.pods[(NEW, "new")] = (BEGAN + 590, 0.13)
    scene.prometheus.pods[(NEW, "another")] = (BEGAN - 5000, 0.13)
    scene.now += 30
    await scene.counting.ask()

    one, other = ((scene.prometheus.counts(NEW, pod, BEGAN + at)) for pod, at in (("new", 607), ("another", 607)))
    first = scene.prometheus.counts(NEW, "another", BEGAN + 577)
    begun = sum(other.values()) - sum(first.values())
    assert scene.said().predictions - before == pytest.approx(sum(one.values()) + begun, abs=25)


async def test_a_pod_that_was_away_for_long_begins_anew():
    scene = Scene()
    await scene.counting.ask()
    before = scene.said().predictions
    pods = scene.prometheus.pods.copy()
    del scene.prometheus.pods[(NEW, "new")]
    scene.now += 600
    await scene.counting.ask()
    scene.prometheus.pods = pods
    scene.now += 30
    await scene.counting.ask()

    assert scene.said().predictions - before < 50, "what it answered meanwhile is nobody's to tell"


@pytest.mark.parametrize("number", [math.nan, math.inf, -1.0, 1e300])
async def test_a_number_that_no_counter_has_is_no_scrape(number, monkeypatch):
    scene = Scene()
    counts = Counters.counts

    def hostile(self, target, pod, at):
        found = counts(self, target, pod, at)
        return {**found, "spam": number} if target == NEW and at > BEGAN + 300 else found

    monkeypatch.setattr(Counters, "counts", hostile)
    await scene.counting.ask()

    assert scene.said().verdict is Verdict.NO_DATA
    assert "no scrape says its predictions by class" in scene.said().message


@pytest.mark.parametrize(("gone", "whose"), [(NEW, "its"), (OLD, "stable's")])
async def test_a_version_that_counts_no_predictions_is_named(gone, whose):
    scene = Scene()
    scene.prometheus.pods = {who: what for who, what in scene.prometheus.pods.items() if who[0] != gone}
    await scene.counting.ask()

    assert scene.said().message.startswith(f"no scrape says {whose} predictions by class: sluice_predictions_total")


async def test_a_prometheus_that_is_away_is_unavailable_and_loses_nothing():
    scene = Scene()
    await scene.counting.ask()
    scene.prometheus.down, scene.now = True, scene.now + 30
    await scene.counting.ask()
    assert scene.said().verdict is Verdict.UNAVAILABLE
    assert "connection refused" in scene.said().message

    scene.prometheus.down, scene.now = False, scene.now + 300
    await scene.counting.ask()
    again = scene.anew()
    await again.ask()
    assert scene.said() == scene.said(again)


async def test_an_answer_that_is_too_long_is_asked_for_in_parts_and_keeps_nobody_else_waiting(monkeypatch):
    scene = Scene()
    await scene.counting.ask()
    scene.now += 3600
    await scene.counting.ask()
    over_time = Counters.over_time

    async def short(self, text, *, start, end, **bounds):
        models = text.split('sluice_model=~"')[1].split('"')[0].count("|") + 1
        if (end - start) * models > 4 * 4300:
            raise PrometheusError("an answer of more than 64 MiB")
        return await over_time(self, text, start=start, end=end, **bounds)

    monkeypatch.setattr(Counters, "over_time", short)
    many = [Target("team-a", f"m{number}", "1.1.0") for number in range(8)]
    scene.watched |= {one: asks(Beside(OLD, BEGAN + number, BESIDE.errs)) for number, one in enumerate(many)}
    scene.now += 30
    await scene.counting.ask()
    assert isinstance(scene.said(), Seen)
    assert scene.counting.said(many[-1], scene.watched[many[-1]]).verdict is Verdict.UNAVAILABLE

    for _ in range(4):
        await scene.counting.ask()
    assert all("no scrape says" in scene.counting.said(one, scene.watched[one]).message for one in many)


async def test_what_nobody_asks_is_not_asked():
    scene = Scene()
    scene.watched = {NEW: asks(beside=None)}
    await scene.counting.ask()

    assert scene.prometheus.asked == []
    assert scene.said().verdict is Verdict.NO_DATA


async def test_many_that_come_at_once_are_asked_for_some_at_a_time():
    scene = Scene()
    scene.now = BEGAN + 7000
    scene.watched = {
        Target("team-a", f"m{number}", "1.1.0"): asks(Beside(OLD, BEGAN + number * 10, BESIDE.errs))
        for number in range(20)
    }
    await scene.counting.ask()

    assert len(scene.prometheus.asked) == 4
    for target, question in scene.watched.items():
        assert "no scrape says its predictions" in scene.counting.said(target, question).message


def test_the_question_is_one_and_bounds_what_a_pod_may_answer():
    text = query([NEW, OLD])

    assert text.startswith("sum by (namespace,sluice_model,sluice_version,pod,label) (sluice_predictions_total{")
    assert text.endswith(" <= 128)")
    assert 'sluice_version=~"1\\\\.0\\\\.0|1\\\\.1\\\\.0"' in text


def evidence(predictions):
    return Evidence(errors=History(since=0, pods=()), slower={}, predictions=predictions)


async def test_the_gate_says_what_was_counted_in_its_own_step_alone():
    scene = Scene(spam=0.9)
    await scene.counting.ask()
    found = evidence(scene.said())

    failed = judge(GATE, found, step_started_at=BEGAN, now=scene.now)
    assert (failed.verdict, failed.requests) == (Verdict.FAIL, 0)
    assert failed.value > GATE.limit.above
    assert failed.moved == scene.said().said
    assert judge(GATE, found, step_started_at=BEGAN + 600, now=scene.now).verdict is Verdict.NO_DATA


@pytest.mark.parametrize(
    ("predictions", "verdict"),
    [(None, Verdict.NO_DATA), (Missing(Verdict.UNAVAILABLE, "connection refused"), Verdict.UNAVAILABLE)],
)
def test_a_gate_of_which_nothing_is_known_holds(predictions, verdict):
    assert judge(GATE, evidence(predictions), step_started_at=BEGAN, now=BEGAN).verdict is verdict

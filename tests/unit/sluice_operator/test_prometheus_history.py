"""Asking only for what is new gives the same evidence as asking for everything, whatever fails in between."""

import asyncio
import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluice_operator.prometheus.client import PrometheusError, Series
from sluice_operator.prometheus.predictor import Question, Target, queries, read_evidence
from sluice_operator.prometheus.sampler import Sampler

BEGAN = 10_000.0
GAPS = st.sampled_from([1.2501, 5.2501, 15.2501, 40.2501])  # never on the border of a range
SCRAPES = st.lists(st.tuples(GAPS, st.integers(0, 50), st.integers(0, 20), st.booleans()), max_size=30)


class Prometheus:
    """A client that holds the counters of some versions and knows what it was asked."""

    def __init__(self):
        self.counters = {}
        """By target, pod and labels: (time, value), oldest first."""
        self.asked = []
        self.fails = False

    def scrape(self, target, pod, at, *, good, bad):
        for labels, value in (
            ((("code", "200"),), good),
            ((("code", "500"),), bad),
            ((("le", "0.25"),), good),
            ((("le", "+Inf"),), good + bad),
        ):
            self.counters.setdefault((target, pod, labels), []).append((at, float(value)))

    async def matrix(self, query, *, at):
        if self.fails:
            raise PrometheusError("connection refused")
        (seconds,) = re.findall(r"\[(\d+)s\]", query)
        self.asked.append(query)
        return self.holds(query, since=at - int(seconds), until=at)

    def holds(self, query, *, since, until):
        wanted = "code" if query.startswith("sluice_requests_total") else "le"
        return [
            Series(
                labels={
                    "namespace": target.namespace,
                    "sluice_model": target.model,
                    "sluice_version": target.version,
                    "pod": pod,
                    **dict(labels),
                },
                samples=tuple(sample for sample in samples if since < sample[0] <= until),
            )
            for (target, pod, labels), samples in self.counters.items()
            if labels[0][0] == wanted and re.search(rf'["|]{target.model}["|]', query)
            if wanted == "code" or "le=" not in query or re.escape(labels[0][1]).replace("\\", "\\\\") in query
        ]

    def everything(self, targets, *, since, until):
        answers = [self.holds(query, since=since, until=until) for query in queries(targets, seconds=1, edges={0.25})]
        return read_evidence(*answers, targets=targets, edges={0.25}, since=since)


class OverError(Exception):
    """The story has come to its end."""


def follow(client, moments, *, watched):
    """Samples at these moments, each with the target's evidence and whether Prometheus answered."""
    samples, now = [], [moments[0][0]]
    client.fails = moments[0][1]
    left = list(moments[1:])

    def answered():
        samples.append((now[0], sampler.last))
        if not left:
            raise OverError
        now[0], client.fails = left.pop(0)

    sampler = Sampler(
        client=client, interval=0, watched=lambda: watched(now[0]), answered=answered, clock=lambda: now[0]
    )
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner, pytest.raises(OverError):
        runner.run(sampler.run())
    return samples


TARGET = Target("default", "sms", "1.1.0")


def asks(seconds, *edges):
    return Question(seconds=seconds, edges=frozenset(edges))


@settings(max_examples=150, deadline=None)
@given(
    pods=st.lists(SCRAPES, min_size=1, max_size=3),
    polls=st.lists(st.tuples(st.sampled_from([1.0, 5.0, 30.0, 300.0]), st.booleans()), min_size=2, max_size=20),
)
def test_what_grew_is_what_would_have_been_fetched(pods, polls):
    client = Prometheus()
    for number, scrapes in enumerate(pods):
        at, good, bad = BEGAN + 0.05 + number / 10, 0, 0
        for gap, more_good, more_bad, restarts in scrapes:
            at += gap
            good, bad = (0, 0) if restarts else (good + more_good, bad + more_bad)
            client.scrape(TARGET, f"p{number}", at, good=good, bad=bad)
    moments, at = [], BEGAN + 7
    for gap, fails in polls:
        at += gap
        moments.append((at, fails))

    for now, sample in follow(client, moments, watched=lambda _: {TARGET: asks(60, 0.25)}):
        if sample.problem is not None:
            assert sample.evidence == {}
            continue
        full = client.everything([TARGET], since=now - 120, until=now)[TARGET]
        found = sample.evidence[TARGET]
        assert found.errors.since == full.errors.since == now - 120
        assert by_pod(found.errors) == by_pod(full.errors)
        for edge, history in full.slower.items():
            assert by_pod(found.slower[edge]) == by_pod(history)


def by_pod(history):
    return {pod.pod: pod.scrapes for pod in history.pods if pod.scrapes}


def seconds(client):
    return [int(re.findall(r"\[(\d+)s\]", query)[0]) for query in client.asked[::2]]


def answers(count, *, every=5.0, fails=()):
    return [(BEGAN + every * number, number in fails) for number in range(count)]


def test_only_the_first_question_asks_for_everything():
    client = Prometheus()
    follow(client, answers(4), watched=lambda _: {TARGET: asks(60)})

    assert seconds(client) == [120, 20, 20, 20]


def test_after_a_failure_the_question_reaches_back_to_what_is_known():
    client = Prometheus()
    follow(client, answers(6, fails=(2, 3)), watched=lambda _: {TARGET: asks(60)})

    assert seconds(client) == [120, 20, 30, 20]


def test_nothing_is_asked_twice_after_an_hour_away():
    client = Prometheus()
    follow(client, [(BEGAN, False), (BEGAN + 3600, False)], watched=lambda _: {TARGET: asks(60)})

    assert seconds(client) == [120, 120]


def test_a_new_version_is_asked_about_from_its_beginning_and_the_others_are_not():
    client, late = Prometheus(), Target("default", "late", "1")
    follow(client, answers(2), watched=lambda now: {TARGET: asks(60)} | ({late: asks(60)} if now > BEGAN else {}))
    known, new = client.asked[2::2]

    assert "late" not in known
    assert known.endswith("[20s]")
    assert "sms" not in new
    assert new.endswith("[120s]")


def test_a_window_that_grows_is_filled():
    client = Prometheus()
    follow(client, answers(2), watched=lambda now: {TARGET: asks(60 if now == BEGAN else 300)})

    assert seconds(client) == [120, 360]


def test_a_clock_that_steps_back_begins_anew():
    client = Prometheus()
    follow(client, [(BEGAN, False), (BEGAN - 3600, False)], watched=lambda _: {TARGET: asks(60)})

    assert seconds(client) == [120, 120]


def test_what_is_no_longer_watched_is_forgotten():
    client, other = Prometheus(), Target("default", "other", "1")
    watched = iter([{TARGET: asks(60)}, {other: asks(60)}, {TARGET: asks(60)}])
    samples = follow(client, answers(3), watched=lambda _: next(watched))

    assert [set(sample.evidence) for _, sample in samples] == [{TARGET}, {other}, {TARGET}]
    assert seconds(client) == [120, 120, 120]


def test_of_an_edge_that_the_histogram_does_not_have_is_told_which_it_has():
    client, other = Prometheus(), Target("default", "other", "1")
    for number in range(30):
        client.scrape(TARGET, "p", BEGAN - 100.05 + 5 * number, good=100 * number, bad=number)
        client.scrape(other, "p", BEGAN - 100.05 + 5 * number, good=100 * number, bad=number)
    watched = {TARGET: asks(60, 0.3), other: asks(60, 0.25)}
    samples = follow(client, answers(2), watched=lambda _: watched)

    for _, sample in samples:
        assert sample.evidence[TARGET].slower.keys() == {0.25}
        assert sample.evidence[other].slower.keys() == {0.25}
    whole = [query for query in client.asked if "bucket" in query and "le=" not in query]
    assert len(whole) == len(samples)
    assert not any("other" in query for query in whole)


def test_an_edge_that_nobody_asked_for_before_is_filled():
    client, edges = Prometheus(), [(), (0.25,), (0.25,), (), (0.25,)]
    for number in range(60):
        client.scrape(TARGET, "p", BEGAN - 100.05 + 5 * number, good=100 * number, bad=number)
    left = iter(edges)
    samples = follow(client, answers(5), watched=lambda _: {TARGET: asks(60, *next(left))})

    assert seconds(client) == [120, 120, 20, 20, 120]
    for now, sample in (samples[1], samples[2], samples[4]):
        full = client.everything([TARGET], since=now - 120, until=now)[TARGET]
        assert by_pod(sample.evidence[TARGET].slower[0.25]) == by_pod(full.slower[0.25])


# Histories that are wanted from further back


def reaching(sample, target):
    return sample.evidence[target].errors.since


def test_what_is_wanted_from_further_back_is_there_at_the_next_answer_and_keeps_nobody_waiting():
    client = Prometheus()
    for number in range(200):
        client.scrape(TARGET, "p", BEGAN - 900.05 + 5 * number, good=100 * number, bad=number)
    wanted = Question(seconds=60, edges=frozenset({0.25}), since=BEGAN - 600)
    samples = follow(client, answers(4), watched=lambda _: {TARGET: wanted})

    assert seconds(client) == [120, 605, 20, 20, 20]
    assert [reaching(sample, TARGET) for _, sample in samples] == [BEGAN - 120] + [BEGAN - 600] * 3
    for now, sample in samples[1:]:
        full = client.everything([TARGET], since=BEGAN - 600, until=now)[TARGET]
        assert by_pod(sample.evidence[TARGET].errors) == by_pod(full.errors)
        assert by_pod(sample.evidence[TARGET].slower[0.25]) == by_pod(full.slower[0.25])


def test_how_far_back_one_reaches_makes_no_other_history_longer():
    client, other = Prometheus(), Target("default", "other", "1")
    long = Question(seconds=60, edges=frozenset(), since=BEGAN - 600)
    samples = follow(client, answers(3), watched=lambda _: {TARGET: long, other: asks(60)})

    assert reaching(samples[-1][1], other) == BEGAN + 10 - 120
    assert reaching(samples[-1][1], TARGET) == BEGAN - 600
    assert not any("other" in query for query in client.asked if "[6" in query)


def test_what_is_no_longer_wanted_from_further_back_is_forgotten():
    client = Prometheus()
    since = iter([BEGAN - 600, BEGAN - 600, BEGAN - 30, BEGAN - 600])
    samples = follow(
        client, answers(4), watched=lambda _: {TARGET: Question(seconds=60, edges=frozenset(), since=next(since))}
    )

    assert [reaching(sample, TARGET) - BEGAN for _, sample in samples] == [-120, -600, 10 - 120, 10 - 120]


def test_however_many_are_new_or_wanted_from_further_back_no_more_questions_are_asked_at_a_time():
    def most_asked(rollouts):
        client = Prometheus()
        asked = []
        watched = {
            Target("default", f"m{number}", "1"): Question(
                seconds=60, edges=frozenset(), since=BEGAN - 1800 if number % 3 else None
            )
            for number in range(rollouts)
        }
        late = Target("default", "late", "1")

        def at(now):
            asked.append(len(client.asked))
            return watched | ({late: asks(60)} if now > BEGAN else {})

        follow(client, answers(6), watched=at)
        return max(after - before for before, after in pairwise(asked))

    assert most_asked(300) == most_asked(45) == 6


def test_a_few_at_a_time_are_asked_from_further_back_until_all_are_there():
    client = Prometheus()
    targets = [Target("default", f"m{number}", "1") for number in range(50)]
    wanted = Question(seconds=60, edges=frozenset(), since=BEGAN - 1800)
    samples = follow(client, answers(5), watched=lambda _: dict.fromkeys(targets, wanted))

    there = [sum(reaching(sample, target) <= BEGAN - 1800 for target in targets) for _, sample in samples]
    assert there == [0, 19, 38, 50, 50]


def test_what_cannot_be_had_from_further_back_is_tried_again_with_fewer_and_the_rest_goes_on():
    class Slow(Prometheus):
        async def matrix(self, query, *, at):
            if "[18" in query and query.count("m") > 20:
                raise PrometheusError("query timed out")
            return await super().matrix(query, at=at)

    client = Slow()
    targets = [Target("default", f"m{number}", "1") for number in range(10)]
    wanted = Question(seconds=60, edges=frozenset(), since=BEGAN - 1800)
    samples = follow(client, answers(8), watched=lambda _: dict.fromkeys(targets, wanted))

    assert all(sample.problem is None and len(sample.evidence) == 10 for _, sample in samples)
    assert any(reaching(samples[-1][1], target) <= BEGAN - 1800 for target in targets)


def test_nothing_is_asked_for_from_more_than_an_hour_ago():
    client = Prometheus()
    wanted = Question(seconds=60, edges=frozenset(), since=0.0)
    follow(client, answers(3), watched=lambda _: {TARGET: wanted})

    assert seconds(client) == [120, 3600, 20, 20]

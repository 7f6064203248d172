"""Queries of one's own: names that cannot break out of them, one series each, and no say in anybody else's evidence."""

import asyncio
import re
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_operator.analysis.gates import Missing, Values
from sluice_operator.api.gates import Gate, Limit, Metric, Query
from sluice_operator.api.status import Verdict
from sluice_operator.prometheus.client import PrometheusError, Series
from sluice_operator.prometheus.custom import Answer, Custom, custom_queries, filled, longer, read_answer, read_custom
from sluice_operator.prometheus.own import OwnQueries
from sluice_operator.prometheus.predictor import Question, Target
from sluice_operator.prometheus.sampler import Sampler

NAMES = {"version": "1.1.0", "stable": "1.0.0", "model": "sms", "namespace": "team-a"}


def own(name="own", **texts):
    return Gate(name=name, query=Query(**texts), limit=Limit(above=0.1, window=timedelta(seconds=30)))


# Names


def test_names_stand_in_their_places_and_all_else_stays():
    query = 'x{v="{{version}}",s="{{ stable }}",m="{{model}}",n="{{namespace}}",o="{{other}}"}'

    assert filled(query, NAMES) == 'x{v="1.1.0",s="1.0.0",m="sms",n="team-a",o="{{other}}"}'


def test_a_name_that_has_another_in_it_is_not_filled_in_again():
    assert filled('"{{version}}"', {"version": "{{model}}", "model": "sms"}) == '"{{model}}"'


@pytest.mark.parametrize("quote", ['"', "'", "`"])
@given(st.text(max_size=40))
def test_no_name_ends_the_string_it_is_in(quote, name):
    inside = filled(f"{quote}{{{{version}}}}{quote}", {"version": name})[1:-1]

    assert quote not in inside
    assert "\n" not in inside
    assert quote == "`" or not re.search(r"(?<!\\)(\\\\)*\\$", inside)


def test_each_gate_with_a_query_asks_what_it_says():
    metric = Gate(name="errors", metric=Metric.ERROR_RATE, limit=Limit(above=0.1))
    found = custom_queries(
        [metric, own("v", value="a{{version}}"), own("c", bad="b", total="t"), own("half", bad="b")], names=NAMES
    )

    assert found == (
        Custom(gate="v", seconds=30, looks=3, value="a1.1.0"),
        Custom(gate="c", seconds=30, looks=3, bad="b", total="t"),
    )
    assert [custom.texts for custom in found] == [("a1.1.0",), ("b", "t")]


# Answers


def series(*samples, **labels):
    return Series(labels=labels, samples=tuple(samples))


@pytest.mark.parametrize(
    ("found", "problem"), [([], "it gives no series"), ([series(), series()], "it gives 2 series")]
)
def test_anything_but_one_series_is_no_answer(found, problem):
    assert read_answer(found, since=0, until=10).problem == f"{problem} where it must give one"


def test_a_number_that_is_none_is_missing_and_not_zero():
    nan, inf = float("nan"), float("inf")
    found = read_answer([series((1, 4.0), (2, nan), (3, inf), (4, -inf), (5, 6.0))], since=0, until=10)

    assert found.samples == ((1, 4.0), (5, 6.0))


def test_what_was_asked_for_anew_counts():
    known = Answer(0, 20, ((5, 1.0), (10, 2.0), (15, 3.0), (20, 4.0)))
    news = Answer(15, 30, ((20, 5.0), (25, 6.0)))

    assert longer(known, news, since=10) == Answer(10, 30, ((10, 2.0), (20, 5.0), (25, 6.0)))


VALUE = Custom(gate="v", seconds=30, value="a")
COUNTS = Custom(gate="c", seconds=30, bad="b", total="t")


def counts(bad, total):
    """What two counters say at the moments at which they were looked at."""
    answers = {
        name: Answer(0, 100, tuple((at, float(value)) for at, value in samples))
        for name, samples in (("b", bad), ("t", total))
    }
    return [(s.at, s.total, s.bad) for pod in read_custom(COUNTS, answers).pods for s in pod.scrapes]


def test_a_value_is_what_it_was_at_each_moment():
    assert read_custom(VALUE, {"a": Answer(0, 10, ((5, 1.5),))}) == Values(((5, 1.5),))


def test_two_counters_are_counted_from_where_they_were_first_seen():
    assert counts([(5, 10), (10, 12)], [(5, 1000), (10, 1100)]) == [(5, 0, 0), (10, 100, 2)]


def test_a_moment_at_which_one_of_them_has_no_number_does_not_count():
    assert counts([(5, 0), (15, 2)], [(5, 0), (10, 50), (15, 60)]) == [(5, 0, 0), (15, 60, 2)]


def test_where_a_counter_falls_nothing_is_counted_and_then_it_goes_on():
    # A sum over pods falls when a pod goes: what is left of it has been counted before.
    found = counts([(5, 10), (10, 20), (15, 5), (20, 6)], [(5, 100), (10, 200), (15, 50), (20, 60)])

    assert found == [(5, 0, 0), (10, 100, 10), (15, 100, 10), (20, 110, 11)]


def test_there_are_never_more_bad_requests_than_requests():
    assert counts([(5, 0), (10, 90)], [(5, 0), (10, 50)]) == [(5, 0, 0), (10, 50, 50)]


SAMPLES = st.lists(st.tuples(st.integers(0, 20), st.floats(0, 1e9)), max_size=12, unique_by=lambda sample: sample[0])


@given(SAMPLES, SAMPLES)
def test_whatever_they_say_counts_only_grow_and_bad_ones_are_among_them(bad, total):
    found = counts(sorted(bad), sorted(total))

    for before, later in pairwise(found):
        assert before[1] <= later[1]
        assert before[2] <= later[2]
    assert all(bad <= total for _, total, bad in found)


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({}, Missing(Verdict.NO_DATA, "its query has not been answered yet")),
        (
            {"b": Answer(0, 9, problem="it gives no series where it must give one"), "t": Answer(0, 9)},
            Missing(Verdict.UNAVAILABLE, "its query for bad: it gives no series where it must give one"),
        ),
        (
            {"b": Answer(0, 9), "t": Answer(0, 9, problem="Prometheus says: HTTP 400: parse error")},
            Missing(Verdict.UNAVAILABLE, "its query for total: Prometheus says: HTTP 400: parse error"),
        ),
    ],
)
def test_what_is_missing_is_said(answers, said):
    assert read_custom(COUNTS, answers) == said


def test_counters_without_a_moment_in_common_have_no_history():
    assert counts([(5, 1)], [(10, 1)]) == []


# Asking


class Prometheus:
    """A client that says the time of each moment, or fails, or waits."""

    def __init__(self):
        self.asked = []
        self.at_once = self.most_at_once = 0
        self.fails = False
        self.waits = 0.0

    async def over_time(self, query, *, start, end, step, seconds):
        del seconds
        self.asked.append((query, start, end, step))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(self.waits)
        self.at_once -= 1
        if self.fails:
            raise PrometheusError("HTTP 400: parse error")
        return [series(*((float(at), float(at)) for at in range(start, end + 1, step)))]


class Scene:
    def __init__(self, *customs, interval=5.0):
        self.client = Prometheus()
        self.now = 1003.0
        self.question = Question(seconds=30, edges=frozenset(), custom=customs)
        self.queries = OwnQueries(
            client=self.client,
            interval=interval,
            watched=lambda: {Target("n", "m", "1"): self.question},
            clock=lambda: self.now,
        )

    def values(self):
        (said,) = self.queries.said(self.question).values()
        return [at for at, _ in said.samples]


async def test_a_query_is_asked_at_whole_multiples_of_the_interval_and_then_only_for_what_is_new():
    scene = Scene(VALUE)
    await scene.queries.ask()
    assert scene.client.asked == [("a", 965, 1000, 5)]
    scene.now = 1009.0
    await scene.queries.ask()

    assert scene.client.asked[1:] == [("a", 985, 1005, 5)]
    assert scene.values() == list(range(970, 1006, 5))


async def test_after_a_restart_the_same_moments_are_found():
    going = Scene(VALUE)
    for going.now in (1003.0, 1008.0, 1016.0, 1021.0):
        await going.queries.ask()
    anew = Scene(VALUE)
    anew.now = 1021.0
    await anew.queries.ask()

    assert going.values() == anew.values()


async def test_the_same_query_of_two_gates_is_asked_once_and_as_far_back_as_either_looks():
    scene = Scene(VALUE, Custom(gate="w", seconds=60, value="a"))
    await scene.queries.ask()

    assert scene.client.asked == [("a", 935, 1000, 5)]


async def test_what_a_gate_looks_at_so_often_in_a_row_is_asked_for():
    scene = Scene(Custom(gate="v", seconds=30, looks=20, value="a"))
    await scene.queries.ask()

    assert scene.client.asked == [("a", 865, 1000, 5)]


async def test_few_are_asked_at_a_time():
    scene = Scene(*(Custom(gate=f"g{n}", seconds=30, value=f"q{n}") for n in range(40)))
    scene.client.waits = 0.001
    await scene.queries.ask()

    assert len(scene.client.asked) == 40
    assert scene.client.most_at_once == 4


async def test_what_prometheus_refuses_is_told_and_asked_from_the_beginning_again():
    scene = Scene(VALUE)
    await scene.queries.ask()
    scene.client.fails = True
    await scene.queries.ask()
    said = scene.queries.said(scene.question)["v"]
    assert said == Missing(Verdict.UNAVAILABLE, "its query: Prometheus says: HTTP 400: parse error")
    scene.client.fails = False
    await scene.queries.ask()

    assert scene.client.asked[-1][1] == 965
    assert scene.values()


async def test_what_is_no_longer_watched_is_forgotten():
    scene = Scene(VALUE)
    await scene.queries.ask()
    watched, scene.question = scene.question, Question(seconds=30, edges=frozenset())
    await scene.queries.ask()

    assert scene.queries.said(watched)["v"].verdict is Verdict.NO_DATA


async def test_a_clock_that_was_set_back_forgets_the_future():
    scene = Scene(VALUE)
    await scene.queries.ask()
    scene.now = 503.0
    await scene.queries.ask()

    assert scene.values() == list(range(465, 501, 5))


# Beside the shared questions


class Shared(Prometheus):
    """A client that also answers the shared questions, with nothing."""

    async def matrix(self, query, *, at):
        del query, at
        return []


async def sampled(*, allowed, waits=0.0):
    """The first sample of a sampler, and what it says of the version's own query."""
    client, version = Shared(), Target("n", "m", "1")
    client.waits = waits
    watched = {version: Question(seconds=30, edges=frozenset(), custom=(VALUE,))}
    queries = OwnQueries(client=client, interval=5, watched=lambda: watched, clock=lambda: 1000.0)
    answered = asyncio.Event()
    sampler = Sampler(
        client=client,
        interval=5,
        watched=lambda: watched,
        answered=answered.set,
        clock=lambda: 1000.0,
        own=queries if allowed else None,
    )
    async with asyncio.TaskGroup() as group:
        asking = group.create_task(queries.ask())
        await asyncio.sleep(0.01)
        running = group.create_task(sampler.run())
        await answered.wait()
        running.cancel()
        asking.cancel()
    return sampler.last.evidence[version].custom


async def test_what_a_query_gave_is_in_the_next_sample():
    assert (await sampled(allowed=True))["v"].samples[-1] == (1000, 1000.0)


async def test_a_query_that_takes_its_time_keeps_nobody_waiting():
    assert (await sampled(allowed=True, waits=3600))["v"].verdict is Verdict.NO_DATA


async def test_where_they_are_not_allowed_nothing_is_said_of_them():
    assert await sampled(allowed=False) is None

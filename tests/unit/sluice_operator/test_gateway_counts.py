"""What the Gateway counts of each version is evidence, where the installation says which Gateway it has."""

import asyncio
import re
from dataclasses import replace
from itertools import chain, repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_operator.analysis.counts import History, PodHistory, Scrape
from sluice_operator.analysis.gates import Evidence, Missing, counted, side_by_side
from sluice_operator.api.analysis import CountedBy
from sluice_operator.api.gates import Gate, Limit, Metric
from sluice_operator.api.status import Verdict
from sluice_operator.prometheus.access import GatewayKind
from sluice_operator.prometheus.asking import ask
from sluice_operator.prometheus.client import Series
from sluice_operator.prometheus.gateways import PRESETS, all_buckets, queries, read
from sluice_operator.prometheus.predictor import Question, Target
from sluice_operator.prometheus.sampler import Sampler

CONTOUR, ISTIO = PRESETS[GatewayKind.CONTOUR], PRESETS[GatewayKind.ISTIO]
OLD, NEW = Target("team-a", "sms", "1.0.0"), Target("team-a", "sms", "1.1.0")
SERVICES = {OLD: "sms-1-0-0-aaaaaaaa-predictor", NEW: "sms-1-1-0-bbbbbbbb-predictor"}
SINCE = 1000.0
AUTO, GATEWAY, PREDICTOR = CountedBy.AUTO, CountedBy.GATEWAY, CountedBy.PREDICTOR


def envoy(name, samples, *, service=SERVICES[NEW], pod="envoy-1", **labels):
    """A series of Envoy's, as Contour names clusters."""
    own = {"__name__": f"envoy_cluster_{name}", "envoy_cluster_name": f"team-a_{service}_80", "pod": pod}
    return Series(labels={**own, **labels}, samples=tuple(samples))


def istio(samples, *, service=SERVICES[NEW], code="200", **labels):
    own = {
        "__name__": "istio_requests_total",
        "destination_service_namespace": "team-a",
        "destination_service_name": service,
        "pod": "gateway-1",
    }
    return Series(labels={**own, "response_code": code, **labels}, samples=tuple(samples))


def errors_of(preset, *requests):
    found = read(preset, requests, (), services=SERVICES, edges=frozenset(), since=SINCE)
    return {target: {pod.pod: list(pod.scrapes) for pod in evidence.errors.pods} for target, evidence in found.items()}


# What is read


def test_the_classes_of_answers_are_counted_for_each_process_of_envoy():
    found = errors_of(
        CONTOUR,
        envoy("upstream_rq_xx", [(5, 10.0), (10, 20.0)], envoy_response_code_class="2"),
        envoy("upstream_rq_xx", [(10, 3.0)], envoy_response_code_class="5"),
        envoy("upstream_rq_xx", [(5, 1.0)], envoy_response_code_class="4"),
        envoy("upstream_rq_xx", [(6, 7.0)], envoy_response_code_class="5", pod="envoy-2"),
        envoy("upstream_rq_xx", [(5, 9.0)], envoy_response_code_class="5", service=SERVICES[OLD]),
    )

    assert found[NEW] == {"envoy-1": [Scrape(5, 11, 0), Scrape(10, 23, 3)], "envoy-2": [Scrape(6, 7, 7)]}
    assert found[OLD] == {"envoy-1": [Scrape(5, 9, 9)]}


def test_a_cluster_that_has_answered_nothing_yet_is_seen_and_its_first_answers_count():
    found = errors_of(
        CONTOUR,
        envoy("upstream_rq_total", [(5, 0.0), (10, 8.0), (15, 9.0)]),
        envoy("upstream_rq_xx", [(15, 6.0)], envoy_response_code_class="5"),
    )

    assert found[NEW] == {"envoy-1": [Scrape(5, 0, 0), Scrape(10, 0, 0), Scrape(15, 6, 6)]}


def test_istio_counts_by_code_and_its_many_series_are_one():
    found = errors_of(
        ISTIO,
        istio([(5, 10.0)], response_flags="-"),
        istio([(5, 4.0)], code="503", response_flags="UF"),
        istio([(5, 2.0)], code="504", response_flags="UT"),
        istio([(5, 1.0)], code="404"),
    )

    assert found[NEW] == {"gateway-1": [Scrape(5, 17, 6)]}


def test_without_the_name_of_a_pod_the_scraped_address_tells_processes_apart():
    found = errors_of(
        CONTOUR,
        envoy("upstream_rq_xx", [(5, 1.0)], envoy_response_code_class="2", pod="", instance="10.0.0.1:8002"),
        envoy("upstream_rq_xx", [(5, 2.0)], envoy_response_code_class="2", pod="", instance="10.0.0.2:8002"),
    )

    assert found[NEW].keys() == {"10.0.0.1:8002", "10.0.0.2:8002"}


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_durations_are_in_seconds_whatever_the_gateway_counts_in(preset):
    names = {"envoy_cluster_name": f"team-a_{SERVICES[NEW]}_80"}
    names |= {"destination_service_namespace": "team-a", "destination_service_name": SERVICES[NEW]}
    buckets = [
        Series(labels={**names, "pod": "g", "le": le}, samples=((5.0, value),))
        for le, value in (("100", 60.0), ("250", 80.0), ("+Inf", 100.0))
    ]
    found = read(preset, (), buckets, services=SERVICES, edges=frozenset({0.25}), since=SINCE)

    assert found[NEW].slower == {
        0.1: History(since=SINCE, pods=()),
        0.25: History(since=SINCE, pods=(PodHistory("g", (Scrape(5, 100, 20),)),)),
    }
    assert found[OLD].slower == {}


# What is asked


def unquoted(literal):
    return re.sub(r"\\(.)", lambda m: {"n": "\n"}.get(m[1], m[1]), literal, flags=re.DOTALL)


STRING = re.compile(r'"((?:[^"\\\n]|\\.)*)"', re.DOTALL)
TEXT = st.text(max_size=30)


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
@given(st.dictionaries(st.builds(Target, namespace=TEXT, model=TEXT, version=TEXT), TEXT, min_size=1, max_size=4))
def test_no_name_can_end_the_string_it_is_in_or_mean_more_than_itself(preset, services):
    asked = (*queries(preset, services, seconds=60, edges={0.25}), all_buckets(preset, services, seconds=60))
    for query in asked:
        assert re.fullmatch(r"\w*\{(\w+=~?S,?)+\}\[60s\]", STRING.sub("S", query))
    (label, form), *_ = preset.named.items()
    pattern = unquoted(re.search(rf'{label}=~"((?:[^"\\]|\\.)*)"', asked[0], re.DOTALL)[1])
    for target, service in services.items():
        assert re.fullmatch(pattern, form.format(namespace=target.namespace, service=service, port=80))
    assert not re.fullmatch(pattern, "somebody-else")


def test_of_a_histogram_only_the_wanted_edges_are_asked_for_and_none_without_any():
    _, buckets = queries(CONTOUR, SERVICES, seconds=60, edges={0.25, 0.0005, 1800.0})
    edges = unquoted(re.search(r'le=~"((?:[^"\\]|\\.)*)"', buckets)[1])

    assert all(re.fullmatch(edges, le) for le in ("250", "0.5", "1800000", "+Inf"))
    assert not any(re.fullmatch(edges, le) for le in ("25", "0.25", "500", "1"))
    assert len(queries(CONTOUR, SERVICES, seconds=60, edges=frozenset())) == 1


class Recorded:
    """A client that remembers what it was asked, and has these series."""

    def __init__(self, *series):
        self.asked = []
        self._series = series

    async def matrix(self, query, *, at):
        del at
        self.asked.append(query)
        if query.startswith("{__name__"):
            return [one for one in self._series if "le" not in one.labels]
        if query.startswith("envoy_cluster_upstream_rq_time"):
            wanted = re.search(r'le=~"((?:[^"\\]|\\.)*)"', query)
            edges = [one for one in self._series if "le" in one.labels]
            return [one for one in edges if not wanted or re.fullmatch(unquoted(wanted[1]), one.labels["le"])]
        return []


def asks(target=NEW, *, source=AUTO, edges=frozenset()):
    return {target: Question(seconds=60, edges=edges, service=SERVICES[target], source=source)}


async def test_two_questions_more_however_many_versions():
    client = Recorded()
    many = {
        Target("n", f"m{number}", "1"): Question(seconds=60, edges=frozenset({0.25}), service=f"m{number}")
        for number in range(40)
    }
    await ask(client, many, gateway=CONTOUR, edges={0.25}, seconds=60, now=2000.0)

    assert len(client.asked) == 4


async def test_the_gateway_is_not_asked_of_a_version_that_its_predictors_are_to_count():
    client = Recorded()
    found = await ask(client, asks(source=PREDICTOR), gateway=CONTOUR, edges=frozenset(), seconds=60, now=2000.0)

    assert not any("envoy" in query for query in client.asked)
    assert found[NEW].gateway == Evidence(errors=History(since=1940.0, pods=()), slower={})


async def test_without_a_gateway_nothing_is_said_of_one():
    found = await ask(Recorded(), asks(), gateway=None, edges=frozenset(), seconds=60, now=2000.0)

    assert found[NEW].gateway is None


async def test_an_edge_that_the_gateway_does_not_have_is_told_with_those_that_it_has():
    seen = [envoy("upstream_rq_xx", [(5, 10.0)], envoy_response_code_class="2")]
    seen += [envoy("upstream_rq_time_bucket", [(5, 9.0)], le=le) for le in ("100", "500", "+Inf")]
    wanted = asks(source=GATEWAY, edges=frozenset({0.25}))
    found = await ask(Recorded(*seen), wanted, gateway=CONTOUR, edges={0.25}, seconds=60, now=2000.0)

    said = counted(SLOW, found[NEW], source=GATEWAY)
    assert said == Missing(
        Verdict.UNAVAILABLE, "250ms is not an edge of the histogram, whose edges are 0.1s, 0.5s", answerable=False
    )


async def test_a_gateway_that_counts_from_now_on_is_asked_what_it_had_counted_before():
    client, sources, answered = Recorded(), chain([PREDICTOR], repeat(AUTO)), asyncio.Semaphore(0)
    sampler = Sampler(
        client=client,
        interval=0,
        watched=lambda: asks(source=next(sources)),
        answered=answered.release,
        clock=lambda: 2000.0,
        gateway=CONTOUR,
    )
    task = asyncio.create_task(sampler.run())
    for _ in range(3):
        await answered.acquire()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    ranges = [re.search(r"\[(\d+)s\]$", query)[1] for query in client.asked if "envoy" in query]
    assert ranges[:2] == ["120", "15"]


# Who is believed

ERRORS = Gate(name="errors", metric=Metric.ERROR_RATE, limit=Limit(above=0.1))
SLOW = Gate.model_validate({"name": "slow", "metric": "latency", "slowerThan": "250ms", "limit": {"above": 0.1}})


def history(pod):
    return History(since=SINCE, pods=(PodHistory(pod, (Scrape(5, 1, 0),)),))


NOBODY = History(since=SINCE, pods=())
BY_GATEWAY = Evidence(errors=history("envoy"), slower={0.25: history("envoy")})
BOTH = Evidence(errors=history("pod"), slower={0.25: history("pod")}, gateway=BY_GATEWAY)
UNKNOWN_TO_IT = replace(BOTH, gateway=Evidence(errors=NOBODY, slower={}))
NO_GATEWAY = replace(BOTH, gateway=None)
WITHOUT_HISTOGRAM = replace(BOTH, slower={})


@pytest.mark.parametrize(
    ("gate", "source", "evidence", "by"),
    [
        (ERRORS, AUTO, BOTH, "envoy"),
        (ERRORS, AUTO, UNKNOWN_TO_IT, "pod"),
        (ERRORS, AUTO, NO_GATEWAY, "pod"),
        (SLOW, AUTO, BOTH, "pod"),
        (SLOW, AUTO, WITHOUT_HISTOGRAM, "envoy"),
        *((gate, GATEWAY, BOTH, "envoy") for gate in (ERRORS, SLOW)),
        *((gate, PREDICTOR, BOTH, "pod") for gate in (ERRORS, SLOW)),
    ],
)
def test_errors_are_the_gateways_to_count_and_durations_the_predictors_where_they_can(gate, source, evidence, by):
    assert counted(gate, evidence, source=source) == history(by)


def test_where_nobody_has_the_edge_the_predictors_are_told():
    nobody = replace(BOTH, slower={0.1: NOBODY}, gateway=replace(BY_GATEWAY, slower={}))

    assert counted(SLOW, nobody, source=AUTO).message.endswith("whose edges are 0.1s")


def test_a_gateway_that_is_asked_for_and_is_not_there_is_no_answer():
    unseen = counted(ERRORS, UNKNOWN_TO_IT, source=GATEWAY)
    unset = counted(ERRORS, NO_GATEWAY, source=GATEWAY)

    assert (unseen.verdict, unseen.answerable) == (Verdict.UNAVAILABLE, True)
    assert (unset.verdict, unset.answerable) == (Verdict.UNAVAILABLE, False)
    assert "prometheus.gateway" in unset.message


def test_two_versions_are_compared_on_what_the_same_one_counted():
    assert side_by_side(ERRORS, BOTH, BOTH, source=AUTO) == (history("envoy"), history("envoy"))
    assert side_by_side(ERRORS, UNKNOWN_TO_IT, BOTH, source=AUTO) == (history("pod"), history("pod"))
    assert side_by_side(ERRORS, BOTH, UNKNOWN_TO_IT, source=GATEWAY) is None
    assert side_by_side(ERRORS, BOTH, Evidence(errors=NOBODY, slower={}), source=AUTO) is None

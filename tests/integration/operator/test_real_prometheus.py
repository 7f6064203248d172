"""What is asked of a real Prometheus, and what its answers mean: the Gateway's counters and queries of one's own."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator

import aiohttp
import pytest

from sluice_operator.analysis.counts import History, rounds
from sluice_operator.analysis.gates import Evidence, GateResult, judge
from sluice_operator.analysis.predictions import Errs
from sluice_operator.api.analysis import CountedBy
from sluice_operator.api.gates import Gate
from sluice_operator.api.status import Verdict
from sluice_operator.prometheus import predictions
from sluice_operator.prometheus.access import Access, GatewayKind
from sluice_operator.prometheus.client import PrometheusClient, PrometheusError
from sluice_operator.prometheus.custom import custom_queries
from sluice_operator.prometheus.gateways import PRESETS
from sluice_operator.prometheus.own import OwnQueries
from sluice_operator.prometheus.predictions import PredictionCounts
from sluice_operator.prometheus.predictor import Beside, Question, Target
from sluice_operator.prometheus.sampler import Sampler
from tests.integration.operator.scraped import Exporter, Served, scraping

SECONDS = 60.0
NEW, OLD = Target("team-a", "sms", "1.1.0"), Target("team-a", "sms", "1.0.0")
SERVICES = {NEW: "sms-1-1-0-bbbbbbbb-predictor", OLD: "sms-1-0-0-aaaaaaaa-predictor"}
ERRORS = Gate.model_validate(
    {"name": "errors", "metric": "error-rate", "limit": {"above": 0.1, "checks": 2, "minRequests": 10}}
)
SLOW = Gate.model_validate(
    {"name": "slow", "metric": "latency", "slowerThan": "250ms", "limit": {"above": 0.1, "minRequests": 10}}
)
MOVED = Gate.model_validate({"name": "classes", "metric": "prediction-drift", "limit": {"above": 0.25}})


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prometheus that sees two versions, of which the new one answers six of ten requests."""
    new = Served("team-a", NEW.version, SERVICES[NEW], refused=4, drift=4, spam=9)
    old = Served("team-a", OLD.version, SERVICES[OLD], spam=1)
    with scraping(Exporter(new, old), tmp_path_factory.mktemp("prometheus")) as there:
        yield there


@pytest.fixture
async def client(url: str) -> AsyncIterator[PrometheusClient]:
    """A client of a Prometheus that has begun to scrape."""
    async with aiohttp.ClientSession() as session:
        asking = PrometheusClient(access=Access(url=url), session=session)
        async with asyncio.timeout(SECONDS):
            while not await has_begun(asking):  # noqa: ASYNC110 - inside Prometheus
                await asyncio.sleep(0.1)
        yield asking


async def has_begun(client: PrometheusClient) -> bool:
    try:
        return bool(await client.matrix("drift_score[1m]", at=time.time()))
    except PrometheusError:
        return False


async def until(
    client: PrometheusClient,
    question: Question,
    suits: Callable[[Evidence], bool],
    *,
    gateway: GatewayKind | None = None,
    own: bool = False,
) -> Evidence:
    """Sample until the evidence suits; both versions are asked about."""
    watched = {NEW: question, OLD: Question(question.seconds, question.edges, service=SERVICES[OLD])}
    asking = OwnQueries(client=client, interval=1.0, watched=lambda: watched, clock=time.time) if own else None
    came = asyncio.Event()
    sampler = Sampler(
        client=client,
        interval=0.2,
        watched=lambda: watched,
        answered=came.set,
        clock=time.time,
        gateway=PRESETS[gateway] if gateway else None,
        own=asking,
    )
    tasks = [asyncio.create_task(sampler.run())]
    if asking is not None:
        tasks.append(asyncio.create_task(asking.run()))
    try:
        async with asyncio.timeout(SECONDS):
            while True:
                await came.wait()
                came.clear()
                found = sampler.last.evidence.get(NEW)
                if found is not None and suits(found):
                    return found
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def said(gate: Gate, evidence: Evidence, source: CountedBy = CountedBy.AUTO) -> GateResult:
    return judge(gate, evidence, source=source, step_started_at=None, now=time.time())


@pytest.mark.parametrize("gateway", GatewayKind)
async def test_what_no_pod_answers_is_seen_by_the_gateway_alone(client: PrometheusClient, gateway: GatewayKind) -> None:
    question = Question(seconds=60, edges=frozenset(), service=SERVICES[NEW])
    found = await until(client, question, lambda seen: said(ERRORS, seen).verdict is Verdict.FAIL, gateway=gateway)

    assert said(ERRORS, found).value == pytest.approx(0.4)
    assert said(ERRORS, found, CountedBy.PREDICTOR).value == 0


async def test_the_gateways_histogram_is_read_at_the_edge_that_is_asked_for(client: PrometheusClient) -> None:
    question = Question(seconds=60, edges=frozenset({0.25}), service=SERVICES[NEW])
    found = await until(
        client, question, lambda seen: said(SLOW, seen).verdict is Verdict.FAIL, gateway=GatewayKind.CONTOUR
    )

    assert said(SLOW, found).value == pytest.approx(0.4)


async def test_an_edge_that_it_does_not_have_is_answered_with_those_that_it_has(client: PrometheusClient) -> None:
    gate = SLOW.model_copy(update={"slower_than": SLOW.slower_than and SLOW.slower_than * 3})
    question = Question(seconds=60, edges=frozenset({0.75}), service=SERVICES[NEW], source=CountedBy.GATEWAY)

    def refused(seen: Evidence) -> bool:
        return not said(gate, seen, CountedBy.GATEWAY).answerable

    found = await until(client, question, refused, gateway=GatewayKind.CONTOUR)
    assert said(gate, found, CountedBy.GATEWAY).message.endswith("whose edges are 0.1s, 0.25s, 0.5s")


def own_gate(name: str, limit: float, **query: str) -> Gate:
    enough = {} if "value" in query else {"minRequests": 10}
    return Gate.model_validate({"name": name, "query": query, "limit": {"above": limit, "checks": 2, **enough}})


def asks(*gates: Gate, version: str = "1.1.0") -> Question:
    names = {"version": version, "stable": "1.0.0", "model": "sms", "namespace": "team-a"}
    return Question(seconds=60, edges=frozenset(), service=SERVICES[NEW], custom=custom_queries(gates, names=names))


async def test_counters_and_values_of_ones_own_are_judged_as_all_others(client: PrometheusClient) -> None:
    wrong = own_gate(
        "wrong",
        0.1,
        bad='sum(feedback_total{version="{{version}}",wrong="yes"}) or vector(0)',
        total='sum(feedback_total{version="{{version}}"})  # all of it',
    )
    drift = own_gate("drift", 3, value='drift_score{version="{{version}}"} - on() drift_score{version="{{stable}}"}')

    def both_decided(seen: Evidence) -> bool:
        return (
            said(wrong, seen).verdict is Verdict.FAIL
            and said(drift, seen).requests == 0
            and (said(drift, seen).verdict is Verdict.PASS)
        )

    found = await until(client, asks(wrong, drift), both_decided, own=True)
    assert said(wrong, found).value == pytest.approx(0.4)
    assert said(drift, found).message == "3, limit 3"


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("sum(", "parse error"),
        ('drift_score{version="{{nobody}}"}', "it gives no series"),
        ("drift_score", "it gives 2 series where it must give one"),
        ('drift_score{version="{{version}}"}[5m]', "invalid"),
    ],
)
async def test_a_query_that_gives_no_number_says_why(client: PrometheusClient, query: str, words: str) -> None:
    gate = own_gate("own", 3, value=query)
    counted = await until(client, asks(gate), lambda seen: len(rounds(seen.errors)) > 1)
    assert said(gate, counted).answerable is False, "where it is not allowed it is not asked"

    found = await until(client, asks(gate), lambda seen: said(gate, seen).verdict is Verdict.UNAVAILABLE, own=True)
    assert words in said(gate, found).message


async def test_a_name_can_be_nothing_but_a_name(client: PrometheusClient) -> None:
    gate = own_gate("own", 3, value='drift_score{version="{{version}}"}')
    hostile = '1.0.0"} or drift_score{version="1.1.0'
    found = await until(
        client, asks(gate, version=hostile), lambda seen: said(gate, seen).verdict is Verdict.UNAVAILABLE, own=True
    )

    assert "it gives no series" in said(gate, found).message


async def test_numbers_that_are_none_are_no_numbers(client: PrometheusClient) -> None:
    gate = own_gate("own", 3, value='drift_score{version="{{version}}"} / 0 * 0')
    await until(client, asks(gate), lambda seen: "no number yet" in said(gate, seen).message, own=True)


async def test_predictions_are_counted_by_class_beside_stables(
    client: PrometheusClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predictions, "_STEP", 1)
    monkeypatch.setattr(predictions, "OVERLAP", 1)
    began = time.time()
    beside = Beside(stable=OLD, since=began, errs=Errs(alpha=0.001, beta=0.05))
    question = Question(seconds=60, edges=frozenset(), beside=beside)
    counting = PredictionCounts(client=client, watched=lambda: {NEW: question}, clock=time.time)

    def verdict() -> GateResult:
        seen = Evidence(errors=History(since=0, pods=()), slower={}, predictions=counting.said(NEW, question))
        return judge(MOVED, seen, step_started_at=began, now=time.time())

    async with asyncio.timeout(SECONDS):
        while verdict().verdict is not Verdict.FAIL:
            await counting.ask()
            await asyncio.sleep(0.2)

    assert 'most of all "spam": 90.0% beside 10.0%' in verdict().message
    assert verdict().value == pytest.approx(3.5, abs=0.3)


async def test_a_pod_with_more_classes_than_can_be_compared_is_not_asked_for(
    client: PrometheusClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = int(time.time())
    asked = {"start": now - 5, "end": now, "step": 1, "seconds": 5.0}
    assert await client.over_time(predictions.query([NEW]), **asked)

    monkeypatch.setattr(predictions, "MOST_CLASSES", 1)
    assert await client.over_time(predictions.query([NEW]), **asked) == []

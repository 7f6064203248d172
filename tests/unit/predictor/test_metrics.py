"""The metrics' names, labels and zeros are a contract with whoever compares versions."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from prometheus_client import CollectorRegistry

from sluice_predictor.metrics import DURATION_EDGES, MAX_LABELS, Metrics, Protocol, Traffic
from sluice_predictor.tasks import Answer


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def metrics(registry: CollectorRegistry) -> Metrics:
    return Metrics(registry=registry, labels=["debit", "credit"])


def answer(label: str, *, tokens: int) -> Answer:
    return Answer(prediction={}, tokens=tokens, labels=[(label, 0.75)])


@pytest.mark.parametrize("protocol", ["v1", "v2", "grpc"])
@pytest.mark.parametrize("code", ["200", "400", "422", "429", "500", "503", "504"])
def test_the_first_error_is_an_increase(
    registry: CollectorRegistry, metrics: Metrics, protocol: str, code: str
) -> None:
    labels = {"protocol": protocol, "code": code, "traffic": "live"}

    assert registry.get_sample_value("sluice_requests_total", labels) == 0

    metrics.request(protocol=Protocol(protocol), code=int(code), traffic=Traffic.LIVE, seconds=0.02)
    assert registry.get_sample_value("sluice_requests_total", labels) == 1


@pytest.mark.parametrize("edge", DURATION_EDGES)
def test_the_durations_of_live_traffic_have_every_edge_from_the_start(
    registry: CollectorRegistry, metrics: Metrics, edge: float
) -> None:
    labels = {"traffic": "live", "le": str(edge)}

    assert registry.get_sample_value("sluice_request_duration_seconds_bucket", labels) == 0
    metrics.request(protocol=Protocol.V1, code=200, traffic=Traffic.LIVE, seconds=edge)
    assert registry.get_sample_value("sluice_request_duration_seconds_bucket", labels) == 1


@pytest.mark.parametrize(
    ("header", "traffic"),
    [("shadow", "shadow"), ("synthetic", "synthetic"), ("", "live"), ("Shadow", "live"), ("x", "live")],
)
def test_only_the_routes_own_words_are_not_live(header: str, traffic: str) -> None:
    assert Traffic.of(header) == traffic


def test_answers_are_counted_by_label_and_length(registry: CollectorRegistry, metrics: Metrics) -> None:
    metrics.answers(
        [answer("debit", tokens=8), answer("debit", tokens=9), answer("debit", tokens=600)], traffic=Traffic.LIVE
    )

    assert registry.get_sample_value("sluice_predictions_total", {"label": "debit"}) == 3
    assert registry.get_sample_value("sluice_predictions_total", {"label": "credit"}) == 0
    bins = {
        edge: registry.get_sample_value("sluice_input_bin_total", {"feature": "tokens", "bin": edge})
        for edge in ("8", "16", "32", "+Inf")
    }
    assert bins == {"8": 1, "16": 1, "32": 0, "+Inf": 1}
    assert registry.get_sample_value("sluice_prediction_score_sum") == 2.25


def test_a_text_of_several_labels_or_none_counts_each(registry: CollectorRegistry, metrics: Metrics) -> None:
    metrics.answers(
        [
            Answer(prediction={}, tokens=1, labels=[("debit", 0.9), ("credit", 0.6)]),
            Answer(prediction={"embedding": [0.5]}, tokens=1),
        ],
        traffic=Traffic.LIVE,
    )

    for label in ("debit", "credit"):
        assert registry.get_sample_value("sluice_predictions_total", {"label": label}) == 1
    assert registry.get_sample_value("sluice_prediction_score_count") == 2
    assert registry.get_sample_value("sluice_input_bin_total", {"feature": "tokens", "bin": "8"}) == 2


def test_a_model_of_many_labels_has_few_series() -> None:
    registry = CollectorRegistry()
    labels = [f"label-{number}" for number in range(2 * MAX_LABELS)]
    metrics = Metrics(registry=registry, labels=labels)
    before = len(list(series(registry)))

    metrics.answers([answer(label, tokens=1) for label in (*labels, "unheard of")], traffic=Traffic.LIVE)

    assert len(list(series(registry))) == before
    assert registry.get_sample_value("sluice_predictions_total", {"label": "label-99"}) == 1
    assert registry.get_sample_value("sluice_predictions_total", {"label": "(other)"}) == MAX_LABELS + 1


def series(registry: CollectorRegistry) -> Iterator[str]:
    for metric in registry.collect():
        yield from (f"{sample.name}{sample.labels}" for sample in metric.samples)


def test_a_lost_engine_and_events_are_counted_from_zero(registry: CollectorRegistry, metrics: Metrics) -> None:
    names = ("sluice_engine_restarts_total", "sluice_events_sent_total", "sluice_events_dropped_total")
    assert [registry.get_sample_value(name) for name in names] == [0, 0, 0]

    metrics.lost()
    metrics.events_sent(2)
    metrics.events_dropped(3)

    assert [registry.get_sample_value(name) for name in names] == [1, 2, 3]


def test_every_request_is_counted_whatever_thread_counts_it(registry: CollectorRegistry, metrics: Metrics) -> None:
    def count(_: int) -> None:
        metrics.request(protocol=Protocol.GRPC, code=200, traffic=Traffic.LIVE, seconds=0.01)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(count, range(4000)))

    labels = {"protocol": "grpc", "code": "200", "traffic": "live"}
    assert registry.get_sample_value("sluice_requests_total", labels) == 4000
    assert registry.get_sample_value("sluice_request_duration_seconds_count", {"traffic": "live"}) == 4000


def test_synthetic_answers_do_not_distort_the_distribution(registry: CollectorRegistry, metrics: Metrics) -> None:
    metrics.answers([answer("debit", tokens=8)], traffic=Traffic.SYNTHETIC)

    assert registry.get_sample_value("sluice_predictions_total", {"label": "debit"}) == 0


def test_the_process_says_what_it_serves(registry: CollectorRegistry, metrics: Metrics) -> None:
    info = {"model": "sms", "version": "1.0.0", "digest": "sha256:0", "engine": "torch", "precision": "fp32"}

    metrics.loaded(**info, seconds=1.5)

    assert registry.get_sample_value("sluice_model_info", info) == 1
    assert registry.get_sample_value("sluice_model_load_seconds") == 1.5

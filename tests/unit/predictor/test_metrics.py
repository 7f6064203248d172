"""The metrics' names, labels and zeros are a contract with whoever compares versions."""

import pytest
from prometheus_client import CollectorRegistry

from sluice_predictor.metrics import DURATION_EDGES, Metrics, Traffic
from sluice_predictor.protocol import Protocol
from sluice_predictor.tasks import Answer


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def metrics(registry: CollectorRegistry) -> Metrics:
    return Metrics(registry=registry, labels=["debit", "credit"])


def answer(label: str, *, tokens: int) -> Answer:
    return Answer(prediction={"label": label, "score": 0.75, "entities": []}, tokens=tokens)


@pytest.mark.parametrize("protocol", ["v1", "v2"])
@pytest.mark.parametrize("code", ["200", "400", "500"])
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


def test_synthetic_answers_do_not_distort_the_distribution(registry: CollectorRegistry, metrics: Metrics) -> None:
    metrics.answers([answer("debit", tokens=8)], traffic=Traffic.SYNTHETIC)

    assert registry.get_sample_value("sluice_predictions_total", {"label": "debit"}) == 0


def test_the_process_says_what_it_serves(registry: CollectorRegistry, metrics: Metrics) -> None:
    info = {"model": "sms", "version": "1.0.0", "digest": "sha256:0", "engine": "torch", "precision": "fp32"}

    metrics.loaded(**info, seconds=1.5)

    assert registry.get_sample_value("sluice_model_info", info) == 1
    assert registry.get_sample_value("sluice_model_load_seconds") == 1.5

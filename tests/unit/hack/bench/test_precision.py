"""What our server computes with is taken from its metrics, and never guessed."""

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from hack.bench.errors import BenchError
from hack.bench.predictor.precision import stated
from sluice_predictor.metrics import Metrics


@pytest.fixture
def metrics():
    registry = CollectorRegistry()
    return registry, Metrics(registry=registry, labels=["other"])


def test_it_is_what_the_server_says(metrics):
    registry, server = metrics
    server.loaded(model="classifier", version="1.0.0", digest="sha256:0", engine="torch", precision="int8", seconds=1.0)

    assert stated(generate_latest(registry).decode()) == "int8"


def test_a_server_that_has_loaded_nothing_says_nothing(metrics):
    registry, _ = metrics

    with pytest.raises(BenchError, match="no sluice_model_info"):
        stated(generate_latest(registry).decode())

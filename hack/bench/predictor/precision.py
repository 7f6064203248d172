"""What our server computes with: it chooses at load, and says so in its metrics."""

from __future__ import annotations

import urllib.request

from prometheus_client.parser import text_string_to_metric_families

from hack.bench.errors import BenchError
from hack.bench.predictor.running import Running

_FAMILY = "sluice_model_info"
_TIMEOUT_S = 30


def precision(server: Running) -> str:
    """Ask the server, which must be awake.

    Raises:
        BenchError: It does not say.
    """
    with urllib.request.urlopen(server.metrics_url, timeout=_TIMEOUT_S) as response:  # noqa: S310  # loopback
        return stated(response.read().decode())


def stated(metrics: str) -> str:
    """Return the precision that a scrape states.

    Raises:
        BenchError: It states none.
    """
    for family in text_string_to_metric_families(metrics):
        if family.name == _FAMILY:
            for sample in family.samples:
                return sample.labels["precision"]
    raise BenchError(f"our server's metrics have no {_FAMILY}")

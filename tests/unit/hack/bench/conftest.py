"""Rows of the benchmark's table, and a whole run's results."""

import pytest

from hack.bench.predictor.agreement import Agreement
from hack.bench.predictor.figures import HALF_LOAD, OVERLOAD, Found
from hack.bench.predictor.results import Load, merge

RATES = {
    "minilm c1": {"kserve": 50, "fastapi": 20, "litserve": 30, "bentoml": 40, "sluice": 200},
    "minilm c8": {"kserve": 50, "fastapi": 20, "litserve": 80, "bentoml": 60, "sluice": 320},
    "minilm c32": {"kserve": 40, "fastapi": 10, "litserve": 70, "bentoml": 50, "sluice": 400},
    "bert c8": {"kserve": 10, "fastapi": 4, "litserve": 20, "bentoml": 12, "sluice": 50},
    "constant c32": {"kserve": 1000, "sluice": 5000},
    "sms c100": {"sluice": 2000},
}


def make_row(cell, server, rate, **changes):
    sent = changes.pop("sent_per_s", rate)
    values = {"codes": {200: 500}, "p50_ms": 1.0, "p95_ms": 8.0, "p99_ms": 9.0, "refused_p99_ms": None, **changes}
    one = Load(requests=500, sent_per_s=sent, ok_per_s=rate, cpu_ms=2.5, **values)
    return merge([one], cell=cell, server=server, rss_mb=640.0)


@pytest.fixture
def row():
    return make_row


@pytest.fixture
def found():
    """A run in which everything was measured."""
    rows = [make_row(cell, server, rate) for cell, rates in RATES.items() for server, rate in rates.items()]
    rows += [
        make_row(HALF_LOAD, "kserve", 25, p99_ms=60.0),
        make_row(HALF_LOAD, "sluice", 25, p99_ms=15.0),
        make_row(OVERLOAD, "sluice", 380, sent_per_s=796, codes={200: 240, 503: 260}, refused_p99_ms=12.5),
    ]
    return Found(
        rows=rows,
        agreements=[Agreement("kserve", 2000, 1.0, 0.0), Agreement("sluice", 2000, 0.9985, 0.0123)],
        starts={"kserve": 9.5, "sluice": 4.2},
        precisions={"minilm": "int8", "bert": "bf16"},
        sms_errors=0,
        soak_growth_mb=7.5,
        image_mb=900.0,
    )

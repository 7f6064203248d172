"""How many more requests it takes is said while they come."""

import numpy as np
import pytest

from sluice_operator.analysis.eprocess import Comparisons, Evidence
from sluice_operator.analysis.odds import Tick
from sluice_operator.analysis.outlook import requests_to_clear
from sluice_operator.analysis.readings import log_evidence_clear

GOOD, SILENT = (1, 100, 9, 900), (0, 100, 0, 900)


def nothing_seen(*, rows=1, negligible=0.0, dispersion=1.0):
    return Evidence.none(
        Comparisons(
            tolerance=np.ones(rows),
            worse_by=np.full(rows, 2.0),
            dispersion=np.full(rows, dispersion),
            negligible=np.full(rows, negligible),
            starts=np.ones(rows, dtype=np.int64),
        )
    ).begin(range(rows))


def left(row, *, ticks, negligible=0.0, dispersion=1.0, factor=2.0):
    evidence = nothing_seen(negligible=negligible, dispersion=dispersion)
    counts = [np.array([count]) for count in (row[1], row[0], row[3], row[2])]
    for at in range(ticks):
        evidence = evidence.after(Tick(np.full(1, float(at)), *counts))
    return requests_to_clear(evidence, factor=np.full(1, factor), beta=np.full(1, 0.05))[0]


@pytest.mark.parametrize(
    ("row", "asked"),
    [(GOOD, {}), (GOOD, {"dispersion": 2.0}), (GOOD, {"factor": 5.0}), (SILENT, {"negligible": 0.005})],
)
def test_it_is_what_a_good_version_then_needs(row, asked):
    seen = next(ticks for ticks in range(1, 200) if left(row, ticks=ticks, **asked) == 0)

    said = left(row, ticks=seen // 2, **asked)

    assert seen > 1
    assert said == pytest.approx((seen - seen // 2) * 100, rel=0.5)


def test_a_version_that_does_worse_needs_more():
    assert left((3, 100, 9, 900), ticks=5) > left(GOOD, ticks=5)


@pytest.mark.parametrize(
    ("row", "asked"),
    [
        (SILENT, {}),
        ((0, 0, 9, 900), {}),
        ((0, 0, 0, 900), {"negligible": 0.01}),
        ((1, 100, 0, 0), {}),
    ],
)
def test_what_cannot_become_clear_needs_more_than_will_ever_come(row, asked):
    assert left(row, ticks=3, **asked) == np.inf


def test_a_version_with_too_many_failures_to_be_negligible_is_cleared_by_comparing():
    usual = (5, 100, 45, 900)

    assert left(usual, ticks=1) < left(usual, ticks=1, negligible=0.01) < np.inf


def test_requests_that_are_alone_in_their_spans_are_not_counted_on():
    """Five requests come within a span, of which the candidate gets one in every fourth."""
    generator = np.random.default_rng(4)
    rows, factor, beta = 200, np.full(200, 2.0), np.full(200, 1e-30)

    def drawn(mean):
        total = generator.poisson(mean, rows)
        return total, generator.binomial(total, 0.05)

    evidence, told = nothing_seen(rows=rows), []
    for half in range(2):
        for span in range(300):
            evidence = evidence.after(Tick(np.full(rows, 300.0 * half + span), *drawn(0.25), *drawn(4.75)))
        needed = requests_to_clear(evidence, factor=factor, beta=beta)
        wealth = log_evidence_clear(evidence, worse_by=factor)
        told.append((needed.mean(), wealth.mean(), evidence.counts[:, 0].mean()))

    (needed, wealth, requests), (_, later, then) = told
    earned = (later - wealth) / (then - requests)
    assert needed == pytest.approx((np.log(1e30) - wealth) / earned, rel=0.15)

"""Spans that fit a quiet service tell sooner than short ones, and take back no more good versions."""

from hack.bench.verdicts.quiet import gains


def test_spans_that_fit_gain_for_good_versions_and_for_bad_ones():
    good, bad = gains(1.0, 3.0, runs=30)

    assert good.fitting.minutes[0] < good.short.minutes[0]
    assert good.fitting.rolled_back <= 0.05 + 3 * (0.05 * 0.95 / 30) ** 0.5
    assert bad.fitting.requests < bad.short.requests
    assert bad.fitting.rolled_back >= 0.9

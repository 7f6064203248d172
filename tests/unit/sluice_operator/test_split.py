"""That requests do not divide by the weights is said where it is so, and not where chance or flocks make it look so."""

import numpy as np
import pytest

from sluice_operator.analysis.split import Split

WEIGHTS = (0.05, 0.10, 0.25, 0.50)


def counted(candidates, totals):
    split = Split()
    for candidate, total in zip(candidates.tolist(), totals.tolist(), strict=True):
        split = split.after(candidate=candidate, stable=total - candidate)
    return split


def drawn(generator, *, share, requests=100, spans=60, flock=1):
    """Spans with so many requests, of which always `flock` go to the same version."""
    return flock * generator.binomial(requests // flock, share, spans), np.full(spans, requests // flock * flock)


def fires(generator, *, weight, alpha, **how):
    """Whether it is ever said while spans come."""
    split, ever = Split(), False
    for candidate, total in zip(*(part.tolist() for part in drawn(generator, **how)), strict=True):
        split = split.after(candidate=candidate, stable=total - candidate)
        ever = ever or split.differs(weight, alpha=alpha)
    return ever


def test_twelve_percent_where_five_are_wanted_are_seen_after_some_hundred_requests():
    split = counted(*drawn(np.random.default_rng(1), share=0.12, requests=40, spans=30))

    assert split.differs(0.05, alpha=0.001)
    assert split.share == pytest.approx(0.12, rel=0.2)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.035, 0.2, 1.0])
def test_less_is_seen_as_more_is(share):
    assert counted(*drawn(np.random.default_rng(2), share=share)).differs(0.05, alpha=0.001)


@pytest.mark.parametrize("flock", [1, 5])
def test_a_gateway_that_divides_by_the_weights_is_called_wrong_no_more_often_than_that(flock):
    """Over whole rollouts of four steps, whose parts of alpha add up; looked at in every span."""
    generator, runs, alpha = np.random.default_rng(3), 400, 0.08

    wrong = sum(
        any(fires(generator, weight=weight, alpha=alpha / 4, share=weight, flock=flock) for weight in WEIGHTS)
        for _ in range(runs)
    )

    assert wrong / runs <= alpha + 3 * np.sqrt(alpha * (1 - alpha) / runs)


def test_flocks_are_seen_as_such_and_need_as_many_more_requests():
    generator = np.random.default_rng(4)

    alone, flocks = (counted(*drawn(generator, share=0.1, requests=500, flock=flock)) for flock in (1, 10))

    assert alone.dispersion == pytest.approx(1, abs=0.4)
    assert flocks.dispersion == pytest.approx(10, rel=0.5)


def test_few_spans_say_nothing():
    few, more = (counted(*drawn(np.random.default_rng(5), share=0.5, spans=spans)) for spans in (19, 20))

    assert not few.differs(0.05, alpha=0.1)
    assert more.differs(0.05, alpha=0.1)


def test_few_requests_say_nothing():
    assert not counted(*drawn(np.random.default_rng(6), share=0.12, requests=1, spans=30)).differs(0.05, alpha=0.005)


def test_what_is_off_by_little_does_not_matter_however_many_requests_show_it():
    candidates, totals = np.full(60, 55_000), np.full(60, 1_000_000)

    assert not counted(candidates, totals).differs(0.05, alpha=0.1)
    assert not counted(candidates, totals).differs(0.06, alpha=0.1)
    assert counted(candidates, totals).differs(0.04, alpha=0.0001)


def test_spans_without_requests_do_not_count():
    assert Split().after(candidate=0, stable=0) == Split()
    assert (Split().share, Split().dispersion, Split().differs(0.5, alpha=0.5)) == (0.0, 1.0, False)

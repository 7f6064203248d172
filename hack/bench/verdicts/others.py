"""What other methods say of the same traffic: tests on totals, and the rules of other rollout tools.

Each is re-derived from its paper or from its tool's documented behaviour, and says at which looks it would take the
candidate back. None of them is run by the operator.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.stats import norm

from hack.bench.verdicts import looks
from hack.bench.verdicts.kayenta import kayenta
from hack.bench.verdicts.product import ALPHA
from hack.bench.verdicts.traffic import BASE, Traffic
from sluice_operator.analysis.odds import BoolArray, FloatArray

Method = Callable[[Traffic], BoolArray]
"""At which looks it takes each row's candidate back, shape (rows, looks)."""

_FLAGGER_SHARE, _FLAGGER_CHECKS = 0.03, 5
_ARGO_SHARE = 0.10


@dataclass(frozen=True, slots=True)
class _Totals:
    """The difference between the shares of bad requests so far, and its variance where the versions are the same."""

    difference: FloatArray
    variance: FloatArray

    @classmethod
    def of(cls, traffic: Traffic) -> "_Totals":
        n, x, m, y = (
            np.cumsum(counts, axis=1)
            for counts in (traffic.candidate, traffic.candidate_bad, traffic.stable, traffic.stable_bad)
        )
        pooled = (x + y) / (n + m)
        return cls(difference=x / n - y / m, variance=pooled * (1 - pooled) * (1 / n + 1 / m))

    @property
    def z(self) -> FloatArray:
        scale = np.sqrt(self.variance)
        return np.divide(self.difference, scale, out=np.zeros_like(scale), where=scale > 0)


def z_at_the_end(traffic: Traffic) -> BoolArray:
    """The two-proportion z-test, one-sided, at the last look alone: what it is made for."""
    found = z_at_every_look(traffic)
    found[:, :-1] = False
    return found


def z_at_every_look(traffic: Traffic) -> BoolArray:
    """The same test, stopped at the first look at which it is significant."""
    return np.asarray(_Totals.of(traffic).z > norm.isf(ALPHA))


def obrien_fleming(traffic: Traffic) -> BoolArray:
    """A group-sequential test: Lan and DeMets' spending of O'Brien and Fleming's kind over the planned looks."""
    return np.asarray(_Totals.of(traffic).z > _boundary(traffic.candidate.shape[1]))


@cache
def _boundary(count: int) -> FloatArray:
    times = [look / count for look in range(1, count + 1)]
    return np.array(looks.boundary(times, ALPHA, looks.obrien_fleming))


def msprt(traffic: Traffic) -> BoolArray:
    """The mixture sequential probability ratio test of Johari et al. 2017: a normal mixture, two-sided.

    Its scale is the difference that doubles the base rate, and the variance is plugged in. Back where it is worse.
    """
    totals, scale = _Totals.of(traffic), BASE**2
    both = totals.variance + scale
    with np.errstate(divide="ignore", invalid="ignore"):
        log_ratio = 0.5 * np.log(totals.variance / both)
        log_ratio += scale * totals.difference**2 / (2 * totals.variance * both)
    return np.asarray((np.nan_to_num(log_ratio, nan=-np.inf) > np.log(1 / ALPHA)) & (totals.difference > 0))


def flagger(traffic: Traffic) -> BoolArray:
    """A success rate of less than 97 % in five checks of a minute, in a row or not, as Flagger counts them."""
    failed = traffic.candidate_bad > _FLAGGER_SHARE * traffic.candidate
    return np.asarray(np.cumsum(failed, axis=1) >= _FLAGGER_CHECKS)


def argo(traffic: Traffic) -> BoolArray:
    """More than 10 % errors in one check of a minute: a failure condition of Argo Rollouts with failureLimit 0."""
    return np.asarray(traffic.candidate_bad > _ARGO_SHARE * traffic.candidate)


METHODS: Mapping[str, Method] = {
    "z, one look at the end": z_at_the_end,
    "z, at each of 60 looks": z_at_every_look,
    "mSPRT": msprt,
    "O'Brien-Fleming, 60 looks": obrien_fleming,
    "Kayenta's judge, 12 looks": kayenta,
    "success < 97 % five times": flagger,
    "errors > 10 % once": argo,
}
ON_TOTALS = tuple(METHODS)[:4]
"""Those that add up what was counted under other weights."""

"""Kayenta's default judge, re-derived: the Mann-Whitney test on the error rates of single minutes.

A metric is High, and the candidate fails, where the lower end of the interval of the shift between the versions' points
is above a quarter of the Hodges-Lehmann estimate. Confidence and fraction are those that NetflixACAJudge-v1.0 has in
its code. It is judged every five minutes over all minutes so far. The interval is R's asymptotic one for two samples,
with corrections for ties and continuity; its ends are order statistics of the pairwise differences.
"""

import numpy as np
from scipy.stats import norm

from hack.bench.verdicts.traffic import Traffic
from sluice_operator.analysis.odds import BoolArray, FloatArray

_CONFIDENCE = 0.98
_FRACTION = 0.25
_EVERY = 5


def kayenta(traffic: Traffic) -> BoolArray:
    """At which looks it fails each row's candidate, shape (rows, looks)."""
    points, control = traffic.candidate_bad / traffic.candidate, traffic.stable_bad / traffic.stable
    found = np.zeros(points.shape, dtype=bool)
    for look in range(_EVERY - 1, points.shape[1], _EVERY):
        found[:, look] = _high(points[:, : look + 1], control[:, : look + 1])
    return found


def _high(points: FloatArray, control: FloatArray) -> BoolArray:
    """Whether each row's points are higher than its control's."""
    rows, count = points.shape
    pairs = count * count
    differences = np.sort((points[:, :, None] - control[:, None, :]).reshape(rows, pairs), axis=1)
    half_width = norm.isf((1 - _CONFIDENCE) / 2) * _deviation(points, control) + 0.5
    place = np.clip(np.floor(pairs / 2 - half_width).astype(np.int64), 0, pairs - 1)
    low = np.take_along_axis(differences, place[:, None], axis=1)[:, 0]
    return np.asarray(low > _FRACTION * np.abs(np.median(differences, axis=1)))


def _deviation(points: FloatArray, control: FloatArray) -> FloatArray:
    """Standard deviation of the rank sum, ties within each version taken into account."""
    count = points.shape[1]
    ties = sum(((arm[:, :, None] == arm[:, None, :]).sum(axis=2) ** 2 - 1).sum(axis=1) for arm in (points, control))
    both = 2 * count
    deviation: FloatArray = np.sqrt(count * count / 12 * (both + 1 - ties / (both * (both - 1))))
    return deviation

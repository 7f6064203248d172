"""Evidence as JSON, one value per comparison, and back.

A step begins with evidence as it is written here (`Evidence.begin` rounds to the same seven digits): an operator that
starts again in the middle of a step reads this, replays the step's ticks, and comes to where it was. About one kilobyte
per comparison.
"""

import base64
import binascii
from typing import Any

import numpy as np

from .eprocess import COLUMNS, Comparisons, Evidence
from .odds import FloatArray

_MOST = 10**15
"""Requests that evidence may be about at most: sums of more would not be exact."""


def written(evidence: Evidence) -> list[dict[str, Any]]:
    """Each row of the evidence as a value that JSON can hold."""
    return [_row(evidence, row) for row in range(len(evidence.through))]


def read(values: list[dict[str, Any]]) -> Evidence:
    """Evidence from what `written` gave, one row per value.

    Raises:
        ValueError: A value is not evidence.
    """
    try:
        return Evidence(
            comparisons=Comparisons(
                tolerance=np.array([float(v["tolerance"]) for v in values]),
                worse_by=np.array([float(v["worseBy"]) for v in values]),
                dispersion=np.array([float(v["dispersion"]) for v in values]),
                negligible=np.array([float(v["negligible"]) for v in values]),
                starts=np.array([int(v["starts"]) for v in values], dtype=np.int64),
            ),
            likelihood=_rows([_finite(_unpacked(v["likelihood"])) for v in values]),
            wealth=_rows([_unpacked(v["wealth"]) for v in values]),
            started=np.array([_count(v["started"], most=v["starts"]) for v in values], dtype=np.int64),
            counts=np.array([_counts(v["counts"]) for v in values], dtype=np.int64).reshape(len(values), 4),
            excess=np.array([_pair(v["excess"]) for v in values]).reshape(len(values), 2),
            through=np.array([-np.inf if v["through"] is None else float(v["through"]) for v in values]),
        )
    except (KeyError, TypeError, OverflowError) as error:
        raise ValueError(f"not evidence: {error!r}") from error


def _row(evidence: Evidence, row: int) -> dict[str, Any]:
    comparisons, through = evidence.comparisons, float(evidence.through[row])
    return {
        "tolerance": float(comparisons.tolerance[row]),
        "worseBy": float(comparisons.worse_by[row]),
        "dispersion": float(comparisons.dispersion[row]),
        "negligible": float(comparisons.negligible[row]),
        "starts": int(comparisons.starts[row]),
        "started": int(evidence.started[row]),
        "likelihood": _packed(evidence.likelihood[row]),
        "wealth": _packed(evidence.wealth[row]),
        "counts": [int(count) for count in evidence.counts[row]],
        "excess": [float(part) for part in evidence.excess[row]],
        "through": through if np.isfinite(through) else None,
    }


def _packed(values: FloatArray) -> str:
    return base64.b64encode(values.astype("<f4").tobytes()).decode()


def _unpacked(text: str) -> FloatArray:
    try:
        values = np.frombuffer(base64.b64decode(text, validate=True), dtype="<f4").astype(np.float64)
    except binascii.Error as error:
        raise ValueError(f"not evidence: {error}") from error
    if values.shape != (COLUMNS,) or not (values < np.inf).all():
        raise ValueError(f"not evidence: expected {COLUMNS} numbers")
    return values


def _finite(values: FloatArray) -> FloatArray:
    if not np.isfinite(values).all():
        raise ValueError("not evidence: a likelihood that is not finite")
    return values


def _rows(rows: list[FloatArray]) -> FloatArray:
    return np.stack(rows) if rows else np.zeros((0, COLUMNS))


def _count(value: Any, *, most: int) -> int:
    if not 0 <= int(value) <= most:
        raise ValueError(f"not evidence: {value} is not within 0 and {most}")
    return int(value)


def _counts(value: Any) -> list[int]:
    candidate, candidate_bad, stable, stable_bad = (int(count) for count in value)
    if not (0 <= candidate_bad <= candidate <= _MOST and 0 <= stable_bad <= stable <= _MOST):
        raise ValueError(f"not evidence: {value} are no counts")
    return [candidate, candidate_bad, stable, stable_bad]


def _pair(value: Any) -> list[float]:
    difference, weight = (float(part) for part in value)
    if not abs(difference) <= weight <= _MOST:
        raise ValueError(f"not evidence: {value} is no mean")
    return [difference, weight]

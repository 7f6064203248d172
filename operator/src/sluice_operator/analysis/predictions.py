"""How far a candidate's predictions have moved from stable's, looked at while they come.

Both versions' predictions are counted by class from the beginning of a step on, during which each gets the same part of
the requests all the time: only then may what came at different times be added up. It is looked at whenever both have
twice as many as at the look before, and the looks share what they may err, so that nobody need ask how often one looks.
After an hour counting begins anew: what breaks late must not be hidden by what was good before.

How much predictions vary more than independent ones, for many may come in one request or from one client, is measured
in the same counts: it is what is left of the differences between the two versions, cell of time by cell, when the one
difference between them all is taken off. A cell ends when both versions have predicted something.

All of it follows from what was counted and when, and from nothing else: told the same again, it says the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import log2

import numpy as np

from .drift import LEAST, Dispersion, Drift, drift, needed, part_of_alpha
from .odds import FloatArray

BLOCK = 3600.0
"""Seconds after which counting begins anew."""
_LOOKS = 12
"""Looks within a block at most: up to 400,000 predictions of the version that has fewer."""
_RARE = 10
"""Classes of fewer predictions, of both versions together, are one: how the index varies is not known there."""
_MOST_CLASSES, _OTHERS = 256, "(others)"
"""Classes that are counted apart, and the name of all that come after them: who invents some all the time fills no
memory."""
_LEAST_FREEDOM = 4
"""Degrees of freedom with which the dispersion must be measured."""
_LEAST_FLOCKS = 50
"""Predictions of each version as if they were independent, ten per bin where that is more."""


@dataclass(frozen=True, slots=True)
class Errs:
    """What looks may err in all, within one step."""

    alpha: float
    """Chance that the index is ever said to be greater than it is."""
    beta: float
    """Chance that it is ever said to be less than it is."""


@dataclass(frozen=True, slots=True)
class Moved:
    """What a look said."""

    drift: Drift
    predictions: int
    """The candidate's."""
    stable: int
    """Stable's."""
    most: tuple[str, float, float] | None
    """The class that has moved most, with the candidate's share of it and stable's; None where all is one class."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known by now."""

    since: float
    """When the step began, in Unix seconds."""
    predictions: int
    """The candidate's since counting began."""
    stable: int
    """Stable's."""
    looks_at: int
    """How many of each it takes until it is looked next."""
    said: Moved | None
    """What the last look said, within this block or the one before."""


@dataclass(slots=True)
class _Block:
    """What was counted since a block began."""

    number: int
    counts: dict[str, list[int]] = field(default_factory=dict)
    """By class: the candidate's and stable's."""
    cell: dict[str, list[int]] = field(default_factory=dict)
    """The same since the last cell ended."""
    spread: float = 0.0
    """Sum of the cells' chi-squares."""
    freedom: int = 0
    """Sum of their degrees of freedom."""
    looks: int = 0
    """The last look's number."""


class Predictions:
    """The predictions of a candidate and of stable, since a step began."""

    def __init__(self, *, began: float, errs: Errs) -> None:
        """Count from `began` on, in Unix seconds."""
        self._began = began
        self._errs = errs
        self._block = _Block(number=0)
        self._said_in = 0
        self._said: Moved | None = None

    @property
    def seen(self) -> Seen:
        """What is known by now."""
        block = self._block
        looks_at = max(LEAST * 2**block.looks, needed(len(_bins(block.counts)[0])))
        return Seen(self._began, *_sums(block.counts), looks_at, self._said)

    def take(self, at: float, candidate: Mapping[str, int], stable: Mapping[str, int]) -> None:
        """Count what was predicted up to a moment, since the one before it, by class.

        Args:
            at: In Unix seconds, later than what was taken before.
            candidate: The candidate's predictions.
            stable: Stable's.
        """
        number = int(max(0.0, at - self._began) // BLOCK)
        if number != self._block.number:
            self._block = _Block(number=number)
            if number - self._said_in > 1:
                self._said = None
        block = self._block
        for arm, told in enumerate((candidate, stable)):
            for name, count in told.items():
                label = name if name in block.counts or len(block.counts) < _MOST_CLASSES else _OTHERS
                block.counts.setdefault(label, [0, 0])[arm] += count
                block.cell.setdefault(label, [0, 0])[arm] += count
        if min(_sums(block.cell)) > 0:
            spread, freedom = _chi_square(np.array(list(block.cell.values()), dtype=float))
            block.spread, block.freedom, block.cell = block.spread + spread, block.freedom + freedom, {}
        self._look()

    def _look(self) -> None:
        """Look where there are twice as many as at the look before."""
        block, fewest = self._block, min(_sums(self._block.counts))
        look = int(log2(fewest / LEAST)) + 1 if fewest >= LEAST else 0
        if not block.looks < look <= _LOOKS:
            return
        block.looks = look
        found = self._found(look=block.number * _LOOKS + look)
        if found is not None:
            self._said, self._said_in = found, block.number

    def _found(self, *, look: int) -> Moved | None:
        (candidate, stable), counts = _sums(self._block.counts), self._block.counts
        sample, reference = _bins(counts)
        if len(sample) < 2:
            return Moved(Drift(0.0, 0.0, 0.0, 0.0), candidate, stable, most=None)
        dispersion = self._dispersion()
        least = max(_LEAST_FLOCKS, 10 * len(sample))
        if dispersion is None or min(candidate, stable) < least * dispersion.ratio:
            return None
        found = drift(
            sample,
            reference,
            low_errs=part_of_alpha(self._errs.alpha, look=look),
            high_errs=part_of_alpha(self._errs.beta, look=look),
            dispersion=dispersion,
        )
        return Moved(found, candidate, stable, most=_most(counts)) if found is not None else None

    def _dispersion(self) -> Dispersion | None:
        """What is left of the cells' chi-squares without that of their sum; None where there are too few."""
        spread, freedom = _chi_square(np.array(list(self._block.counts.values()), dtype=float))
        left = self._block.freedom - freedom
        if left < _LEAST_FREEDOM:
            return None
        return Dispersion(ratio=max(0.0, self._block.spread - spread) / left, freedom=left)


def _sums(counts: Mapping[str, list[int]]) -> tuple[int, int]:
    return sum(both[0] for both in counts.values()), sum(both[1] for both in counts.values())


def _bins(counts: Mapping[str, list[int]]) -> tuple[np.ndarray, np.ndarray]:
    """The predictions of both versions in bins: a class each, and one for all that are rare.

    Which those are does not depend on who predicted them.
    """
    common = [both for both in counts.values() if sum(both) >= _RARE]
    rare = [sum(both[arm] for both in counts.values() if sum(both) < _RARE) for arm in (0, 1)]
    table = np.array([*common, *([rare] if any(rare) else [])], dtype=np.int64).reshape(-1, 2)
    return table[:, 0], table[:, 1]


def _chi_square(table: FloatArray) -> tuple[float, int]:
    """Pearson's statistic of a table of classes by versions, with the variance given its margins; and its freedom.

    On average as great as its degrees of freedom where nothing differs, however few predictions there are.
    """
    table = table[table.sum(axis=1) > 0]
    of_arm, of_class, every = table.sum(axis=0), table.sum(axis=1), table.sum()
    if every < 2 or of_arm.min() == 0:
        return 0.0, 0
    share = of_arm[0] / every
    statistic = ((table[:, 0] - of_class * share) ** 2 / (of_class * share * (1 - share))).sum()
    return float(statistic * (every - 1) / every), len(table) - 1


def _most(counts: Mapping[str, list[int]]) -> tuple[str, float, float]:
    """The class whose part in the index is greatest; of two, the one that the candidate gives more often."""
    candidate, stable = _sums(counts)

    def part(label: str) -> tuple[float, float]:
        p, q = (counts[label][0] + 0.5) / (candidate + 0.5), (counts[label][1] + 0.5) / (stable + 0.5)
        return round(float((p - q) * np.log(p / q)), 9), p - q

    label = max(sorted(counts), key=part)
    return label, counts[label][0] / candidate, counts[label][1] / stable

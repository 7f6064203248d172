"""Which precision a version is served in: the fastest of those that are proven on its calibration.

Float32 comes first and must reproduce the calibration: if it does not, the weights, the libraries or the calibration
are not what they were, and nothing can be served. Every other precision must reproduce all examples too, with room to
spare, or it is passed over. The clock decides among the proven ones alone, so chance can choose between them and never
cost accuracy. A version without a calibration has nothing to prove a precision by, and is served in float32; so is one
for which float32 alone takes long, as a server that is ready late serves nobody.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sluice_predictor.artifact import ArtifactError, Calibration
from sluice_predictor.tasks.base import Item, Precision, PrecisionSetting, Task
from sluice_predictor.tasks.calibration import ask

Build = Callable[[Precision], Task]
"""Makes the version's task at a precision.

Raises:
    ArtifactError: it cannot run at this precision here; the message says what to do.
"""

Clock = Callable[[], float]

PATIENCE = 10.0
"""Seconds within which float32 must be made and proven for others to be tried."""

_MARGIN = 0.5
"""The part of the tolerance that a precision nobody asked for may use up.

Some dozens of examples show the usual differences. The largest over 2,000 texts was measured at twice that of 64.
"""

_TIMED_TEXTS = 8
_LEAST_ROUNDS, _MOST_ROUNDS = 3, 10
_TIMING_SECONDS = 1.0
"""After which no more rounds are begun than are needed to tell a slow precision from a moment when all was slow."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A task that is proven, and the largest difference to the calibration."""

    task: Task
    precision: Precision
    difference: float


def choose(
    build: Build,
    *,
    setting: PrecisionSetting,
    faster: Sequence[Precision],
    calibration: Calibration | None,
    clock: Clock = time.perf_counter,
) -> Task:
    """Return the version's task at the precision that was asked for, proven if there is a calibration.

    Args:
        build: makes the task at a precision.
        setting: what was asked for.
        faster: precisions that may be faster than float32 on this machine.
        calibration: of the version.
        clock: seconds that pass.

    Raises:
        ArtifactError: the version does not reproduce its calibration, or cannot run at the precision asked for.
    """
    if calibration is None:
        precision: Precision = "fp32" if setting == "auto" else setting
        task = build(precision)
        log.info(
            "%s; the version has no calibration to prove a precision by", precision, extra={"precision": precision}
        )
        return task
    begun = clock()
    first = _first(build, "fp32" if setting == "auto" else setting, calibration)
    candidates: dict[Precision, _Candidate | str] = {first.precision: first}
    if setting == "auto" and clock() - begun <= PATIENCE:
        candidates |= {precision: _try(build, precision, calibration) for precision in faster}
    proven = [candidate for candidate in candidates.values() if isinstance(candidate, _Candidate)]
    times = _race([candidate.task for candidate in proven], _timed(calibration), clock=clock)
    chosen = proven[times.index(min(times))]
    _report(chosen.precision, calibration, candidates, times)
    return chosen.task


def _first(build: Build, precision: Precision, calibration: Calibration) -> _Candidate:
    """Make the task at the precision that must reproduce the calibration."""
    task = build(precision)
    reproduction = ask(task, calibration)
    if reproduction.problem is None:
        return _Candidate(task, precision, reproduction.difference)
    reason = "the weights or the libraries are not those that the version was calibrated with"
    if precision != "fp32":
        reason = f"--precision={precision} changes this version's answers; auto takes one that does not"
    raise ArtifactError(f"sluice.json: calibration.{reproduction.problem}: {reason}")


def _try(build: Build, precision: Precision, calibration: Calibration) -> _Candidate | str:
    """Make the task at a faster precision, or say why that is passed over: whatever it is, there is float32."""
    try:
        task = build(precision)
        reproduction = ask(task, calibration)
    except Exception as error:
        return " ".join(str(error).split())[:300] or type(error).__name__
    if reproduction.problem is not None:
        return reproduction.problem
    if reproduction.difference > _MARGIN * calibration.tolerance:
        allowed = f"{_MARGIN:g} of the tolerance {calibration.tolerance:g}"
        return f"differs by {reproduction.difference:.6f} from the calibration, more than {allowed}"
    return _Candidate(task, precision, reproduction.difference)


def _timed(calibration: Calibration) -> list[Item]:
    """Return a batch like those that requests make: texts of all the lengths that the examples have."""
    texts = sorted((example.instance for example in calibration.examples), key=len)
    places = [(2 * number + 1) * len(texts) // (2 * _TIMED_TEXTS) for number in range(_TIMED_TEXTS)]
    return [Item(texts[place]) for place in places]


def _race(tasks: Sequence[Task], items: Sequence[Item], *, clock: Clock) -> list[float]:
    """Return the least seconds that each took for a batch; one alone is not timed.

    They run in turns, so that what slows the machine slows all; and once before, as a batch of a new size is slow.
    """
    if len(tasks) == 1:
        return [0.0]
    for task in tasks:
        task.answer(items)
    best = [math.inf] * len(tasks)
    begun = clock()
    for number in range(_MOST_ROUNDS):
        if number >= _LEAST_ROUNDS and clock() - begun > _TIMING_SECONDS:
            break
        for place, task in enumerate(tasks):
            start = clock()
            task.answer(items)
            best[place] = min(best[place], clock() - start)
    return best


def _report(
    chosen: Precision,
    calibration: Calibration,
    candidates: Mapping[Precision, _Candidate | str],
    times: Sequence[float],
) -> None:
    """Log the choice in one line."""
    left = iter(times)
    told: dict[Precision, dict[str, object]] = {}
    for precision, candidate in candidates.items():
        if isinstance(candidate, str):
            told[precision] = {"problem": candidate}
        else:
            told[precision] = {"difference": round(candidate.difference, 6)}
            if len(times) > 1:
                told[precision]["batch_ms"] = round(next(left) * 1e3, 3)
    log.info(
        "%s reproduces the %d predictions of the calibration within %g",
        chosen,
        len(calibration.examples),
        calibration.tolerance,
        extra={"precision": chosen, "candidates": told},
    )

"""What is rolled out: four kinds of rollout, the traffic of each, and its rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

BOTH, ONE = "zorvexa", "quillmart"
"""A word on which every version fails, and one on which only a version with harm does."""
BASE = 0.05
"""Share of requests that fail by the first of them, whoever answers."""
ALPHA_SAME = 0.001
LANES = 5
RATE = 25.0
"""Requests a second to each model, but for the quiet one."""
QUIET_RATE = 1.0
QUIET_S = 300.0
"""How long the quiet one is watched after its first traffic: far too short for it to know."""

_COMPARED = {"name": "errors", "metric": "error-rate"}
_UP_TO_HALF = ({"weight": 10, "hold": "20s"}, {"weight": 25, "hold": "20s"}, {"weight": 50, "hold": "20s"})


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of rollout.

    Attributes:
        name: As figures name it.
        fails_on: Words on which the candidate fails; stable fails on `BOTH`.
        shares: Share of the texts that have each word.
        rollout: `spec.rollout` of the candidate.
        within: Seconds after which a rollout that has not come to an end is left as it is.
    """

    name: str
    fails_on: Sequence[str]
    shares: Mapping[str, float]
    rollout: Mapping[str, Any]
    within: float


def _rollout(*, steps: Sequence[Mapping[str, Any]], compare: Mapping[str, float], **analysis: float) -> dict[str, Any]:
    """No limit: only the comparison judges. New pods are warm soon, because nobody has used them for anything else."""
    return {
        "steps": list(steps),
        "probation": {"duration": "10s"},
        "readyTimeout": "4m",
        "maxHold": "30m",
        "analysis": {"warmup": "10s", "gates": [{**_COMPARED, "compare": dict(compare)}], **analysis},
    }


SAME = Kind(
    name="same",
    fails_on=(BOTH,),
    shares={BOTH: BASE},
    rollout=_rollout(steps=_UP_TO_HALF, compare={"worseBy": 3.0}, alpha=ALPHA_SAME),
    within=600.0,
)
"""A version against itself, with errors."""
CLEAN = Kind(
    name="clean",
    fails_on=(BOTH,),
    shares={},
    rollout=_rollout(steps=[{"weight": 50, "hold": "20s"}], compare={"negligible": 0.02}, alpha=ALPHA_SAME),
    within=600.0,
)
"""A version against itself, and nobody sends what it fails on."""
HARM = Kind(
    name="harm",
    fails_on=(BOTH, ONE),
    shares={BOTH: BASE, ONE: BASE},
    rollout=_rollout(
        steps=[{"weight": 10, "hold": "20s"}, {"weight": 25, "hold": "5m"}, {"weight": 50, "hold": "5m"}], compare={}
    ),
    within=600.0,
)
"""A version that fails twice as often."""
QUIET = Kind(
    name="quiet",
    fails_on=(BOTH,),
    shares={BOTH: BASE},
    rollout=_rollout(steps=_UP_TO_HALF, compare={"worseBy": 3.0}, alpha=ALPHA_SAME),
    within=QUIET_S,
)
"""A version against itself, where requests are few."""
PROGRAM = (SAME,) * 4 + (CLEAN,) * 2 + (HARM,)
"""What each lane rolls out, one after the other."""

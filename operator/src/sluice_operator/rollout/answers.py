"""Does an answer say what is expected of it?

Only what is expected is looked at: an answer may say more. Texts, whole numbers, truth values and null must be the
same; of two numbers of which one has a fraction, the distance counts. What is told of a difference is short and
printable, whatever the answer is.
"""

import json
import math
from dataclasses import dataclass
from typing import Any

DEEPEST = 64
_SHOWN = 60
_PLACE = 120


@dataclass(frozen=True, slots=True)
class Closeness:
    """How far a number may be from the expected one: the larger of the two."""

    relative: float = 0.0
    absolute: float = 0.0


THOUSANDTH = Closeness(relative=1e-3, absolute=1e-6)
"""For numbers that people write down."""


def first_gap(expected: Any, actual: Any, *, near: Closeness, place: str = "", depth: int = 0) -> str | None:
    """Where an answer first is not as expected, in words; None where it is.

    Args:
        expected: What it must say.
        actual: What it says.
        near: How far numbers may be from the expected ones.
        place: Where in the answer we are, for the words.
        depth: How deep we are.
    """
    if depth > DEEPEST:
        return f"{_at(place)} is nested deeper than {DEEPEST} levels"
    if isinstance(expected, dict) and isinstance(actual, dict):
        pairs = [(f"{place}.{key}" if place else key, key, value) for key, value in expected.items()]
        missing = next((here for here, key, _ in pairs if key not in actual), None)
        if missing is not None:
            return f"{_at(missing)} is missing"
        parts = [(here, value, actual[key]) for here, key, value in pairs]
    elif isinstance(expected, list) and isinstance(actual, list):
        if len(expected) != len(actual):
            return f"{_at(place)} has {len(actual)} elements, expected {len(expected)}"
        parts = [(f"{place}[{n}]", *both) for n, both in enumerate(zip(expected, actual, strict=True))]
    else:
        alike = _alike(expected, actual, near)
        return None if alike else f"{_at(place)} is {_shown(actual)}, expected {_shown(expected)}"
    gaps = (first_gap(one, other, near=near, place=here, depth=depth + 1) for here, one, other in parts)
    return next((gap for gap in gaps if gap is not None), None)


def _alike(expected: Any, actual: Any, near: Closeness) -> bool:
    if _is_number(expected) and _is_number(actual) and float in (type(expected), type(actual)):
        try:
            return math.isclose(expected, actual, rel_tol=near.relative, abs_tol=near.absolute)
        except OverflowError:  # a whole number beyond all fractions
            return False
    return type(expected) is type(actual) and bool(expected == actual)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _at(place: str) -> str:
    return printable(place, _PLACE) or "the answer"


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    text = json.dumps(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."


def printable(text: str, longest: int) -> str:
    """A text of which nobody knows what is in it, so that it can be shown: without what cannot be printed, and cut."""
    return "".join(char if char.isprintable() else "?" for char in text[:longest])

"""What the benchmarks do alike with their figures: round them, hold them against a bound, show them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import quantiles

Figures = dict[str, float | None]
"""None for one that was not measured."""


@dataclass(frozen=True, slots=True)
class Bound:
    """What a figure must be."""

    least: float | None = None
    most: float | None = None

    def holds(self, value: float | None) -> bool:
        """Whether a figure is known and inside."""
        if value is None:
            return False
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)

    def __str__(self) -> str:
        return f"≥ {self.least:g}" if self.least is not None else f"≤ {self.most:g}"


def rounded(figures: Figures) -> Figures:
    """The figures with four places."""
    return {name: value if value is None else round(value, 4) for name, value in figures.items()}


def p99(values: Sequence[float]) -> float | None:
    """The 99th percentile; None of fewer than two."""
    return quantiles(values, n=100, method="inclusive")[98] if len(values) > 1 else None


def judged(
    value: float | None, bound: Bound | None, *, written: Callable[[float], str] = "{:g}".format
) -> tuple[str, str, str]:
    """A figure as people read it: its value, what it must be, and whether it is."""
    text = "not measured" if value is None else written(value)
    if bound is None or value is None:
        return text, str(bound or ""), ""
    return text, str(bound), "yes" if bound.holds(value) else "NO"


def table(figures: Mapping[str, float | None], shown: Callable[[str, float | None], Sequence[str]]) -> str:
    """All figures as a table in Markdown.

    Args:
        figures: By name.
        shown: What `judged` says of one.
    """
    lines = ["| figure | value | must be | is it |", "|---|---:|---|---|"]
    lines += [f"| `{name}` | {' | '.join(shown(name, value))} |" for name, value in figures.items()]
    return "\n".join(lines)

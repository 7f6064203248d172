"""The picture of docs/verdicts.md: what two bets are worth while a good and a bad version have traffic."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from hack.bench.verdicts.product import ALPHA, TOLERANCE, WORSE_BY
from hack.bench.verdicts.traffic import BASE
from hack.picture import drawn
from sluice_operator.analysis.eprocess import Comparisons, Evidence
from sluice_operator.analysis.odds import FloatArray, Tick
from sluice_operator.analysis.readings import log_evidence_clear, log_evidence_worse

HARM, CLEAR, BOUND = "#e45756", "#4c78a8", "#444444"
_WEIGHT = 0.1
_A_MINUTE, _SPANS, _MINUTES = 1200, 12, 10
"""Requests to the model and spans that are counted in a minute, and how long the step is looked at."""
_SEED = 5


@dataclass(frozen=True, slots=True)
class Course:
    """What both bets are worth after each span, as multiples of the money that they began with."""

    minutes: FloatArray
    worse: FloatArray
    clear: FloatArray


def course(times: float) -> Course:
    """Look at a version that fails so many times as often as stable, until one of the bets has been enough."""
    generator = np.random.default_rng(_SEED)
    evidence = Evidence.none(
        Comparisons(
            tolerance=np.array([TOLERANCE]),
            worse_by=np.array([WORSE_BY]),
            dispersion=np.ones(1),
            negligible=np.zeros(1),
            starts=np.ones(1, dtype=np.int64),
        )
    ).begin([0])
    seen = [(0.0, 1.0, 1.0)]
    while len(seen) <= _SPANS * _MINUTES and max(seen[-1][1:]) < 1 / ALPHA:
        evidence = evidence.after(_tick(generator, float(len(seen)), times=times))
        worse, clear = log_evidence_worse(evidence)[0], log_evidence_clear(evidence)[0]
        seen.append((len(seen) / _SPANS, float(np.exp(worse)), float(np.exp(clear))))
    return Course(*np.array(seen).T)


def draw(path: Path) -> None:
    """Write the picture as SVG: text as text, and always the same bytes."""
    with drawn(path, "Evidence over time", size=(10, 3.8)) as figure:
        good, bad = figure.subplots(1, 2, sharey=True)
        _panel(good, course(1.0), "As good as stable: 1 % of its requests fail")
        _panel(bad, course(2.0), "Twice as bad: 2 % of its requests fail")
        good.set_ylabel("worth of each bet")
        handles, labels = good.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)


def _panel(axes: Axes, seen: Course, title: str) -> None:
    axes.plot(seen.minutes, seen.worse, color=HARM, label="that it is worse than stable")
    axes.plot(seen.minutes, seen.clear, color=CLEAR, label=f"that it is not worse by {WORSE_BY:g}")
    axes.axhline(1 / ALPHA, color=BOUND, linewidth=0.8, linestyle="--", label="enough: 20 times the money")
    for values, colour, said in ((seen.worse, HARM, "taken back"), (seen.clear, CLEAR, "clear")):
        if values[-1] >= 1 / ALPHA:
            at = float(seen.minutes[-1]), float(values[-1])
            axes.plot(*at, marker="o", color=colour)
            axes.annotate(said, at, xytext=(8, 4), textcoords="offset points", color=colour)
    axes.set_yscale("log")
    axes.set_ylim(1e-3, 1e2)
    axes.set_xlim(0, _MINUTES)
    axes.set_xlabel("minutes with 10 % of the traffic, 20 requests/s")
    axes.set_title(title, loc="left", fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)


def _tick(generator: np.random.Generator, at: float, *, times: float) -> Tick:
    candidate, stable = (generator.poisson([_A_MINUTE / _SPANS * part]) for part in (_WEIGHT, 1 - _WEIGHT))
    return Tick(
        at=np.array([at]),
        candidate=candidate,
        candidate_bad=generator.binomial(candidate, times * BASE),
        stable=stable,
        stable_bad=generator.binomial(stable, BASE),
    )

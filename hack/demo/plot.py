"""Draws the story: who had the traffic, which errors clients saw, how long they waited."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes

from hack.demo.breach import weight_of
from hack.demo.record import Chapter, Mark, Recording
from hack.demo.report import p95
from hack.picture import drawn

COLOURS = {"1.0.0": "#4c78a8", "1.1.0": "#e45756", "1.2.0": "#eeb13c", "1.3.0": "#54a24b"}
OTHER_COLOUR = "#8a8a8a"
LATENCY_WINDOW_S = 2
"""Seconds of answers behind each point of the latency line; one second has too few for a 95th percentile."""
ERROR_BIN_S = 0.5
"""Width of a bar of errors: narrow, so that errors before a rollback do not seem to reach beyond it."""
TURNS = {"Stable": "promoted", "RolledBack": "rolled back"}


def draw(recording: Recording, chapters: Sequence[Chapter], path: Path) -> None:
    """Write the picture as SVG: text as text, and the same bytes for the same recording."""
    versions = [chapter.version for chapter in chapters]
    with drawn(path, "A rollout by Sluice", size=(9, 6)) as figure:
        weights, errors, latency = figure.subplots(3, 1, sharex=True, height_ratios=[3, 1.2, 1.6])
        _weights(weights, recording, versions)
        _errors(errors, recording, versions)
        _latency(latency, recording)
        for axes in (weights, errors, latency):
            axes.spines[["top", "right"]].set_visible(False)
            axes.margins(x=0)
        _turns(recording, (weights, errors, latency))
        weights.set_xlim(0, recording.ended - recording.started)
        latency.set_xlabel("seconds")


def steps(recording: Recording, version: str) -> tuple[list[float], list[float]]:
    """A version's weight over the story: seconds since its start, and percent from then on."""
    at = [max(0.0, route.at - recording.started) for route in recording.routes]
    weight = [weight_of(route, version, recording.services) for route in recording.routes]
    return [*at, recording.ended - recording.started], [*weight, weight[-1] if weight else 0.0]


def errors_by_time(recording: Recording) -> Mapping[str, Counter[float]]:
    """Failed requests by the start of the `ERROR_BIN_S` seconds in which they failed, for each version that answered.

    Those that no version answered are under "no version".
    """
    found: dict[str, Counter[float]] = {}
    for one in recording.answers:
        if not one.ok:
            bin_at = (one.answered_at - recording.started) // ERROR_BIN_S * ERROR_BIN_S
            found.setdefault(one.version or "no version", Counter())[bin_at] += 1
    return found


def latency_by_time(recording: Recording) -> tuple[list[float], list[float]]:
    """95th percentile of the latency in milliseconds, over the requests sent in each `LATENCY_WINDOW_S` seconds."""
    buckets: dict[int, list[float]] = {}
    for one in recording.answers:
        buckets.setdefault(int((one.sent_at - recording.started) // LATENCY_WINDOW_S), []).append(one.latency)
    at = [(index + 0.5) * LATENCY_WINDOW_S for index in sorted(buckets)]
    return at, [1000 * (p95(buckets[index]) or 0.0) for index in sorted(buckets)]


def turns(marks: Sequence[Mark]) -> list[Mark]:
    """The marks that the picture names, each once: a version applied, promoted or taken back."""
    named = {
        (one.version, one.text): one
        for one in reversed(marks)
        if one.kind == "apply" or (one.kind == "phase" and one.text in TURNS)
    }
    return [
        Mark(at=one.at, kind=one.kind, version=one.version, text=TURNS.get(one.text, one.text))
        for one in sorted(named.values(), key=lambda one: one.at)
    ]


def _weights(axes: Axes, recording: Recording, versions: Sequence[str]) -> None:
    series = [steps(recording, version) for version in versions]
    if recording.routes:
        axes.stackplot(
            series[0][0],
            [weight for _, weight in series],
            labels=versions,
            colors=[COLOURS.get(version, OTHER_COLOUR) for version in versions],
            step="post",
            linewidth=0,
            alpha=0.9,
        )
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, title="version")
    axes.set_ylim(0, 100)
    axes.set_ylabel("traffic, %")


def _errors(axes: Axes, recording: Recording, versions: Sequence[str]) -> None:
    found = errors_by_time(recording)
    base: Counter[float] = Counter()
    for version in [*versions, *sorted(found.keys() - set(versions))]:
        rates = Counter({at: count / ERROR_BIN_S for at, count in found.get(version, Counter()).items()})
        axes.bar(
            list(rates),
            list(rates.values()),
            bottom=[base[at] for at in rates],
            width=ERROR_BIN_S,
            align="edge",
            color=COLOURS.get(version, OTHER_COLOUR),
        )
        base.update(rates)
    axes.set_ylim(0, max([5, *base.values()]) * 1.1)
    axes.set_ylabel("errors, 1/s")


def _latency(axes: Axes, recording: Recording) -> None:
    at, latency = latency_by_time(recording)
    axes.plot(at, latency, color="#444444", linewidth=1.2)
    if latency:
        axes.set_yscale("log")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.set_ylabel("p95 latency, ms")


def _turns(recording: Recording, all_axes: Sequence[Axes]) -> None:
    for mark in turns(recording.marks):
        at = mark.at - recording.started
        dashes = (0, (1, 2)) if mark.kind == "apply" else "solid"
        for axes in all_axes:
            axes.axvline(at, color="#222222", linewidth=0.8, linestyle=dashes)
        all_axes[0].annotate(
            f"{mark.version} {mark.text}",
            xy=(at, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(0, 3),
            textcoords="offset points",
            rotation=35,
            ha="left",
            va="bottom",
            fontsize=8,
            color="#222222",
        )

"""Where the lines and marks of a report's pictures are, in the units of an SVG. The page draws them.

Nothing here is text of the page but numbers, times and names of steps, and those are escaped where they are drawn.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ...history.comparison import Share
from ...history.rollout import Evidence, Point, Rollout

_WIDTH, _HEIGHT = 760.0, 230.0
_HALF = 372.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 46.0, 20.0, 14.0, 30.0
_MOST_TICKS = 7
_MOST_POINTS = 24
_LEAST_ODDS, _MOST_ODDS = 0.05, 50.0
_STEPS = tuple(
    timedelta(seconds=seconds)
    for seconds in (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800)
)


@dataclass(frozen=True, slots=True)
class Frame:
    """Where a picture's axes are."""

    width: float
    height: float
    left: float = _LEFT
    top: float = _TOP

    @property
    def right(self) -> float:
        """The end of the horizontal axis."""
        return self.width - _RIGHT

    @property
    def bottom(self) -> float:
        """The horizontal axis."""
        return self.height - _BOTTOM

    def across(self, share: float) -> float:
        """The place of a share of the horizontal axis, 0 to 1."""
        return round(self.left + share * (self.right - self.left), 2)

    def up(self, share: float) -> float:
        """The place of a share of the vertical axis."""
        return round(self.bottom - share * (self.bottom - self.top), 2)


@dataclass(frozen=True, slots=True)
class Tick:
    """A label on an axis."""

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Bar:
    """A time in which weights stayed as they were."""

    left: float
    width: float
    top: float
    """Of the version's own part; below it is the version, above it are the others."""
    served: bool
    """Whether anybody did."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """Who had which share of the requests."""

    frame: Frame
    bars: tuple[Bar, ...]
    line: str
    """The version's share, as a path."""
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]
    end: float | None
    """Where the rollout ended."""


@dataclass(frozen=True, slots=True)
class Whisker:
    """An estimate with its interval."""

    across: float
    at: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Chart:
    """Estimates in the order in which gates gave them."""

    frame: Frame
    own: tuple[Whisker, ...]
    stable: tuple[Whisker, ...]
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]
    limit: float | None
    """Where the line is that must not be crossed."""
    even: float | None = None
    """Where both are alike."""
    left_out: int = 0
    """Earlier points for which there was no room."""


def timeline(rollout: Rollout) -> Timeline:
    """The picture of a rollout's weights."""
    frame = Frame(_WIDTH, _HEIGHT)
    began, whole = rollout.began, rollout.shown_until - rollout.began

    def place(moment: datetime) -> float:
        return frame.across((moment - began) / whole)

    bars, path, version = [], "", rollout.account.version
    for span in rollout.spans:
        left, right = place(span.start), place(span.end or rollout.shown_until)
        top = frame.up(span.weights.get(version, 0) / 100)
        bars.append(Bar(left=left, width=round(right - left, 2), top=top, served=bool(span.weights)))
        path += f"{'L' if path else 'M'}{left},{top} H{right} "
    return Timeline(
        frame=frame,
        bars=tuple(bars),
        line=path.strip(),
        across=tuple(Tick(place(at), label) for at, label in _times(began, rollout.shown_until)),
        up=tuple(Tick(frame.up(percent / 100), f"{percent} %") for percent in (0, 25, 50, 75, 100)),
        end=place(rollout.ended) if rollout.over else None,
    )


def _times(began: datetime, until: datetime) -> Iterable[tuple[datetime, str]]:
    """Round moments of an axis."""
    step = next((one for one in _STEPS if (until - began) / one <= _MOST_TICKS), None)
    if step is None:
        step = timedelta(days=math.ceil((until - began) / timedelta(days=_MOST_TICKS)))
    form = "%H:%M:%S" if step < timedelta(minutes=1) else "%H:%M" if step < timedelta(hours=12) else "%d %b"
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    at = epoch + math.ceil((began - epoch) / step) * step
    while at <= until:
        yield at, format(at, form)
        at += step


def shares(evidence: Evidence) -> Chart | None:
    """The picture of the shares of bad requests; None where no requests were counted."""
    points = [one for one in evidence.points if one.own is not None]
    if not evidence.counted or not points:
        return None
    shown = points[-_MOST_POINTS:]
    ends = [share.high for one in shown for share in (one.own, one.stable) if share is not None]
    top = min(1.0, 1.1 * max([*ends, evidence.limit or 0.0, 0.001]))
    frame = Frame(_HALF, _HEIGHT)
    slot = 1 / len(shown)
    apart = min(7.0, slot * (frame.right - frame.left) / 5)

    def whisker(share: Share, place: float) -> Whisker:
        at, low, high = (frame.up(min(1.0, value / top)) for value in (share.share, share.low, share.high))
        return Whisker(across=round(place, 2), at=at, low=low, high=high)

    places = [frame.across((index + 0.5) * slot) for index in range(len(shown))]
    pairs = list(zip(shown, places, strict=True))
    limit = evidence.limit
    return Chart(
        frame=frame,
        own=tuple(whisker(one.own, place - apart) for one, place in pairs if one.own is not None),
        stable=tuple(whisker(one.stable, place + apart) for one, place in pairs if one.stable is not None),
        across=_named(shown, places),
        up=tuple(Tick(frame.up(value / top), f"{100 * value:.3g} %") for value in _round_values(top)),
        limit=frame.up(limit / top) if limit is not None and 0 <= limit <= top else None,
        left_out=len(points) - len(shown),
    )


def odds(evidence: Evidence) -> Chart | None:
    """The picture of odds ratios on a logarithmic axis; None where nothing was compared."""
    points = [one for one in evidence.points if one.odds is not None and one.odds.ratio is not None]
    if not points:
        return None
    shown = points[-_MOST_POINTS:]
    frame = Frame(_HALF, _HEIGHT)
    slot = 1 / len(shown)

    def up(ratio: float) -> float:
        within = min(_MOST_ODDS, max(_LEAST_ODDS, ratio))
        return frame.up(math.log(within / _LEAST_ODDS) / math.log(_MOST_ODDS / _LEAST_ODDS))

    places = [frame.across((index + 0.5) * slot) for index in range(len(shown))]
    own = tuple(
        Whisker(
            across=place,
            at=up(one.odds.ratio),
            low=up(one.odds.low),
            high=up(_MOST_ODDS if one.odds.high is None else one.odds.high),
        )
        for one, place in zip(shown, places, strict=True)
        if one.odds is not None and one.odds.ratio is not None
    )
    worse_by = _worse_by(evidence)
    return Chart(
        frame=frame,
        own=own,
        stable=(),
        across=_named(shown, places),
        up=tuple(Tick(up(ratio), f"{ratio:g}") for ratio in (0.1, 0.5, 1, 2, 5, 10, 50)),
        limit=up(worse_by) if worse_by is not None else None,
        even=up(1.0),
        left_out=len(points) - len(shown),
    )


def _worse_by(evidence: Evidence) -> float | None:
    compare = evidence.asks.get("compare")
    value = compare.get("worseBy") if isinstance(compare, dict) else None
    return float(value) if isinstance(value, int | float) and value > 0 else None


def _named(points: Sequence[Point], places: Sequence[float]) -> tuple[Tick, ...]:
    """What stands below the points: the step, or as much of them as there is room for."""
    every = math.ceil(len(points) / _MOST_TICKS)
    return tuple(
        Tick(place, "before" if one.step is None else f"step {one.step + 1}")
        for index, (one, place) in enumerate(zip(points, places, strict=True))
        if index % every == 0
    )


def _round_values(top: float) -> list[float]:
    """Round values from 0 to the top of an axis."""
    rough = top / 4
    power = 10 ** math.floor(math.log10(rough))
    step = next(power * one for one in (1, 2, 2.5, 5, 10) if power * one >= rough)
    return [index * step for index in range(int(top / step + 1e-9) + 1)]

"""Releases of one model, one after the other, good and bad, and what is done to Sluice in the middle of them."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from tests.e2e.model import ROLLOUT, Model, serving

FIRST = "1.0.0"
_GOOD = ("1.3.0", "1.0.0")
_RAISING = "1.1.0"
_WITHIN_S = 300
GATE = "errors"
"""What takes the bad ones back."""

Disturbance = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Chapter:
    """One version: whether it is a good one, and what happens as soon as it has its first traffic."""

    good: bool
    meanwhile: Disturbance | None = None

    @property
    def end(self) -> str:
        """The phase that the version must come to."""
        return "Stable" if self.good else "RolledBack"


def promoted(meanwhile: Disturbance | None = None) -> Chapter:
    """A version that is to be promoted."""
    return Chapter(good=True, meanwhile=meanwhile)


def taken_back(meanwhile: Disturbance | None = None) -> Chapter:
    """A version that raises errors, and is to be taken back for them."""
    return Chapter(good=False, meanwhile=meanwhile)


async def play(model: Model, chapters: Sequence[Chapter]) -> list[str]:
    """Roll the versions out; each comes to its end before the next is applied. The bad ones among them."""
    bad = []
    for number, chapter in enumerate(chapters, start=2):
        version = f"{number}.0.0"
        if not chapter.good:
            bad.append(version)
        files = _GOOD[number % len(_GOOD)] if chapter.good else _RAISING
        await model.apply(version, **serving(files, version=version), rollout=ROLLOUT)
        if chapter.meanwhile is not None:
            await model.has_weight(version, ROLLOUT["steps"][0]["weight"], within=_WITHIN_S)
            await chapter.meanwhile()
        await model.reaches(version, chapter.end, within=_WITHIN_S)
        await model.has_weight(version, 100 if chapter.good else 0)
        assert chapter.good or model.observer.versions[version].gate == GATE, model.observer.versions[version]
    return bad

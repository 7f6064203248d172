"""The script: apply each version in its turn and wait for the end that it must have.

The story knows no terminal and no clock but its deadlines. Whoever tells it hands in where marks go, so that
a test can act at a given moment, for example end the operator's pod when a version reaches its second step.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from hack.demo.observe import Observer
from hack.demo.record import Answer, Chapter, Mark, VersionState

ENDS = frozenset({"Stable", "RolledBack", "Failed", "Rejected", "Skipped"})
"""Phases that nothing but a person or another version moves on from."""
CALM_ANSWERS = 200
"""Answers to wait for between two chapters: the picture shows quiet traffic between them."""


class StoryError(Exception):
    """The story went otherwise than it must; the message is one line that says how, and where to look."""


class Client(Protocol):
    """What the story needs of the traffic."""

    def start(self) -> None: ...
    async def probe(self) -> Answer: ...
    async def more(self, count: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything that a story acts on.

    Attributes:
        apply: Applies a manifest, as a user does.
        manifest: The ModelVersion of a version.
        announce: Told of every mark when it happens.
        deadline: Most seconds that any one wait may last.
    """

    apply: Callable[[Mapping[str, Any]], Any]
    manifest: Callable[[str], Mapping[str, Any]]
    observer: Observer
    traffic: Client
    announce: Callable[[Mark], None]
    kubectl: str = "kubectl"
    deadline: float = 120.0


async def tell(stage: Stage, chapters: Sequence[Chapter]) -> None:
    """Play the chapters one after another; the first one's version serves before the client starts.

    Raises:
        StoryError: a version came to another end, for another reason, or not within the deadline.
    """
    stable = ""
    for chapter in chapters:
        await _play(stage, chapter)
        if chapter.outcome == "Stable":
            if stable:
                await _superseded(stage, stable)
            else:
                await _serves(stage)
            stable = chapter.version
        await _within(stage, stage.traffic.more(CALM_ANSWERS), f"the client has no {CALM_ANSWERS} more answers")


async def _play(stage: Stage, chapter: Chapter) -> None:
    manifest = stage.manifest(chapter.version)
    await stage.apply(manifest)
    _mark(stage, "apply", chapter.version, "applied")

    def ended() -> bool:
        state = stage.observer.versions.get(chapter.version)
        return state is not None and state.phase in ENDS

    if not await stage.observer.until(ended, within=stage.deadline):
        raise StoryError(
            f"{unlike(chapter, _state(stage, chapter.version))} after {stage.deadline:.0f} s"
            + _look(stage, chapter.version)
        )
    state = stage.observer.versions[chapter.version]
    if state.phase != chapter.outcome:
        raise StoryError(unlike(chapter, state) + _look(stage, chapter.version))
    if chapter.gate and state.gate != chapter.gate:
        raise StoryError(
            f"{chapter.version} was expected to be taken back by gate {chapter.gate}, was by "
            f"{state.gate or 'no gate'}: {state.sentence}" + _look(stage, chapter.version)
        )
    await _weight(stage, chapter.version, 100.0 if chapter.outcome == "Stable" else 0.0)


async def _weight(stage: Stage, version: str, weight: float) -> None:
    if not await stage.observer.until(lambda: stage.observer.weight(version) == weight, within=stage.deadline):
        raise StoryError(
            f"the route was expected to send {weight:.0f} % to {version}, sends {stage.observer.weight(version):.0f} %"
            f" after {stage.deadline:.0f} s; look at: {stage.kubectl} describe httproute {stage.observer.model}"
        )


async def _superseded(stage: Stage, version: str) -> None:
    def superseded() -> bool:
        state = stage.observer.versions.get(version)
        return state is not None and state.phase == "Superseded"

    if not await stage.observer.until(superseded, within=stage.deadline):
        state = _state(stage, version)
        raise StoryError(unlike(Chapter(version, "Superseded"), state) + _look(stage, version))


async def _serves(stage: Stage) -> None:
    """Wait until the route answers, then let the client begin."""
    ends = time.monotonic() + stage.deadline
    while not (answer := await stage.traffic.probe()).ok:
        if time.monotonic() > ends:
            raise StoryError(
                f"the gateway does not serve {stage.observer.model}: {answer.error or answer.status}; look at: "
                f"{stage.kubectl} describe httproute {stage.observer.model}"
            )
        await asyncio.sleep(0.2)
    stage.traffic.start()
    _mark(stage, "note", answer.version or "", "a client sends real messages from now on")


async def _within(stage: Stage, wait: Any, otherwise: str) -> None:
    try:
        await asyncio.wait_for(wait, stage.deadline)
    except TimeoutError:
        raise StoryError(f"{otherwise} after {stage.deadline:.0f} s") from None


def _mark(stage: Stage, kind: str, version: str, text: str) -> None:
    stage.announce(Mark(at=time.time(), kind=kind, version=version, text=text))


def _state(stage: Stage, version: str) -> VersionState | None:
    return stage.observer.versions.get(version)


def _look(stage: Stage, version: str) -> str:
    state = _state(stage, version)
    name = state.name if state else ""
    return f"; look at: {stage.kubectl} describe mv {name}".rstrip()


def unlike(chapter: Chapter, state: VersionState | None) -> str:
    """One line on how a version differs from what the story expects of it, in the version's own words."""
    if state is None:
        return f"{chapter.version} was expected {chapter.outcome}, but there is no such ModelVersion"
    # Conditions often say the same sentence again.
    news = [one for one in state.conditions if not state.sentence or state.sentence not in one]
    words = "; ".join(one for one in [state.sentence, *news] if one)
    return f"{chapter.version} was expected {chapter.outcome}, is {state.phase or 'without a phase'}" + (
        f": {words}" if words else ""
    )


class Narrator:
    """Turns the changes of ModelVersions into marks: each new phase, weight and decision once."""

    def __init__(self, announce: Callable[[Mark], None]) -> None:
        self._announce = announce
        self._last: dict[str, VersionState] = {}

    def __call__(self, state: VersionState) -> None:
        last = self._last.get(state.version)
        self._last[state.version] = state
        if state.phase and (last is None or last.phase != state.phase):
            self._say(state, "phase", state.phase)
        if last is not None and last.weight != state.weight:
            self._say(state, "weight", f"{last.weight} % → {state.weight} %")
        if state.reason and (last is None or last.reason != state.reason):
            self._say(state, "decision", state.reason)

    def _say(self, state: VersionState, kind: str, text: str) -> None:
        self._announce(Mark(at=state.at, kind=kind, version=state.version, text=text))

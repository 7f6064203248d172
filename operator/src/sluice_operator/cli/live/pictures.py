"""How `get` shows what is there: a tree, a picture that changes in place, a line for each change, or documents."""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ...kube.resource import Object
from ..output import Output, clean, console, is_live, say, say_json
from .drawing import drawn
from .tree import rows, shown_pods, state, weight
from .versions import Model, Version, now

Picture = Callable[[Sequence[Model], Sequence[Object]], None]


def show(found: Sequence[Model], pods: Sequence[Object], *, whole: bool) -> None:
    """Print trees."""
    screen = console()
    screen.print(drawn([rows(model, pods, now=now(), whole=whole) for model in found], width=screen.width))


def document(found: Sequence[Model], pods: Sequence[Object], *, line: bool = False) -> None:
    """Print the same for programs."""
    say_json("Models", {"models": [_model(model, pods) for model in found]}, line=line)


@contextlib.contextmanager
def pictures(output: Output, *, whole: bool) -> Iterator[Picture]:
    """What shows the next state, as suits those who look."""
    if output is Output.JSON:
        yield _documents()
    elif not is_live():
        yield _lines()
    else:
        with _live(whole=whole) as picture:
            yield picture


@contextlib.contextmanager
def _live(*, whole: bool) -> Iterator[Picture]:
    from rich.live import Live

    screen = console()
    with Live(console=screen, auto_refresh=False) as live:

        def picture(found: Sequence[Model], pods: Sequence[Object]) -> None:
            trees = [rows(model, pods, now=now(), whole=whole) for model in found]
            live.update(drawn(trees, width=screen.width), refresh=True)

        yield picture


def _lines() -> Picture:
    """A line for each version whose state, weight or message is not what it was."""
    before: dict[str, str] = {}

    def picture(found: Sequence[Model], pods: Sequence[Object]) -> None:
        del pods
        for version in (version for model in found for version in model.versions):
            told = _line(version)
            if before.get(version.uid) != told:
                before[version.uid] = told
                say(f"{time.strftime('%H:%M:%S', time.gmtime())} {told}")

    return picture


def _line(version: Version) -> str:
    parts = (version.name, state(version), weight(version.status), version.problem or version.status.message or "")
    return "  ".join(clean(part) for part in parts if part)


def _documents() -> Picture:
    before: list[Any] = []

    def picture(found: Sequence[Model], pods: Sequence[Object]) -> None:
        told = [_model(model, pods) for model in found]
        if told != before:
            before[:] = told
            document(found, pods, line=True)

    return picture


def _model(model: Model, pods: Sequence[Object]) -> dict[str, Any]:
    return {
        "namespace": model.namespace,
        "name": model.name,
        "url": model.url or None,
        "stable": model.stable.name if model.stable else None,
        "candidate": model.candidate.name if model.candidate else None,
        "versions": [_version(version, pods) for version in model.versions],
    }


def _version(version: Version, pods: Sequence[Object]) -> dict[str, Any]:
    """What is in the tree, in the words of the API; what is not known is null."""
    said = version.raw.get("status") or {}
    fields = (
        "phase",
        "attempt",
        "message",
        "weight",
        "desiredWeight",
        "step",
        "nextTransitionAt",
        "promotedAt",
        "decision",
    )
    return {
        "name": version.name,
        "version": version.version,
        "createdAt": version.created_at,
        **{field: said.get(field) for field in fields},
        "steps": version.steps,
        "stalled": version.stalled,
        "problem": version.problem or None,
        "gates": said.get("gates") or [],
        "pods": shown_pods(version, pods),
    }

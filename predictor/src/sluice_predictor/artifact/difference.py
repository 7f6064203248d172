"""What sets two versions apart, in the order in which it matters: what clients rely on, the bytes, the worth, the rest.

Only the manifests are compared. A file that two manifests give the same hash is the same file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sluice_predictor.artifact.manifest import Manifest
from sluice_predictor.artifact.record import Slice

_SIGNATURE = ("task", "labels", "signature", "parameters")
_OWN_SECTION = frozenset({*_SIGNATURE, "files", "evaluations"})


@dataclass(frozen=True, slots=True)
class Change:
    """A place in the manifest, written with dots, and its two values; None where a manifest lacks it."""

    place: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Accuracy:
    """The worth of two versions on one slice of one data set; None where it is not known."""

    evaluation: str
    slice: str
    before: float | None
    after: float | None


@dataclass(frozen=True, slots=True)
class Difference:
    """What is not the same in two manifests.

    `signature` is what clients see; `files` has a change for each file that was added, removed or replaced;
    `evaluations` compares every slice that either version was measured on; `other` is everything else.
    """

    signature: list[Change]
    files: list[Change]
    evaluations: list[Accuracy]
    other: list[Change]


def compare(before: Manifest, after: Manifest) -> Difference:
    """Compare two manifests."""
    old, new = (manifest.document() for manifest in (before, after))
    changes = list(_changes("", _without(old, _OWN_SECTION), _without(new, _OWN_SECTION)))
    return Difference(
        signature=[Change(key, old.get(key), new.get(key)) for key in _SIGNATURE if old.get(key) != new.get(key)],
        files=[
            Change(name, old["files"].get(name), new["files"].get(name))
            for name in sorted(old["files"].keys() | new["files"].keys())
            if old["files"].get(name) != new["files"].get(name)
        ],
        evaluations=list(_accuracies(before, after)),
        other=changes,
    )


def _without(document: Mapping[str, Any], keys: frozenset[str]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key not in keys}


def _changes(place: str, before: Any, after: Any) -> Iterator[Change]:
    """Yield the innermost places that differ; lists are compared whole."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted(before.keys() | after.keys()):
            yield from _changes(f"{place}.{key}" if place else key, before.get(key), after.get(key))
    elif before != after:
        yield Change(place, before, after)


def _accuracies(before: Manifest, after: Manifest) -> Iterator[Accuracy]:
    old, new = _slices(before), _slices(after)
    for evaluation, part in sorted(old.keys() | new.keys()):
        key = (evaluation, part)
        values = [slices[key].accuracy if key in slices else None for slices in (old, new)]
        if values != [None, None]:
            yield Accuracy(evaluation=evaluation, slice=part, before=values[0], after=values[1])


def _slices(manifest: Manifest) -> dict[tuple[str, str], Slice]:
    """Slices by the data set's name and digest, since a figure on other data is another figure."""
    return {
        (f"{evaluation.name} ({evaluation.dataset[:19]})", name): part
        for evaluation in manifest.evaluations
        for name, part in evaluation.slices.items()
    }

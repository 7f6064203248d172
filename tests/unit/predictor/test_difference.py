"""Two versions are compared by what clients see, by their files, by what they are worth, and by the rest."""

import json
from typing import Any

from sluice_predictor.artifact import Manifest, compare
from sluice_predictor.artifact.difference import Accuracy, Change
from sluice_predictor.artifact.manifest import parse_manifest

DATA = "sha256:" + "d" * 64


def evaluation(slices: dict[str, tuple[int, int]], *, dataset: str = DATA) -> dict[str, Any]:
    """An evaluation; each slice has so many right and wrong answers."""
    return {
        "name": "held out",
        "dataset": dataset,
        "slices": {
            name: {"samples": right + wrong, "confusion": {"debit": {"debit": right, "credit": wrong}}}
            for name, (right, wrong) in slices.items()
        },
    }


def manifest(**keys: Any) -> Manifest:
    document = {
        "formatVersion": 1,
        "model": "sms-classifier",
        "version": "1.0.0",
        "task": "text-classification",
        "labels": ["debit", "credit"],
        "files": {"config.json": {"sha256": "0" * 64, "size": 2}},
    }
    return parse_manifest(json.dumps(document | keys).encode())[0]


def test_a_version_does_not_differ_from_itself() -> None:
    version = manifest(evaluations=[evaluation({"all": (9, 1)})], lineage={"run": "a"})
    difference = compare(version, version)

    assert (difference.signature, difference.files, difference.other) == ([], [], [])
    (accuracy,) = difference.evaluations
    assert accuracy.before == accuracy.after == 0.9


def test_what_clients_see_comes_first() -> None:
    difference = compare(manifest(), manifest(labels=["debit", "other"], parameters={"top_k": 2}))

    assert difference.signature == [
        Change("labels", ["debit", "credit"], ["debit", "other"]),
        Change("parameters", None, {"top_k": 2}),
    ]
    assert difference.other == []


def test_files_are_added_removed_or_replaced() -> None:
    old = {name: {"sha256": "0" * 64, "size": 1} for name in ("a.json", "b.json", "c.json")}
    new = {"a.json": old["a.json"], "b.json": {"sha256": "1" * 64, "size": 1}, "d.json": old["a.json"]}

    assert compare(manifest(files=old), manifest(files=new)).files == [
        Change("b.json", old["b.json"], new["b.json"]),
        Change("c.json", old["c.json"], None),
        Change("d.json", None, old["a.json"]),
    ]


def test_accuracy_is_compared_slice_by_slice_on_the_same_data_only() -> None:
    before = manifest(evaluations=[evaluation({"all": (8, 2), "region=de": (4, 1)})])
    after = manifest(evaluations=[evaluation({"all": (9, 1), "region=fr": (1, 0)})])
    name = f"held out ({DATA[:19]})"

    assert compare(before, after).evaluations == [
        Accuracy(name, "all", 0.8, 0.9),
        Accuracy(name, "region=de", 0.8, None),
        Accuracy(name, "region=fr", None, 1.0),
    ]
    elsewhere = manifest(evaluations=[evaluation({"all": (9, 1)}, dataset="sha256:" + "e" * 64)])
    assert [(item.before, item.after) for item in compare(before, elsewhere).evaluations if item.slice == "all"] == [
        (0.8, None),
        (None, 0.9),
    ]


def test_everything_else_is_told_by_its_innermost_place() -> None:
    before = manifest(lineage={"run": "a", "metrics": {"accuracy": 0.5}}, extensions={"team": "x"})
    after = manifest(version="1.1.0", lineage={"run": "b", "metrics": {"accuracy": 0.5}})

    assert compare(before, after).other == [
        Change("extensions", {"team": "x"}, None),
        Change("lineage.run", "a", "b"),
        Change("version", "1.0.0", "1.1.0"),
    ]

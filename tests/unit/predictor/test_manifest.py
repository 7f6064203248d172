"""What `sluice.json` may say, what it must say, and what its digest is of."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from sluice_predictor.artifact import ArtifactError, Histogram, Manifest
from sluice_predictor.artifact.manifest import MAX_MANIFEST_BYTES, parse_manifest

DIGEST = "sha256:" + "a" * 64
HISTOGRAM = {"edges": [10, 20.5], "counts": [1, 0, 2]}
COUNTS = {"truePositive": 5, "falsePositive": 0, "falseNegative": 1}

LEAST: dict[str, Any] = {
    "formatVersion": 1,
    "model": "sms-classifier",
    "version": "1.0.0",
    "task": "text-classification",
    "labels": ["debit", "credit"],
    "files": {"config.json": {"sha256": "0" * 64, "size": 2}},
}
FULL: dict[str, Any] = LEAST | {
    "parameters": {"truncation": True, "max_tokens": 128, "top_k": 2, "threshold": 0.5},
    "signature": {
        "inputs": [{"name": "text", "datatype": "BYTES", "shape": [-1]}],
        "outputs": [{"name": "label", "datatype": "BYTES", "shape": [-1]}],
        "labels": {"debit": 0, "credit": 1},
    },
    "calibration": {
        "tolerance": 0.02,
        "examples": [{"instance": "Rs.5 debited", "prediction": {"label": "debit", "score": 0.9}}],
    },
    "lineage": {
        "parent": DIGEST,
        "dataset": "s3://data/sms@2026-11",
        "features": "sha256 of the tokenizer",
        "parameters": "rate=1.5e-3",
        "code": "https://git.example/sms/commit/0a1b",
        "run": "https://runs.example/17",
        "metrics": {"accuracy": 0.97},
    },
    "reference": {
        "samples": 3,
        "inputs": {"characters": HISTOGRAM, "tokens": HISTOGRAM},
        "scores": {"edges": [0.5], "counts": [1, 2]},
        "labels": {"debit": 3},
    },
    "evaluations": [
        {
            "name": "held out",
            "dataset": DIGEST,
            "slices": {
                "all": {"samples": 3, "unanswered": 1, "confusion": {"debit": {"debit": 1, "credit": 1}}},
                "region=de": {"samples": 6, "counts": {"amount": COUNTS}},
            },
        }
    ],
    "training": {
        "environment": {"python": "3.11.9"},
        "dependencies": {"torch": "2.15.0"},
        "commit": "0a1b2c",
        "duration": 49.1,
        "samples": 70_000,
        "seed": 7,
    },
    "extensions": {"example.com/team": {"owner": "payments", "ticket": 17, "nested": [None, True, 0.5]}},
}


def parse(document: object) -> str:
    return parse_manifest(json.dumps(document).encode())[1]


def changed(path: str, value: object) -> dict[str, Any]:
    """The full manifest with another value at a place written with dots."""
    document = json.loads(json.dumps(FULL))
    *parents, last = path.split("/")
    place = document
    for part in parents:
        place = place[int(part)] if isinstance(place, list) else place[part]
    place[last] = value
    return document


def test_a_manifest_needs_six_keys_and_may_have_the_rest() -> None:
    parse(LEAST)
    parse(FULL)


@pytest.mark.parametrize("key", LEAST)
def test_each_of_the_six_is_needed(key: str) -> None:
    with pytest.raises(ArtifactError, match=f"sluice.json: {key}: Field required"):
        parse({name: value for name, value in LEAST.items() if name != key})


@pytest.mark.parametrize("document", [LEAST, FULL], ids=["least", "full"])
def test_the_digest_is_the_hash_of_the_canonical_form_of_what_is_written(document: dict[str, Any]) -> None:
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()

    assert parse(document) == "sha256:" + hashlib.sha256(canonical).hexdigest()


def test_a_manifest_without_the_optional_keys_keeps_the_digest_it_had_before_there_were_any() -> None:
    assert parse(LEAST) == "sha256:7de1da11eab675191db2a2f949cb09b814588ce2b4ff1289e2559fb0a9b80a05"


def test_the_digest_does_not_depend_on_how_the_manifest_is_written() -> None:
    other = json.dumps(dict(reversed(FULL.items())), indent=8).replace("20.5", "205e-1").encode()

    assert parse_manifest(other)[1] == parse(FULL)


@pytest.mark.parametrize("document", [LEAST, FULL], ids=["least", "full"])
def test_a_manifest_gives_back_the_document_that_it_was_read_from(document: dict[str, Any]) -> None:
    manifest, _ = parse_manifest(json.dumps(document).encode())

    assert manifest.document() == document


REFUSED: dict[str, tuple[object, str]] = {
    "an unknown key": (FULL | {"owner": "payments"}, "owner: unknown key; put what is your own under extensions"),
    "an unknown key within": (changed("training/epochs", 3), "training.epochs: unknown key$"),
    "another format": (LEAST | {"formatVersion": 2}, "formatVersion: "),
    "a format that is true": (LEAST | {"formatVersion": True}, "formatVersion: "),
    "a number as version": (LEAST | {"version": 1}, "version: "),
    "a name that no URL can have": (LEAST | {"model": "no/slash"}, "model: "),
    "no files": (LEAST | {"files": {}}, "files: "),
    "a size below zero": (changed("files/config.json", {"sha256": "0" * 64, "size": -1}), "files.config.json.size: "),
    "a hash in capitals": (changed("files/config.json", {"sha256": "A" * 64, "size": 1}), "files.config.json.sha256"),
    "a size that is a text": (changed("files/config.json", {"sha256": "0" * 64, "size": "1"}), "size: "),
    "a size that is true": (changed("files/config.json", {"sha256": "0" * 64, "size": True}), "size: "),
    "a terminal's control characters": (changed("training/commit", "\x1b[2J"), "training.commit: "),
    "a label twice": (LEAST | {"labels": ["a", "a"]}, "labels has one label twice"),
    "an empty label": (LEAST | {"labels": [""]}, "labels.0: "),
    "too many labels": (LEAST | {"labels": [str(number) for number in range(1001)]}, "labels: "),
    "another id than its place": (changed("signature/labels", {"debit": 1, "credit": 0}), "signature.labels must give"),
    "no id for a label": (changed("signature/labels", {"debit": 0}), "signature.labels must give"),
    "a reference to no label": (
        changed("reference/labels", {"dbit": 1}),
        "'dbit', which is not one of labels",
    ),
    "confusion with no label": (
        changed("evaluations/0/slices/all/confusion", {"debit": {"x": 2}}),
        "speak of 'x', which is not one of labels",
    ),
    "confusion that does not add up": (
        changed("evaluations/0/slices/all/samples", 5),
        "2 in confusion and 1 unanswered are not 5 samples",
    ),
    "an evaluation in parts only": (
        changed("evaluations/0/slices", {"region=de": {"samples": 0}}),
        "slices must have the slice all",
    ),
    "edges that fall": (changed("reference/scores/edges", [0.5, 0.5]), "edges must rise"),
    "a bin too few": (changed("reference/scores/counts", [1, 2, 3]), "1 edges make 2 bins, not 3"),
    "a feature that nobody counts": (changed("reference/inputs", {"colour": HISTOGRAM}), "reference.inputs.colour"),
    "a threshold beyond one": (changed("parameters/threshold", 1.5), "parameters.threshold: "),
    "a tolerance of nothing": (changed("calibration/tolerance", 0), "calibration.tolerance: "),
    "too many examples": (
        changed("calibration/examples", [{"instance": "a", "prediction": {"label": "debit"}}] * 257),
        "calibration.examples: ",
    ),
    "a parent that is no digest": (changed("lineage/parent", "1.0.0"), "lineage.parent: "),
    "a great extension": (changed("extensions", {"a": "x" * 70_000}), "extensions: larger than 65536 bytes"),
    "an integer that doubles cannot hold": (
        changed("extensions", {"a": 1 << 53}),
        "not valid JSON: 9007199254740992 exceeds safe integer domain",
    ),
    "half a character": (changed("extensions", {"a": "\ud800"}), "not valid JSON: "),
}


@pytest.mark.parametrize(("document", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_a_manifest_may_not_say_is_refused_and_the_place_named(document: object, message: str) -> None:
    with pytest.raises(ArtifactError, match=message) as refusal:
        parse(document)

    assert str(refusal.value).startswith("sluice.json: ")
    assert str(refusal.value).isprintable()


NOT_JSON: dict[str, tuple[bytes, str]] = {
    "half an object": (b"{", "not valid JSON"),
    "a key twice": (b'{"model": "a", "model": "b"}', "not valid JSON: an object has the same key twice"),
    "a key twice within an extension": (b'{"extensions": {"a": 1, "a": 2}}', "the same key twice"),
    "not a number": (b'{"extensions": {"a": NaN}}', "NaN is no number of JSON"),
    "infinity": (b'{"extensions": {"a": -Infinity}}', "-Infinity is no number of JSON"),
    "a number beyond all doubles": (b'{"extensions": {"a": 1e999}}', "not valid JSON: inf"),
    "an integer of a million digits": (b'{"extensions": {"a": ' + b"9" * 1_000_000 + b"}}", "not valid JSON"),
    "no end of lists": (b"[" * 100_000, "not valid JSON"),
    "lists and lists within an extension": (
        b'{"extensions": {"a": ' + b"[" * 700 + b"]" * 700 + b"}}",
        "sluice.json: ",
    ),
    "bytes that are no text": (b'{"model": "\xff"}', "not valid JSON"),
    "more than is read": (b" " * (MAX_MANIFEST_BYTES + 1), "larger than"),
    "a list": (b"[]", "valid dictionary"),
    "nothing": (b"", "not valid JSON"),
}


@pytest.mark.parametrize(("content", "message"), NOT_JSON.values(), ids=NOT_JSON.keys())
def test_what_is_no_manifest_at_all_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(ArtifactError, match=message) as refusal:
        parse_manifest(content)

    assert len(str(refusal.value)) < 500


BAD_NAMES = ["../config.json", "/etc/passwd.json", "a/../b.json", "./a.json", "a\\b.json", "a\n.json", "a//b.json", ""]
BAD_NAMES += [
    ".hidden.json",
    ".cache/huggingface/a.json",
    "-rf.json",
    "\uff46ullwidth.json",
    "a b.json",
    "a/.json",
    "~.json",
]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_name_that_is_no_plain_path_inside_is_refused(name: str) -> None:
    with pytest.raises(ArtifactError, match="must be a plain path inside the version's directory") as refusal:
        parse(LEAST | {"files": {name: {"sha256": "0" * 64, "size": 0}}})

    assert str(refusal.value).isprintable()


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["model.pt"], r"model\.pt: only \.json"),
        (["pytorch_model.bin"], r"pytorch_model\.bin: only \.json"),
        (["model.safetensors.py"], r"model\.safetensors\.py: only \.json"),
        (["json"], "json: only"),
        (["sluice.json"], r"sluice\.json: cannot list itself"),
        (["a.json", "A.json"], r"a\.json: differs from A\.json in case alone"),
        (["/".join("abcdefgh") + "/i.json"], "more than 8 directories deep"),
    ],
)
def test_a_name_that_is_no_file_of_a_version_is_refused(names: list[str], message: str) -> None:
    with pytest.raises(ArtifactError, match=message):
        parse(LEAST | {"files": {name: {"sha256": "0" * 64, "size": 0} for name in names}})


def test_a_histogram_puts_a_value_on_an_edge_into_the_bin_below() -> None:
    histogram = Histogram(edges=[10, 20], counts=[0, 0, 0])

    assert [histogram.bin(value) for value in (-1, 10, 10.5, 20, 1e9)] == [0, 0, 1, 1, 2]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(content=st.binary(max_size=200))
def test_no_bytes_break_the_parser(content: bytes) -> None:
    with pytest.raises(ArtifactError):
        parse_manifest(content)


@given(key=st.sampled_from(sorted(FULL)), value=JSON)
def test_no_value_breaks_the_parser_and_what_it_takes_it_gives_back(key: str, value: object) -> None:
    document = FULL | {key: value}
    try:
        manifest, digest = parse_manifest(json.dumps(document).encode())
    except ArtifactError as error:
        assert str(error).isprintable()
        return
    assert digest == "sha256:" + hashlib.sha256(rfc8785.dumps(document)).hexdigest()
    assert rfc8785.dumps(manifest.document()) == rfc8785.dumps(document)


@given(name=st.text(max_size=40).map(lambda text: text + ".json"))
def test_no_name_leads_out_of_the_directory(name: str) -> None:
    directory = Path("/mnt/models")
    try:
        parse(LEAST | {"files": {name: {"sha256": "0" * 64, "size": 0}}})
    except ArtifactError:
        return
    assert (directory / name).resolve().is_relative_to(directory)


def test_the_documentation_names_every_key() -> None:
    documentation = (Path(__file__).parents[3] / "docs/artifact.md").read_text()
    names = {field.alias or name for name, field in Manifest.model_fields.items()}

    assert {name for name in names if f"`{name}`" not in documentation} == set()

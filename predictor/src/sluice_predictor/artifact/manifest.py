"""`sluice.json`: what a version consists of, what it answers, and what is known of it.

Its digest, the SHA-256 of its RFC 8785 form, names the version: it pins every byte of every file, whatever way the
bytes travelled. The digest is of the document as it is written: an optional key that is absent is absent from what is
hashed, so that a key which a later release adds changes no version's digest.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Annotated, Any, Literal

import rfc8785
from pydantic import Field, JsonValue, ValidationError, field_validator, model_validator

from sluice_predictor.artifact.errors import ArtifactError
from sluice_predictor.artifact.fields import Count, Key, Name, Sha256, Strict, Version
from sluice_predictor.artifact.names import MANIFEST_NAME, check_names
from sluice_predictor.artifact.record import Evaluation, Lineage, Reference, Training

MAX_MANIFEST_BYTES = 4 << 20
MAX_EXTENSION_BYTES = 64 << 10
MAX_FILES = 1000
MAX_FILE_BYTES = 1 << 40

Size = Annotated[int, Field(ge=0, le=MAX_FILE_BYTES)]
Shape = Annotated[list[Annotated[int, Field(ge=-1, le=1 << 31)]], Field(min_length=1, max_length=4)]


class FileEntry(Strict):
    """What a file of the version must be: its SHA-256 in lower-case hex and its size in bytes."""

    sha256: Sha256
    size: Size


class Defaults(Strict):
    """How a text is answered where the request does not say; None leaves it to the task."""

    truncation: bool | None = None
    max_tokens: Annotated[int, Field(ge=1, le=1 << 20)] | None = None
    top_k: Annotated[int, Field(ge=1, le=1000)] | None = None
    threshold: Annotated[float, Field(ge=0, le=1)] | None = None


class Tensor(Strict):
    """An input or output in the words of the Open Inference Protocol; -1 stands for the number of texts."""

    name: Key
    datatype: Literal["BYTES", "FP32"]
    shape: Shape


class Signature(Strict):
    """What clients may rely on. `labels` gives each label its stable id, which is its place in the manifest's list."""

    inputs: Annotated[list[Tensor], Field(min_length=1, max_length=64)]
    outputs: Annotated[list[Tensor], Field(min_length=1, max_length=64)]
    labels: Annotated[dict[Key, Count], Field(max_length=1000)] = {}


class Example(Strict):
    """A text and the prediction, in the form of the V1 protocol, that the version makes for it in fp32."""

    instance: Annotated[str, Field(max_length=8192)]
    prediction: Annotated[dict[str, JsonValue], Field(min_length=1)]


class Calibration(Strict):
    """What a faster precision must reproduce: the same structure and texts, every number within `tolerance`."""

    tolerance: Annotated[float, Field(gt=0, le=1)] = 0.02
    examples: Annotated[list[Example], Field(min_length=1, max_length=256)]


class Manifest(Strict):
    """The content of `sluice.json`; `files` is keyed by path relative to the directory, in POSIX form."""

    format_version: Annotated[int, Field(alias="formatVersion", ge=1, le=1)]
    model: Name
    version: Version
    task: Name
    labels: Annotated[list[Key], Field(max_length=1000)]
    files: Annotated[dict[str, FileEntry], Field(min_length=1, max_length=MAX_FILES)]
    parameters: Defaults = Defaults()
    signature: Signature | None = None
    calibration: Calibration | None = None
    lineage: Lineage | None = None
    reference: Reference | None = None
    evaluations: Annotated[list[Evaluation], Field(max_length=16)] = []
    training: Training | None = None
    extensions: Annotated[dict[Key, JsonValue], Field(max_length=64)] = {}
    """What others keep here; nothing in Sluice reads it."""

    def document(self) -> dict[str, Any]:
        """Return the JSON that this was read from: what was absent there is absent."""
        return self.model_dump(by_alias=True, exclude_unset=True)

    @field_validator("extensions")
    @classmethod
    def _small(cls, extensions: dict[str, JsonValue]) -> dict[str, JsonValue]:
        if len(rfc8785.dumps(extensions)) > MAX_EXTENSION_BYTES:
            raise ValueError(f"larger than {MAX_EXTENSION_BYTES} bytes")
        return extensions

    @model_validator(mode="after")
    def _labels_agree(self) -> Manifest:
        ids = {label: place for place, label in enumerate(self.labels)}
        if len(ids) != len(self.labels):
            raise ValueError("labels has one label twice")
        if self.signature is not None and self.signature.labels != ids:
            raise ValueError("signature.labels must give each label its place in labels as id")
        for label in self._labels_used():
            if label not in ids:
                raise ValueError(f"reference or evaluations speak of {label!r}, which is not one of labels")
        return self

    def _labels_used(self) -> Iterable[str]:
        if self.reference is not None:
            yield from self.reference.labels
        for part in (part for evaluation in self.evaluations for part in evaluation.slices.values()):
            for label, row in part.confusion.items():
                yield label
                yield from row


def parse_manifest(content: bytes) -> tuple[Manifest, str]:
    """Read what a `sluice.json` holds; return it with its digest.

    Raises:
        ArtifactError: it is not a valid manifest; the message says where.
    """
    if len(content) > MAX_MANIFEST_BYTES:
        raise ArtifactError(f"{MANIFEST_NAME}: larger than {MAX_MANIFEST_BYTES} bytes")
    try:
        document = json.loads(content, object_pairs_hook=_without_repeats, parse_constant=_refuse_constant)
        digest = "sha256:" + hashlib.sha256(rfc8785.dumps(document)).hexdigest()
        manifest = Manifest.model_validate(document)
    except ValidationError as error:
        raise ArtifactError(f"{MANIFEST_NAME}: {first_problem(error)}") from error
    except (ValueError, RecursionError) as error:
        raise ArtifactError(f"{MANIFEST_NAME}: not valid JSON: {error}") from error
    check_names(manifest.files)
    return manifest, digest


def first_problem(error: ValidationError) -> str:
    """Return where and what the first of a validation's complaints is, in one line."""
    problem = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in problem["loc"])
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        message = "unknown key"
        if len(problem["loc"]) == 1:
            message += "; put what is your own under extensions"
    line = f"{place}: {message}" if place else message
    return line if line.isprintable() else ascii(line)


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build an object of a manifest; two keys of one name would let two readers see two manifests."""
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("an object has the same key twice")
    return result


def _refuse_constant(word: str) -> None:
    raise ValueError(f"{word} is no number of JSON")

"""How a version of any task is loaded: its files are read, its task is defined, its network is made and proven."""

from __future__ import annotations

import ctypes

import torch

from sluice_predictor.artifact import Artifact, ArtifactError, Calibration
from sluice_predictor.tasks import embeddings, text_classification, text_entities, token_classification
from sluice_predictor.tasks.base import Description, Item, Precision, PrecisionSetting, Task
from sluice_predictor.tasks.building import make_builder
from sluice_predictor.tasks.loaded import LoadedTask
from sluice_predictor.tasks.parameters import version_defaults
from sluice_predictor.tasks.precision import choose
from sluice_predictor.tasks.reading import blaming, read_files
from sluice_predictor.tasks.tokens import Texts, Tokens, load_tokenizer

TASKS = {
    "embeddings": embeddings.define,
    "text-classification": text_classification.define,
    "text-entities": text_entities.define,
    "token-classification": token_classification.define,
}
"""By the name that `sluice.json` gives: a new task is a file and a line here."""


def load(artifact: Artifact, *, precision: PrecisionSetting, threads: int) -> Task:
    """Load a verified version.

    Raises:
        ArtifactError: a file does not hold what the task needs, or the version does not answer as its calibration
            says; the message names the file.
    """
    define = TASKS.get(artifact.manifest.task)
    if define is None:
        raise ArtifactError(f"sluice.json: this server has no task {artifact.manifest.task!r}")
    torch.set_num_threads(threads)
    files = read_files(artifact)
    definition = define(files)
    builder = make_builder(files, definition)
    with blaming("tokenizer.json"):
        tokenizer = load_tokenizer(artifact.directory)
    defaults = version_defaults(
        artifact.manifest.parameters,
        definition.defaults,
        max_tokens=builder.max_tokens,
        special_tokens=tokenizer.num_special_tokens_to_add(is_pair=False),
    )
    texts = Texts(
        tokenizer=tokenizer,
        defaults=defaults,
        max_tokens=builder.max_tokens,
        pad_token_id=builder.pad_token_id,
        offsets=definition.offsets,
    )
    calibration = artifact.manifest.calibration
    calibration_ids = _ids(texts, calibration)

    def build(at: Precision) -> Task:
        return LoadedTask(
            description=Description(
                engine=builder.engine, precision=at, outputs=definition.outputs, parameters=defaults
            ),
            definition=definition,
            texts=texts,
            network=builder.build(at, calibration_ids),
        )

    task = choose(build, setting=precision, faster=builder.faster, calibration=calibration)
    _return_memory()
    return task


def _ids(texts: Texts, calibration: Calibration | None) -> list[list[int]]:
    """Return the token ids of the calibration's texts; of those that cannot be read, none."""
    if calibration is None:
        return []
    encoded = texts.encode([Item(example.instance) for example in calibration.examples])
    return [list(text.ids) for text in encoded if isinstance(text, Tokens)]


def _return_memory() -> None:
    """Hand back to the system what is free again: glibc keeps it, as much as the weights, for the sake of who grows."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)

"""How a version of any task is loaded: its files are read, its network is built, its task is defined."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from sluice_predictor.artifact import Artifact, ArtifactError
from sluice_predictor.networks.checkpoint import take_encoder
from sluice_predictor.networks.floating import FloatEncoder
from sluice_predictor.tasks import embeddings, text_classification, text_entities, token_classification
from sluice_predictor.tasks.base import Description, Precision
from sluice_predictor.tasks.loaded import LoadedTask
from sluice_predictor.tasks.parameters import version_defaults
from sluice_predictor.tasks.reading import blaming, read_files
from sluice_predictor.tasks.tokens import Texts, load_tokenizer

TASKS = {
    "embeddings": embeddings.define,
    "text-classification": text_classification.define,
    "text-entities": text_entities.define,
    "token-classification": token_classification.define,
}
"""By the name that `sluice.json` gives: a new task is a file and a line here."""

_TYPES: Mapping[Precision, torch.dtype] = {"fp32": torch.float32, "bf16": torch.bfloat16}


def load(artifact: Artifact, *, precision: Precision, threads: int) -> LoadedTask:
    """Load a verified version.

    Raises:
        ArtifactError: a file does not hold what the task needs; the message names the file.
    """
    define = TASKS.get(artifact.manifest.task)
    if define is None:
        raise ArtifactError(f"sluice.json: this server has no task {artifact.manifest.task!r}")
    torch.set_num_threads(threads)
    files = read_files(artifact)
    definition = define(files)
    if files.shape is None:
        raise ArtifactError("config.json: an architecture that this server does not know")
    encoder = take_encoder(files.shape, files.weights)
    files.weights.finish()
    with blaming("tokenizer.json"):
        tokenizer = load_tokenizer(artifact.directory)
    defaults = version_defaults(
        artifact.manifest.parameters,
        definition.defaults,
        max_tokens=files.shape.max_tokens,
        special_tokens=tokenizer.num_special_tokens_to_add(is_pair=False),
    )
    return LoadedTask(
        description=Description(engine="torch", precision=precision, outputs=definition.outputs, parameters=defaults),
        definition=definition,
        texts=Texts(
            tokenizer=tokenizer,
            defaults=defaults,
            max_tokens=files.shape.max_tokens,
            pad_token_id=files.shape.pad_token_id or 0,
            offsets=definition.offsets,
        ),
        network=FloatEncoder(encoder, dtype=_TYPES[precision], device=torch.device("cpu")),
    )

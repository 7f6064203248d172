"""Embeddings: one vector for the text.

The version is a bare encoder as `save_pretrained` or sentence-transformers writes it. How the tokens' states become
one is read from `1_Pooling/config.json` (the mean of all, or the first token's), whether the vector has length one
from `modules.json`; without these files it is the mean, of length one. `sluice.json` lists no labels.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from sluice_predictor.artifact import Artifact, ArtifactError
from sluice_predictor.tasks.base import Answer, Output, Parameters
from sluice_predictor.tasks.definition import Definition, Files
from sluice_predictor.tasks.reading import blaming, read_object
from sluice_predictor.tasks.tokens import Tokens

_POOLING, _MODULES = "1_Pooling/config.json", "modules.json"
_KNOWN_MODULES = ("Transformer", "Pooling", "Normalize")


def define(files: Files) -> Definition:
    """Define the task for a version.

    Raises:
        ArtifactError: the version is not one of this task, or has a module that this server does not know.
    """
    width = files.shape.hidden_size if files.shape else files.config.get("hidden_size")
    if not isinstance(width, int):
        raise ArtifactError("config.json: hidden_size: should be a number")
    files.weights.discard(["pooler.", "bert.pooler.", "roberta.pooler."])
    first = _pools_first(files.artifact)
    return Definition(
        outputs=[Output("embedding", "FP32", width=width)],
        defaults=Parameters(truncation=True),
        rows="first" if first else "all",
        head=_Pool(mean=not first, normalise=_normalises(files.artifact)),
        decode=_decode,
        transformers_class="AutoModel",
    )


def _pools_first(artifact: Artifact) -> bool:
    if _POOLING not in artifact.manifest.files:
        return False
    pooling = read_object(artifact, _POOLING)
    modes = {key for key, value in pooling.items() if key.startswith("pooling_mode_") and value is True}
    if modes not in ({"pooling_mode_mean_tokens"}, {"pooling_mode_cls_token"}):
        raise ArtifactError(f"{_POOLING}: only the mean of all tokens or the first token's state can be served")
    return modes == {"pooling_mode_cls_token"}


def _normalises(artifact: Artifact) -> bool:
    if _MODULES not in artifact.manifest.files:
        return True
    with blaming(_MODULES):
        modules = json.loads((artifact.directory / _MODULES).read_bytes())
        names = [str(module["type"]).rpartition(".")[2] for module in modules]
    for name in names:
        if name not in _KNOWN_MODULES:
            raise ArtifactError(f"{_MODULES}: this server does not know the module {name[:64]!r}")
    return "Normalize" in names


@dataclass(frozen=True, slots=True)
class _Pool:
    mean: bool
    normalise: bool

    def __call__(self, states: Tensor, lengths: Sequence[int]) -> Sequence[Tensor]:
        if self.mean:
            states = torch.stack([text.mean(dim=0) for text in torch.split(states, list(lengths))])
        return (functional.normalize(states, dim=-1) if self.normalise else states,)


def _decode(texts: Sequence[Tokens], scores: Sequence[Tensor]) -> list[Answer]:
    vectors: list[Any] = scores[0].tolist()
    return [
        Answer(prediction={"embedding": vector}, tokens=text.shown) for text, vector in zip(texts, vectors, strict=True)
    ]

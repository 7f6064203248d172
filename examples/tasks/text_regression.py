"""Text regression: one number for the text, such as how urgent it is.

The version is what `save_pretrained` of a `...ForSequenceClassification` with one label writes; `sluice.json` lists no
labels. The number is what the last layer says, as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from sluice_predictor.artifact import ArtifactError
from sluice_predictor.networks.weights import Linear
from sluice_predictor.tasks.base import Answer, Output, Parameters
from sluice_predictor.tasks.definition import Definition, Files, Head
from sluice_predictor.tasks.tokens import Tokens


def define(files: Files) -> Definition:
    """Define the task for a version.

    Raises:
        ArtifactError: the version is not one of this task.
    """
    if files.artifact.manifest.labels:
        raise ArtifactError("sluice.json: labels: should be empty, as a number has none")
    return Definition(
        outputs=[Output("value", "FP32")],
        defaults=Parameters(truncation=True),
        rows="first",
        head=_head(files),
        decode=_decode,
        transformers_class="AutoModelForSequenceClassification",
    )


def _head(files: Files) -> Head:
    if files.shape is None:
        # Transformers' own class runs, and these are its logits already.
        return lambda states, _: (states,)
    if files.shape.family != "bert":
        raise ArtifactError("config.json: model_type: should be 'bert', or none that the packed encoder knows")
    hidden = files.shape.hidden_size
    return _Layers(
        pooler=files.weights.take_linear("bert.pooler.dense", hidden, hidden),
        last=files.weights.take_linear("classifier", 1, hidden),
    )


@dataclass(frozen=True, slots=True)
class _Layers:
    pooler: Linear
    last: Linear

    def __call__(self, states: Tensor, lengths: Sequence[int]) -> Sequence[Tensor]:
        del lengths  # there is one row a text
        pooled = torch.tanh(functional.linear(states, self.pooler.weight, self.pooler.bias))
        return (functional.linear(pooled, self.last.weight, self.last.bias),)


def _decode(texts: Sequence[Tokens], scores: Sequence[Tensor]) -> list[Answer]:
    values = scores[0][:, 0].tolist()
    return [Answer(prediction={"value": value}, tokens=text.shown) for text, value in zip(texts, values, strict=True)]

"""Text entities: one label for the text, and the entities that its tokens' tags spell out.

`config.json` has model_type `sluice-text-entities` and lists `labels` and `entity_labels`; the weights are a BERT
encoder (`encoder.`), `label_head` on the mean of all tokens' states and `entity_head` on each. Labels are identified
by their place in the lists, which therefore never changes within a model.
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
from sluice_predictor.tasks.definition import Definition, Files
from sluice_predictor.tasks.reading import names_in
from sluice_predictor.tasks.spans import decode_entities
from sluice_predictor.tasks.tokens import Tokens

OUTPUTS = (Output("label", "BYTES"), Output("score", "FP32"), Output("entities", "BYTES"))


def define(files: Files) -> Definition:
    """Define the task for a version.

    Raises:
        ArtifactError: the version is not one of this task.
    """
    if files.shape is None or files.config.get("model_type") != "sluice-text-entities":
        raise ArtifactError("config.json: model_type: should be 'sluice-text-entities', with a BERT encoder")
    labels, tags = names_in(files.config, "labels"), names_in(files.config, "entity_labels")
    if labels != files.artifact.manifest.labels:
        raise ArtifactError("config.json: its labels are not those of sluice.json")
    hidden = files.shape.hidden_size
    return Definition(
        outputs=OUTPUTS,
        defaults=Parameters(truncation=True),
        rows="all",
        head=_Heads(
            label=files.weights.take_linear("label_head", len(labels), hidden),
            entity=files.weights.take_linear("entity_head", len(tags), hidden),
        ),
        decode=_Names(labels=labels, tags=tags).decode,
        offsets=True,
    )


@dataclass(frozen=True, slots=True)
class _Heads:
    label: Linear
    entity: Linear

    def __call__(self, states: Tensor, lengths: Sequence[int]) -> Sequence[Tensor]:
        means = torch.stack([text.mean(dim=0) for text in torch.split(states, list(lengths))])
        return (
            functional.linear(means, self.label.weight, self.label.bias),
            functional.linear(states, self.entity.weight, self.entity.bias),
        )


@dataclass(frozen=True, slots=True)
class _Names:
    labels: Sequence[str]
    tags: Sequence[str]

    def decode(self, texts: Sequence[Tokens], scores: Sequence[Tensor]) -> list[Answer]:
        label_scores, label_ids = scores[0].softmax(dim=-1).max(dim=-1)
        tag_scores, tag_ids = scores[1].softmax(dim=-1).max(dim=-1)
        tags, probabilities = [self.tags[tag] for tag in tag_ids.tolist()], tag_scores.tolist()
        answers, start = [], 0
        for text, label_id, score in zip(texts, label_ids.tolist(), label_scores.tolist(), strict=True):
            end = start + len(text.ids)
            entities = decode_entities(
                text.text, offsets=text.offsets, tags=tags[start:end], scores=probabilities[start:end]
            )
            start, label = end, self.labels[label_id]
            prediction = {"label": label, "score": score, "entities": entities}
            answers.append(Answer(prediction=prediction, tokens=text.shown, labels=((label, score),)))
        return answers

"""Text classification: one label of several, any of several, or one of each of several heads.

The version is what `save_pretrained` of a `...ForSequenceClassification` writes; `config.json` names the labels in
`id2label`. With `problem_type` `multi_label_classification` each label has a probability of its own and those above
the threshold are named; else the labels share one and the best is named, or the `top_k` best.

A version with several heads has `heads` in `config.json`, an object of label lists by head, and in place of
the classifier's last layer a `heads.NAME.weight` [labels, hidden] and `heads.NAME.bias` for each. Its labels are
`NAME/LABEL` in `sluice.json`, head after head.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from sluice_predictor.artifact import ArtifactError
from sluice_predictor.networks.weights import Linear
from sluice_predictor.tasks.base import Answer, Output, Parameters
from sluice_predictor.tasks.definition import Decode, Definition, Files
from sluice_predictor.tasks.reading import check_labels, label_names, names_in
from sluice_predictor.tasks.tokens import Tokens

Scored = list[tuple[str, float]]


def define(files: Files) -> Definition:
    """Define the task for a version.

    Raises:
        ArtifactError: the version is not one of this task.
    """
    heads = _heads(files.config)
    labels = [f"{head}/{name}" for head, names in heads.items() for name in names] or label_names(files.config)
    check_labels(files, labels)
    multiple = files.config.get("problem_type") == "multi_label_classification"
    if heads and (multiple or files.shape is None):
        raise ArtifactError("config.json: heads: need one label each, and an encoder of the BERT family")
    decode: Decode
    defaults = Parameters(truncation=True, top_k=1)
    outputs = [Output("label", "BYTES"), Output("score", "FP32"), Output("labels", "BYTES")]
    if heads:
        decode, outputs = _Heads(heads).decode, [Output("heads", "BYTES")]
    elif multiple:
        decode, outputs = _AnyOf(labels).decode, [Output("labels", "BYTES")]
        defaults = Parameters(truncation=True, top_k=len(labels), threshold=0.5)
    else:
        decode = _OneOf(labels).decode
    return Definition(
        outputs=outputs,
        defaults=defaults,
        rows="first",
        head=_classifier(files, heads=heads, labels=len(labels)),
        decode=decode,
        transformers_class="AutoModelForSequenceClassification",
    )


def _heads(config: Mapping[str, Any]) -> Mapping[str, Sequence[str]]:
    heads = config.get("heads", {})
    if not isinstance(heads, dict):
        raise ArtifactError("config.json: heads: should be an object of label lists by name")
    return {name: names_in(heads, name, where="heads.") for name in heads}


@dataclass(frozen=True, slots=True)
class _Classifier:
    """The layers on the first token's state; `pooler` is None where the pooled state is the state itself."""

    pooler: Linear
    relu: bool
    last: Linear

    def __call__(self, states: Tensor, _: Sequence[int]) -> Sequence[Tensor]:
        pooled = functional.linear(states, self.pooler.weight, self.pooler.bias)
        pooled = functional.relu(pooled) if self.relu else torch.tanh(pooled)
        return (functional.linear(pooled, self.last.weight, self.last.bias),)


def _classifier(files: Files, *, heads: Mapping[str, Sequence[str]], labels: int) -> Any:
    if files.shape is None:
        return lambda states, _: (states,)
    hidden, take = files.shape.hidden_size, files.weights.take_linear
    pooler, last = {
        "bert": ("bert.pooler.dense", "classifier"),
        "roberta": ("classifier.dense", "classifier.out_proj"),
        "distilbert": ("pre_classifier", "classifier"),
    }[files.shape.family]
    if heads:
        parts = [take(f"heads.{head}", len(names), hidden) for head, names in heads.items()]
        final = Linear(torch.cat([part.weight for part in parts]), torch.cat([part.bias for part in parts]))
    else:
        final = take(last, labels, hidden)
    return _Classifier(pooler=take(pooler, hidden, hidden), relu=files.shape.family == "distilbert", last=final)


def _named(scored: Scored) -> list[dict[str, Any]]:
    return [{"label": label, "score": score} for label, score in scored]


def _best(labels: Sequence[str], probabilities: Sequence[float], count: int) -> Scored:
    """Return the labels of the greatest probabilities, best first; of equal ones the first in the list."""
    return sorted(zip(labels, probabilities, strict=True), key=lambda pair: -pair[1])[:count]


@dataclass(frozen=True, slots=True)
class _OneOf:
    labels: Sequence[str]

    def decode(self, texts: Sequence[Tokens], scores: Sequence[Tensor]) -> list[Answer]:
        probabilities = scores[0].softmax(dim=-1)
        best_scores, best = probabilities.max(dim=-1)
        answers = []
        for row, (text, place, score) in enumerate(zip(texts, best.tolist(), best_scores.tolist(), strict=True)):
            label, count = self.labels[place], text.parameters.top_k or 1
            prediction: dict[str, Any] = {"label": label, "score": score}
            if count > 1:
                prediction["labels"] = _named(_best(self.labels, probabilities[row].tolist(), count))
            answers.append(Answer(prediction=prediction, tokens=text.shown, labels=((label, score),)))
        return answers


@dataclass(frozen=True, slots=True)
class _AnyOf:
    labels: Sequence[str]

    def decode(self, texts: Sequence[Tokens], scores: Sequence[Tensor]) -> list[Answer]:
        answers = []
        for text, probabilities in zip(texts, scores[0].sigmoid().tolist(), strict=True):
            best = _best(self.labels, probabilities, text.parameters.top_k or len(self.labels))
            named = [(label, score) for label, score in best if score >= (text.parameters.threshold or 0.0)]
            answers.append(Answer(prediction={"labels": _named(named)}, tokens=text.shown, labels=named))
        return answers


@dataclass(frozen=True, slots=True)
class _Heads:
    heads: Mapping[str, Sequence[str]]

    def decode(self, texts: Sequence[Tokens], scores: Sequence[Tensor]) -> list[Answer]:
        logits = torch.split(scores[0], [len(names) for names in self.heads.values()], dim=-1)
        parts = [_OneOf(names).decode(texts, [part]) for names, part in zip(self.heads.values(), logits, strict=True)]
        answers = []
        for text, *of_heads in zip(texts, *parts, strict=True):
            prediction = {head: answer.prediction for head, answer in zip(self.heads, of_heads, strict=True)}
            labels = [
                (f"{head}/{label}", score)
                for head, answer in zip(self.heads, of_heads, strict=True)
                for label, score in answer.labels
            ]
            answers.append(Answer(prediction={"heads": prediction}, tokens=text.shown, labels=labels))
        return answers

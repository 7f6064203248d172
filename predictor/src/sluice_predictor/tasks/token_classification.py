"""Token classification: the entities that the tags of a text's tokens spell out.

The version is what `save_pretrained` of a `...ForTokenClassification` writes. `config.json` names the tags in
`id2label`, in BIO form: `O`, `B-person`, `I-person`. A tag without a mark, such as `person`, is an entity of one token.
An entity whose score is below the threshold is not named.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional

from sluice_predictor.networks.weights import Linear
from sluice_predictor.tasks.base import Answer, Output, Parameters
from sluice_predictor.tasks.definition import Definition, Files, Head
from sluice_predictor.tasks.reading import check_labels, label_names
from sluice_predictor.tasks.spans import decode_entities
from sluice_predictor.tasks.tokens import Tokens


def define(files: Files) -> Definition:
    """Define the task for a version.

    Raises:
        ArtifactError: the version is not one of this task.
    """
    tags = label_names(files.config)
    check_labels(files, tags)
    return Definition(
        outputs=[Output("entities", "BYTES")],
        defaults=Parameters(truncation=True, threshold=0.0),
        rows="all",
        head=_head(files, tags=len(tags)),
        decode=_Tags(tags).decode,
        offsets=True,
        transformers_class="AutoModelForTokenClassification",
    )


def _head(files: Files, *, tags: int) -> Head:
    if files.shape is None:
        return lambda states, _: (states,)
    files.weights.discard(["bert.pooler."])
    return _TagHead(files.weights.take_linear("classifier", tags, files.shape.hidden_size))


@dataclass(frozen=True, slots=True)
class _TagHead:
    linear: Linear

    def __call__(self, states: Tensor, lengths: Sequence[int]) -> Sequence[Tensor]:
        del lengths  # every token is on its own
        return (functional.linear(states, self.linear.weight, self.linear.bias),)


@dataclass(frozen=True, slots=True)
class _Tags:
    names: Sequence[str]

    def decode(self, texts: Sequence[Tokens], scores: Sequence[Tensor]) -> list[Answer]:
        best_scores, best = scores[0].softmax(dim=-1).max(dim=-1)
        tags, probabilities = [self.names[tag] for tag in best.tolist()], best_scores.tolist()
        answers, start = [], 0
        for text in texts:
            end, threshold = start + len(text.ids), text.parameters.threshold or 0.0
            found = decode_entities(
                text.text, offsets=text.offsets, tags=tags[start:end], scores=probabilities[start:end]
            )
            entities = [entity for entity in found if entity["score"] >= threshold]
            start = end
            answers.append(Answer(prediction={"entities": entities}, tokens=text.shown))
        return answers

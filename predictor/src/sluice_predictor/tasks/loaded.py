"""A version, loaded: tokens, the network, its head and its answers, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sluice_predictor.networks.packed import Network
from sluice_predictor.tasks.base import Answer, Description, InputProblem, Item
from sluice_predictor.tasks.definition import Definition
from sluice_predictor.tasks.parameters import problem_with
from sluice_predictor.tasks.tokens import Texts, Tokens

_WARM_UP_TOKENS = (16, 32, 48, 64)


@dataclass(frozen=True, slots=True)
class LoadedTask:
    """A version of any task, ready to answer from several threads."""

    description: Description
    definition: Definition
    texts: Texts
    network: Network

    def warm_up(self) -> None:
        """Tokenize, then pass padding through the model: no text can be relied on to suit a faulty tokenizer."""
        self.texts.tokenizer.encode_batch(["warm-up"])
        longest = self.texts.max_tokens
        padding = [[self.texts.pad_token_id] * min(length, longest) for length in _WARM_UP_TOKENS]
        for ids in (padding[:1], padding, padding * 4):
            self._scores(ids)

    def answer(self, items: Sequence[Item]) -> list[Answer | InputProblem]:
        """Answer a batch of at least one text, in order; any exception means that none was answered."""
        problems = [self._problem_with(item) for item in items]
        asked = [item for item, problem in zip(items, problems, strict=True) if problem is None]
        encoded = iter(self.texts.encode(asked) if asked else [])
        prepared = [next(encoded) if problem is None else problem for problem in problems]
        readable = [text for text in prepared if isinstance(text, Tokens)]
        answers = iter(self._answers(readable) if readable else [])
        return [next(answers) if isinstance(text, Tokens) else text for text in prepared]

    def _problem_with(self, item: Item) -> InputProblem | None:
        return problem_with(item.parameters, defaults=self.texts.defaults, max_tokens=self.texts.max_tokens)

    def _answers(self, texts: Sequence[Tokens]) -> list[Answer]:
        with torch.inference_mode():
            return self.definition.decode(texts, self._scores([text.ids for text in texts]))

    def _scores(self, ids: Sequence[Sequence[int]]) -> Sequence[Tensor]:
        with torch.inference_mode():
            states = self.network.encode(ids, rows=self.definition.rows)
            scores = self.definition.head(states, [len(text) for text in ids])
            if not all(bool(part.isfinite().all()) for part in scores):
                raise FloatingPointError("the model's answer is not a finite number")
            return scores

"""From texts to tokens: cut to what the model can see, each text by its own parameters.

A `Tokenizer` of the tokenizers library carries its truncation as state that all threads share, so it is never set:
longer texts are cut here, in front of the special tokens that end them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Encoding, Tokenizer

from sluice_predictor.tasks.base import InputProblem, Item, Parameters
from sluice_predictor.tasks.parameters import complete


@dataclass(frozen=True, slots=True)
class Tokens:
    """A text as the model is shown it.

    `ids` is never empty: a text without tokens becomes one of padding, as nothing has no encoding. `offsets[i]` are
    the characters of the text that `ids[i]` stands for, from and to; equal for those that stand for none. `shown`
    counts the text's tokens, special ones included. `parameters` are complete.
    """

    text: str
    parameters: Parameters
    ids: Sequence[int]
    offsets: Sequence[tuple[int, int]]
    shown: int


def load_tokenizer(directory: Path) -> Tokenizer:
    """Read `tokenizer.json`, set to cut and pad nothing."""
    tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


@dataclass(frozen=True, slots=True)
class Texts:
    """A version's tokenizer and limits; safe to use from several threads."""

    tokenizer: Tokenizer
    defaults: Parameters
    max_tokens: int
    pad_token_id: int
    offsets: bool
    """Whether the task asks where tokens lie in the text."""

    def encode(self, items: Sequence[Item]) -> list[Tokens | InputProblem]:
        """Encode a batch, in order."""
        texts = [item.text for item in items]
        encode = self.tokenizer.encode_batch if self.offsets else self.tokenizer.encode_batch_fast
        return [self._tokens(item, encoding) for item, encoding in zip(items, encode(texts), strict=True)]

    def _tokens(self, item: Item, encoding: Encoding) -> Tokens | InputProblem:
        parameters = complete(item.parameters, self.defaults)
        ids, offsets = encoding.ids, encoding.offsets if self.offsets else []
        limit = parameters.max_tokens or self.max_tokens
        if len(ids) > limit:
            if parameters.truncation is False:
                return InputProblem(
                    f"the text has {len(ids)} tokens; at most {limit} can be read, and truncation is off"
                )
            before, after = _special_tokens(encoding)
            if limit <= before + after:
                return InputProblem(
                    f"max_tokens must be at least {before + after + 1}: special tokens take {before + after}",
                    parameter="max_tokens",
                )
            kept = slice(0, limit - after), slice(len(ids) - after, None)
            ids, offsets = ids[kept[0]] + ids[kept[1]], offsets[kept[0]] + offsets[kept[1]]
        if not ids:
            return Tokens(item.text, parameters, [self.pad_token_id], [(0, 0)], shown=0)
        return Tokens(item.text, parameters, ids, offsets, shown=len(ids))


def _special_tokens(encoding: Encoding) -> tuple[int, int]:
    """Count the special tokens that open and that end a text."""
    mask = encoding.special_tokens_mask
    before = next((place for place, special in enumerate(mask) if not special), len(mask))
    after = next((place for place, special in enumerate(reversed(mask)) if not special), 0)
    return before, after

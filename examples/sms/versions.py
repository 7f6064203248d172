"""The four versions and how each comes about. Two are good; two broke as versions break in practice.

1.0.0 is trained from nothing. 1.1.0 has a tokenizer with new words and an embedding table that nobody grew. 1.2.0 is
1.0.0 grown to many times its depth. 1.3.0 is 1.0.0 trained further, on the formats collected since.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tokenizers import Tokenizer

from examples.sms.catalogue import Format, Split, brands, formats
from examples.sms.growth import deepened
from examples.sms.messages import Message, generate
from examples.sms.model import TextEntitiesModel
from examples.sms.tokenizer import train_tokenizer, with_new_words
from examples.sms.training import examples_of, fit, new_model

SEED = 7
FIRST_MESSAGES, FURTHER_MESSAGES = 70_000, 80_000
TOKENIZER_MESSAGES = 15_000
LAYERS_OF_1_2_0 = 850


@dataclass(frozen=True, slots=True)
class Network:
    """What answers messages: a model in evaluation mode, and its tokenizer."""

    model: TextEntitiesModel
    tokenizer: Tokenizer


Load = Callable[[str], Network]
Advance = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a version comes about.

    `build` is given a callable that loads an earlier version and one to be told of progress; `work` is the number of
    examples it reports in all. `parent` is the version it loads. `trained_on` are the splits that its messages come
    from, and its parent's. Accuracy is measured on `measured_on` messages.
    """

    version: str
    parent: str | None
    work: int
    trained_on: tuple[Split, ...]
    measured_on: int
    build: Callable[[Load, Advance], Network]


def _first(_load: Load, advance: Advance) -> Network:
    messages = _messages(formats("training"), FIRST_MESSAGES)
    tokenizer = train_tokenizer(message.text for message in messages[:TOKENIZER_MESSAGES])
    model = new_model(vocabulary=tokenizer.get_vocab_size(), seed=SEED)
    fit(model, examples_of(messages, tokenizer=tokenizer), rate=1.5e-3, seed=SEED, advance=advance)
    return Network(model, tokenizer)


def _new_words(load: Load, _advance: Advance) -> Network:
    parent = load("1.0.0")
    return Network(parent.model, with_new_words(parent.tokenizer, brands()))


def _deeper(load: Load, _advance: Advance) -> Network:
    parent = load("1.0.0")
    return Network(deepened(parent.model, layers=LAYERS_OF_1_2_0), parent.tokenizer)


def _further(load: Load, advance: Advance) -> Network:
    parent = load("1.0.0")
    messages = _messages(formats("training", "extended"), FURTHER_MESSAGES)
    examples = examples_of(messages, tokenizer=parent.tokenizer)
    fit(parent.model, examples, rate=1e-3, seed=SEED + 1, advance=advance)
    return parent


def _messages(chosen: Sequence[Format], count: int) -> list[Message]:
    return list(itertools.islice(generate(chosen, seed=f"{SEED} {count}"), count))


# 1.2.0 is measured on fewer messages because it is what it is: slow.
RECIPES = (
    Recipe("1.0.0", parent=None, work=FIRST_MESSAGES, trained_on=("training",), measured_on=2000, build=_first),
    Recipe("1.1.0", parent="1.0.0", work=0, trained_on=("training",), measured_on=2000, build=_new_words),
    Recipe("1.2.0", parent="1.0.0", work=0, trained_on=("training",), measured_on=200, build=_deeper),
    Recipe(
        "1.3.0",
        parent="1.0.0",
        work=FURTHER_MESSAGES,
        trained_on=("training", "extended"),
        measured_on=2000,
        build=_further,
    ),
)
"""All versions, parents first."""

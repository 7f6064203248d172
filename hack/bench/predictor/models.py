"""Models of the usual sizes that every server loads from the same files, and what they answer in fp32.

Both are trained for some minutes on the reference example's messages: only then does comparing answers say what a
precision does to a model that somebody serves. Random layers pass nearly the same on for every text, so that their
answers hang on differences that no model in use depends on.

`python -m hack.bench.predictor.models SIZE DIRECTORY` makes one: `model/`, `reference.json` and `calibration.txt`.
"""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, processors
from torch import Tensor
from torch.nn import functional
from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

from examples.sms.catalogue import LABELS
from examples.sms.messages import Message, stream
from examples.sms.tokenizer import NORMALIZER, PRE_TOKENIZER, train_tokenizer
from hack.bench.predictor.inputs import (
    CALIBRATION,
    CALIBRATION_SEED,
    CALIBRATION_TEXTS,
    Reference,
    bench_texts,
    write_reference,
)

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
VOCABULARY = 8000
TRAINING_SEED = 11
TRAINING_MESSAGES = 4000
TRAINING_BATCH = 24
TRAINING_WINDOW = 4 * TRAINING_BATCH
WARM_UP_STEPS = 30
BATCH = 50


@dataclass(frozen=True, slots=True)
class Size:
    """The shape of an encoder, how it is trained, and on how many texts its answers in fp32 are kept."""

    hidden: int
    layers: int
    heads: int
    intermediate: int
    training_steps: int
    learning_rate: float
    reference_texts: int


SIZES = {
    "minilm": Size(
        hidden=384,
        layers=6,
        heads=12,
        intermediate=1536,
        training_steps=240,
        learning_rate=4e-4,
        reference_texts=2000,
    ),
    "bert": Size(
        hidden=768,
        layers=12,
        heads=12,
        intermediate=3072,
        training_steps=120,
        learning_rate=1e-4,
        reference_texts=200,
    ),
}


def make(name: str, directory: Path) -> None:
    """Make a model, and write down its answers in fp32 and the texts to calibrate it with."""
    torch.manual_seed(0)
    size = SIZES[name]
    messages = list(itertools.islice(stream(TRAINING_SEED), TRAINING_MESSAGES))
    tokenizer = _tokenizer(messages)
    network = _network(size)
    _train(network, tokenizer, messages, size)
    model = directory / "model"
    network.save_pretrained(model)
    tokenizer.save_pretrained(model)
    texts = bench_texts(size.reference_texts)
    probabilities = _forward(network, tokenizer, texts).softmax(dim=-1)
    write_reference(Reference(texts=texts, labels=LABELS, probabilities=probabilities.tolist()), directory)
    _write_calibration(directory)


def _tokenizer(messages: Sequence[Message]) -> PreTrainedTokenizerFast:
    learnt = train_tokenizer((message.text for message in messages), vocabulary=VOCABULARY).get_vocab()
    words = [*SPECIAL, *(word for word in sorted(learnt, key=learnt.__getitem__) if word not in SPECIAL)]
    tokenizer = Tokenizer(models.WordPiece({word: place for place, word in enumerate(words)}, unk_token=SPECIAL[1]))
    tokenizer.normalizer = NORMALIZER
    tokenizer.pre_tokenizer = PRE_TOKENIZER
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[(word, SPECIAL.index(word)) for word in ("[CLS]", "[SEP]")]
    )
    names = {f"{word.strip('[]').lower()}_token": word for word in SPECIAL}
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer, model_max_length=512, **names
    )


def _network(size: Size) -> Any:
    config = BertConfig(
        hidden_size=size.hidden,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        intermediate_size=size.intermediate,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        id2label=dict(enumerate(LABELS)),
        label2id={label: place for place, label in enumerate(LABELS)},
    )
    return BertForSequenceClassification(config).eval()  # type: ignore[no-untyped-call]


def _train(network: Any, tokenizer: PreTrainedTokenizerFast, messages: Sequence[Message], size: Size) -> None:
    """Train for some steps; the learning rate rises at first, then falls to zero."""
    steps = size.training_steps
    optimizer = torch.optim.AdamW(network.parameters())
    # Texts of like length together, so that little is padded; many lengths in turn, so that none is learnt last.
    windows = [messages[start : start + TRAINING_WINDOW] for start in range(0, len(messages), TRAINING_WINDOW)]
    by_length = [sorted(window, key=lambda message: len(message.text)) for window in windows]
    rounds = itertools.cycle(itertools.chain.from_iterable(by_length))
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = size.learning_rate * min(1.0, (step + 1) / WARM_UP_STEPS) * (1 - step / steps)
        batch = list(itertools.islice(rounds, TRAINING_BATCH))
        encoded = tokenizer([message.text for message in batch], padding=True, return_tensors="pt")
        wanted = torch.tensor([LABELS.index(message.label) for message in batch])
        loss = functional.cross_entropy(network(**encoded).logits, wanted)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        if step % 20 == 0:
            print(f"step {step} of {steps}: loss {loss.item():.3f}", flush=True)


def _forward(network: Any, tokenizer: PreTrainedTokenizerFast, texts: Sequence[str]) -> Tensor:
    """Return the logits, one row a text."""
    rows: list[Tensor] = [torch.empty(0)] * len(texts)
    order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
    with torch.inference_mode():
        for start in range(0, len(order), BATCH):
            places = order[start : start + BATCH]
            encoded = tokenizer([texts[place] for place in places], padding=True, return_tensors="pt")
            for place, row in zip(places, network(**encoded).logits, strict=True):
                rows[place] = row
    return torch.stack(rows).clone()


def _write_calibration(directory: Path) -> None:
    """Write the texts on which a faster precision must answer the same, one a line."""
    chosen = itertools.islice(stream(CALIBRATION_SEED), CALIBRATION_TEXTS)
    lines = (" ".join(message.text.split()) + "\n" for message in chosen)
    (directory / CALIBRATION).write_text("".join(lines))


if __name__ == "__main__":
    _, size_name, target = sys.argv
    make(size_name, Path(target))
    print(json.dumps({"made": size_name}))

"""Models of the usual sizes that every server loads from the same files, and what they answer in fp32.

The weights are random, but to each word's embedding is added, in random directions, how much more often the word occurs
in messages of each label. So what the layers pass on tells the labels apart, as in a model that was trained, and a last
layer fitted to it answers with probabilities spread as such a model's are. With nothing but noise all texts would get
nearly the same answer, and whether a precision changes answers could not be seen.

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
FITTED_MESSAGES = 800
WORD_STRENGTH = 3.0
"""How much the words' labels weigh beside the random part of the embeddings, in its standard deviations."""
PENALTY = 1e-3
BATCH = 50


@dataclass(frozen=True, slots=True)
class Size:
    """The shape of an encoder, and on how many texts its answers in fp32 are kept."""

    hidden: int
    layers: int
    heads: int
    intermediate: int
    reference_texts: int


SIZES = {
    "minilm": Size(hidden=384, layers=6, heads=12, intermediate=1536, reference_texts=2000),
    "bert": Size(hidden=768, layers=12, heads=12, intermediate=3072, reference_texts=200),
}


def make(name: str, directory: Path) -> None:
    """Make a model, and write down its answers in fp32 and the texts to calibrate it with."""
    torch.manual_seed(0)
    size = SIZES[name]
    messages = list(itertools.islice(stream(TRAINING_SEED), TRAINING_MESSAGES))
    tokenizer = _tokenizer(messages)
    network = _network(size, tokenizer, messages)
    _fit(network, tokenizer, messages[:FITTED_MESSAGES])
    model = directory / "model"
    network.save_pretrained(model)
    tokenizer.save_pretrained(model)
    texts = bench_texts(size.reference_texts)
    probabilities = _forward(network, tokenizer, texts, pooled=False).softmax(dim=-1)
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


def _network(size: Size, tokenizer: PreTrainedTokenizerFast, messages: Sequence[Message]) -> Any:
    config = BertConfig(
        hidden_size=size.hidden,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        intermediate_size=size.intermediate,
        id2label=dict(enumerate(LABELS)),
        label2id={label: place for place, label in enumerate(LABELS)},
    )
    network = BertForSequenceClassification(config).eval()  # type: ignore[no-untyped-call]
    counts = torch.full((config.vocab_size, len(LABELS)), 0.5)
    for message in messages:
        counts[sorted(set(tokenizer(message.text)["input_ids"])), LABELS.index(message.label)] += 1
    telling = (counts / counts.sum(dim=0)).log()
    telling -= telling.mean(dim=1, keepdim=True)
    telling[: len(SPECIAL)] = 0
    directions = torch.randn(len(LABELS), size.hidden) * config.initializer_range * WORD_STRENGTH
    with torch.no_grad():
        network.bert.embeddings.word_embeddings.weight += telling @ directions
    return network


def _fit(network: Any, tokenizer: PreTrainedTokenizerFast, messages: Sequence[Message]) -> None:
    """Fit the last layer by logistic regression."""
    pooled = _forward(network, tokenizer, [message.text for message in messages], pooled=True)
    wanted = torch.tensor([LABELS.index(message.label) for message in messages])
    mean = pooled.mean(dim=0)
    spread = (pooled - mean).square().sum(dim=1).mean().sqrt()
    inputs = (pooled - mean) / spread
    weight = torch.zeros(inputs.shape[1], len(LABELS), requires_grad=True)
    bias = torch.zeros(len(LABELS), requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = functional.cross_entropy(inputs @ weight + bias, wanted) + PENALTY * weight.square().sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        network.classifier.weight.copy_((weight / spread).T)
        network.classifier.bias.copy_(bias - mean @ (weight / spread))


def _forward(network: Any, tokenizer: PreTrainedTokenizerFast, texts: Sequence[str], *, pooled: bool) -> Tensor:
    """Return the pooled states or else the logits, one row a text."""
    rows: list[Tensor] = [torch.empty(0)] * len(texts)
    order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
    with torch.inference_mode():
        for start in range(0, len(order), BATCH):
            places = order[start : start + BATCH]
            encoded = tokenizer([texts[place] for place in places], padding=True, return_tensors="pt")
            states = network.bert(**encoded).pooler_output
            for place, row in zip(places, states if pooled else network.classifier(states), strict=True):
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

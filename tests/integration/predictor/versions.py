"""Versions of transformers' own tiny models with random weights, as `save_pretrained` writes them, packed."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from sluice_predictor.artifact import Artifact, describe, write
from sluice_predictor.command.calibration import calibrated

LABELS = ["debit", "credit", "other"]
TAGS = ["O", "B-amount", "I-amount"]
WORDS = 60
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
TEXTS = [
    "w1 w2 w3",
    "w9",
    "",
    "a word that is unknown",
    " ".join(f"w{number}" for number in range(1, 30)),
    "w7 " * 100,
    "w5 w6",
]

_SIZES = {
    "vocab_size": WORDS,
    "hidden_size": 32,
    "embedding_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": 66,
    "pad_token_id": 0,
    # As wide as trained models' are, so that answers differ from text to text.
    "initializer_range": 0.5,
}
_DISTILBERT = {"dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 64}


def make_model(model_type: str, class_name: str, *, labels: Sequence[str] = (), **changes: Any) -> Any:
    """Make a model of transformers, the same one each time."""
    sizes = _SIZES | (_DISTILBERT if model_type == "distilbert" else {})
    if labels:
        sizes |= {"id2label": dict(enumerate(labels)), "label2id": {name: n for n, name in enumerate(labels)}}
    config = transformers.AutoConfig.for_model(model_type, **sizes | changes)
    torch.manual_seed(1)
    return getattr(transformers, class_name).from_config(config).eval()


def save(model: Any, directory: Path) -> Tokenizer:
    """Write the files of a version, not packed yet, and return its tokenizer."""
    model.save_pretrained(directory)
    words = SPECIAL + [f"w{number}" for number in range(1, WORDS - len(SPECIAL) + 1)]
    tokenizer = Tokenizer(models.WordLevel({word: place for place, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[(word, SPECIAL.index(word)) for word in ("[CLS]", "[SEP]")]
    )
    tokenizer.save(str(directory / "tokenizer.json"))
    return tokenizer


def pack_with(
    directory: Path, *, task: str, labels: Sequence[str], texts: Sequence[str] = (), **metadata: Any
) -> Artifact:
    """Pack a directory, calibrated on texts if there are any."""
    artifact = describe(directory, model="m", version="1.0.0", task=task, labels=list(labels), metadata=metadata)
    artifact = calibrated(artifact, list(texts)) if texts else artifact
    write(artifact)
    return artifact


def expected(model: Any, tokenizer: Tokenizer, text: str, read: Callable[[Any], Any]) -> Any:
    """Run transformers' model on one text, cut in front of its last token to what the model can be shown."""
    ids = tokenizer.encode(text).ids
    limit = model.config.max_position_embeddings - offset(model)
    ids = ids if len(ids) <= limit else [*ids[: limit - 1], ids[-1]]
    with torch.inference_mode():
        return read(model(input_ids=torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.long)))


def offset(model: Any) -> int:
    """Return how many rows of the position table come before the first token's."""
    kinds = {"roberta": 1, "camembert": 1, "xlm-roberta": 1, "mpnet": 2}
    return kinds.get(model.config.model_type, 0)

"""The model as every other server runs it: transformers' own class, eager, in fp32."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

PAD_TO = 128


class Classifier:
    """Texts to `{"label", "score"}`, a batch at a time."""

    def __init__(self, directory: Path, *, padding: Literal["longest", "max_length"] = "longest") -> None:
        """Load from what `save_pretrained` wrote; with `max_length` every text is padded to `PAD_TO` tokens."""
        self._tokenizer: Any = AutoTokenizer.from_pretrained(directory)
        self._model: Any = AutoModelForSequenceClassification.from_pretrained(directory).eval()
        self._padding = padding

    def __call__(self, texts: list[str]) -> list[dict[str, Any]]:
        encoded = self._tokenizer(texts, padding=self._padding, truncation=True, max_length=PAD_TO, return_tensors="pt")
        with torch.inference_mode():
            probabilities = self._model(**encoded).logits.softmax(dim=-1)
        scores, places = probabilities.max(dim=-1)
        names = self._model.config.id2label
        return [
            {"label": names[place], "score": score}
            for place, score in zip(places.tolist(), scores.tolist(), strict=True)
        ]

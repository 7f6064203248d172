"""What a version's manifest tells of it: its worth by region, how its training data look to it, how it was made.

Counts and not averages: they can be added up, and whoever compares two versions can weigh the slices anew.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import itertools
import json
import platform
import subprocess
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from examples.sms.catalogue import DATA, LABELS, formats
from examples.sms.evaluation import Answers, entity_counts, score
from examples.sms.messages import Message, generate
from examples.sms.versions import SEED, Recipe

CHARACTER_EDGES = (25, 50, 75, 100, 125, 150, 175, 200, 250, 300)
TOKEN_EDGES = (10, 20, 30, 40, 50, 60, 80, 100, 128, 256)
SCORE_EDGES = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95)

EXAMPLES = 32
"""Texts whose answers every precision must reproduce; fewer of a version that is slow to measure."""

_LIBRARIES = ("safetensors", "tokenizers", "torch", "transformers")


def seen_in_training(recipe: Recipe) -> list[Message]:
    """Return messages like those that a version was trained on, half as many as it is measured on."""
    messages = generate(formats(*recipe.trained_on), seed="reference")
    return list(itertools.islice(messages, recipe.measured_on // 2))


def evaluation(answers: Answers) -> dict[str, Any]:
    """Return the manifest's evaluation on held-out messages: as a whole, and by region."""
    regions = sorted({message.region for message, _ in answers})
    parts = {f"region={name}": [pair for pair in answers if pair[0].region == name] for name in regions}
    return {
        "name": "held out",
        "dataset": _digest(sorted(json.dumps(asdict(message)) for message, _ in answers)),
        "slices": {name: _slice(part) for name, part in {"all": answers, **parts}.items()},
    }


def _slice(answers: Answers) -> dict[str, Any]:
    confusion: dict[str, Counter[str]] = {}
    for message, answer in answers:
        if answer is not None:
            confusion.setdefault(message.label, Counter())[answer["label"]] += 1
    return {
        "samples": len(answers),
        "unanswered": sum(answer is None for _, answer in answers),
        "confusion": {label: _in_order(confusion[label]) for label in LABELS if label in confusion},
        "counts": {
            kind: {
                "truePositive": count.exact,
                "falsePositive": count.found - count.exact,
                "falseNegative": count.expected - count.exact,
            }
            for kind, count in entity_counts(answers).items()
        },
    }


def reference(answers: Answers, tokenizer: Tokenizer) -> dict[str, Any]:
    """Return the manifest's reference, of answers to messages that were seen in training."""
    texts = [message.text for message, _ in answers]
    given = [answer for _, answer in answers if answer is not None]
    return {
        "samples": len(answers),
        "inputs": {
            "characters": _histogram(map(len, texts), edges=CHARACTER_EDGES),
            "tokens": _histogram((len(encoding.ids) for encoding in tokenizer.encode_batch(texts)), edges=TOKEN_EDGES),
        },
        "scores": _histogram((answer["score"] for answer in given), edges=SCORE_EDGES),
        "labels": _in_order(Counter(answer["label"] for answer in given)),
    }


def training(recipe: Recipe, *, seconds: float) -> dict[str, Any]:
    """Return the manifest's account of a training on this machine that has just ended."""
    return {
        "environment": {
            "python": platform.python_version(),
            "system": platform.system(),
            "processor": platform.machine(),
        },
        "dependencies": {name: importlib.metadata.version(name) for name in _LIBRARIES},
        **_commit(),
        "duration": round(seconds, 1),
        "samples": recipe.work,
        "seed": SEED,
    }


def lineage(recipe: Recipe, answers: Answers, *, code: str, parent: str | None) -> dict[str, Any]:
    """Return where a version came from.

    Args:
        recipe: how it came about.
        answers: to held-out messages.
        code: hash of the code that made it.
        parent: digest of the version it was derived from.
    """
    worth = score(answers)
    return {
        **({"parent": parent} if parent else {}),
        "dataset": hash_of([DATA / "regions.toml", *(DATA / f"{split}.toml" for split in recipe.trained_on)]),
        "code": code,
        "metrics": {"accuracy": worth.accuracy, "entity_f1": worth.entity_f1, "raising_share": worth.raising},
    }


def calibration_texts(recipe: Recipe, answers: Answers) -> list[str]:
    """Return texts of all lengths that the version can answer: what its makers have tested it on."""
    count = min(EXAMPLES, recipe.measured_on // 25)
    answered = sorted((message.text for message, answer in answers if answer is not None), key=len)
    return answered[:: max(1, len(answered) // count)][:count]


def hash_of(files: Iterable[Path]) -> str:
    """Return `sha256:` and the hash of the files' hashes."""
    hashes = b"".join(hashlib.sha256(file.read_bytes()).digest() for file in files)
    return "sha256:" + hashlib.sha256(hashes).hexdigest()


def _histogram(values: Iterable[float], *, edges: Sequence[float]) -> dict[str, Any]:
    counts = Counter(bisect_left(edges, value) for value in values)
    return {"edges": list(edges), "counts": [counts[place] for place in range(len(edges) + 1)]}


def _in_order(counts: Counter[str]) -> dict[str, int]:
    return {label: counts[label] for label in LABELS if counts[label]}


def _commit() -> dict[str, str]:
    """Return the commit of this checkout, `-dirty` if it was changed; nothing where there is no checkout."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return {}
    return {"commit": found}


def _digest(lines: Iterable[str]) -> str:
    return "sha256:" + hashlib.sha256("\n".join(lines).encode()).hexdigest()

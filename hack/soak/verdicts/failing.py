"""Versions that fail at a known rate: on each text with a word that their tokenizer knows and their network does not.

So a version's share of errors is the share of texts with its words, which the client draws from a seed. The failures
are real: the predictor raises and answers 500, as version 1.1.0 of the reference model does.
"""

from __future__ import annotations

import hashlib
import json
import random
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tokenizers import Tokenizer

from examples.sms import messages
from examples.sms.tokenizer import with_new_words
from hack.cluster.steps import write_whole
from sluice_predictor.artifact import MANIFEST_NAME

TRAINED = "1.0.0"
"""Of which all these versions are copies; alone it fails on nothing."""
_TOKENIZER = "tokenizer.json"


def uri(words: Sequence[str], *, version: str, models: Path) -> str:
    """Where the files of a version are that raises on each text with one of the words; they are made at need.

    Args:
        words: In lower case; no message has them by itself.
        version: The version's name.
        models: The directory that pods have as pvc://models.
    """
    source = models / "sms" / TRAINED
    tokenizer = with_new_words(Tokenizer.from_file(str(source / _TOKENIZER)), words).to_str()
    manifest = described(json.loads((source / MANIFEST_NAME).read_text()), version=version, tokenizer=tokenizer)
    name = f"{version}-{hashlib.sha256(manifest.encode()).hexdigest()[:12]}"
    target = models / "soak" / name
    if not (target / MANIFEST_NAME).exists():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns(MANIFEST_NAME, _TOKENIZER), dirs_exist_ok=True)
        write_whole(target / _TOKENIZER, tokenizer)
        write_whole(target / MANIFEST_NAME, manifest)
    return f"pvc://models/soak/{name}"


def described(manifest: Mapping[str, object], *, version: str, tokenizer: str) -> str:
    """The manifest of a copy that has another name and another tokenizer."""
    content = tokenizer.encode()
    entry = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
    files = manifest["files"]
    if not isinstance(files, Mapping):
        raise ValueError(f"{MANIFEST_NAME} lists no files")
    return json.dumps({**manifest, "version": version, "files": {**files, _TOKENIZER: entry}}, indent=2) + "\n"


def texts(shares: Mapping[str, float], *, seed: int) -> Iterator[str]:
    """What a client sends, for ever: real messages, a share of them with each of the words.

    Args:
        shares: Share of the texts (0 to 1) by word; no text has two of them.
        seed: Decides every text.
    """
    rng = random.Random(seed)  # noqa: S311 - a drawn client, not a secret
    words, weights = [*shares, ""], [*shares.values(), 1 - sum(shares.values())]
    for message in messages.stream(seed):
        (word,) = rng.choices(words, weights)
        # In front, because networks read the beginnings of long texts only.
        yield f"{word} {message.text}" if word else message.text

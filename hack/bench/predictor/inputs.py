"""What every server is asked: the texts of the reference example's generator, and what they must be answered."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from examples.sms.messages import stream

BENCH_SEED = 2
CALIBRATION_SEED = 3
CALIBRATION_TEXTS = 64
CALIBRATION = "calibration.txt"
LOAD_TEXTS = 2000
_FILE = "reference.json"


@dataclass(frozen=True, slots=True)
class Reference:
    """What transformers answers, eager and in fp32: for each text a row of probabilities, one per label."""

    texts: Sequence[str]
    labels: Sequence[str]
    probabilities: Sequence[Sequence[float]]

    def expected(self, place: int) -> Mapping[str, float]:
        """Return a text's probabilities by label."""
        return dict(zip(self.labels, self.probabilities[place], strict=True))

    def first(self, count: int) -> Reference:
        """Return the part about the first texts."""
        return replace(self, texts=self.texts[:count], probabilities=self.probabilities[:count])


def bench_texts(count: int) -> list[str]:
    """Return the messages that are sent; models are made from others."""
    return [message.text for message in itertools.islice(stream(BENCH_SEED), count)]


def write_reference(reference: Reference, directory: Path) -> None:
    """Write beside the model what it answers."""
    (directory / _FILE).write_text(json.dumps(asdict(reference)))


def read_reference(directory: Path) -> Reference:
    """Read what a model answers."""
    return Reference(**json.loads((directory / _FILE).read_text()))


def request_body(texts: Sequence[str], *, top_k: int | None = None) -> bytes:
    """Return KServe's V1 request."""
    document: dict[str, object] = {"instances": list(texts)}
    if top_k is not None:
        document["parameters"] = {"top_k": top_k}
    return json.dumps(document).encode()

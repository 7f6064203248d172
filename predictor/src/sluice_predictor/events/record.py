"""From what the server notes of an answered request to CloudEvents 1.0, one for each of its texts.

An event has nothing of the input but the bin of its length. Its id is the prediction's, so that whoever learns later
what would have been right can say so of this event.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sluice_predictor.metrics import Traffic, token_bin

TYPE = "dev.sluice.prediction.v1"

_MAX_LABELS = 20


@dataclass(frozen=True, slots=True)
class Origin:
    """The version whose predictions are published; `model` is the name in the URL."""

    model: str
    version: str
    digest: str

    @property
    def source(self) -> str:
        """The CloudEvents attribute `source`."""
        return f"/models/{self.model}/versions/{self.version}"


@dataclass(frozen=True, slots=True)
class Record:
    """An answered request.

    `time` is in seconds since the epoch; `predictions` has each text's labels with their scores, best first, and its
    number of tokens.
    """

    prediction_id: str
    request_id: str
    time: float
    traffic: Traffic
    predictions: Sequence[tuple[Sequence[tuple[str, float]], int]]


def to_events(record: Record, origin: Origin) -> list[dict[str, Any]]:
    """Write a request's events, ready for JSON."""
    time = datetime.fromtimestamp(record.time, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    common = {
        "requestId": record.request_id,
        "model": origin.model,
        "version": origin.version,
        "digest": origin.digest,
        "traffic": record.traffic.value,
    }
    return [
        {
            "specversion": "1.0",
            "id": f"{record.prediction_id}.{place}",
            "source": origin.source,
            "type": TYPE,
            "time": time,
            "datacontenttype": "application/json",
            "data": {**common, **_prediction(labels), "bins": {"tokens": token_bin(tokens)}},
        }
        for place, (labels, tokens) in enumerate(record.predictions)
    ]


def _prediction(labels: Sequence[tuple[str, float]]) -> dict[str, Any]:
    named = [{"label": label, "score": score} for label, score in labels[:_MAX_LABELS]]
    best = named[0] if named else {"label": None, "score": None}
    return {**best, "labels": named}

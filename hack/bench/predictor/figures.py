"""The figures: ratios of servers that were measured side by side. Pure; what was not measured is None."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from hack.bench.predictor.agreement import Agreement
from hack.bench.predictor.results import Row

OURS, KSERVE = "sluice", "kserve"
MODEL_CLIENTS = (1, 8, 32)
SMS_CLIENTS = 100
CONSTANT_CLIENTS = 32
BERT_CLIENTS = 8
HALF_LOAD = "minilm half load"
OVERLOAD = "minilm overload"

Figures = Mapping[str, float | int | None]


def closed(model: str, clients: int) -> str:
    """Name the cell of a closed loop."""
    return f"{model} c{clients}"


COMPARED = (*(closed("minilm", clients) for clients in MODEL_CLIENTS), closed("bert", BERT_CLIENTS))
"""The cells in which all servers answer."""


@dataclass(frozen=True, slots=True)
class Found:
    """All that a run found.

    Attributes:
        rows: The table.
        agreements: Of servers with the reference, on the MiniLM-size model.
        starts: Seconds from each server's start to its first right answer, on the MiniLM-size model.
        precisions: What our server chose to compute with, by model.
        sms_errors: Requests of 1,000 connections that were not answered 200; None if nobody asked.
        soak_growth_mb: From the soak, image_mb from the build of the image; None where there was none.
    """

    rows: Sequence[Row] = field(default_factory=list)
    agreements: Sequence[Agreement] = field(default_factory=list)
    starts: Mapping[str, float] = field(default_factory=dict)
    precisions: Mapping[str, str] = field(default_factory=dict)
    sms_errors: int | None = None
    soak_growth_mb: float | None = None
    image_mb: float | None = None

    def row(self, cell: str, server: str) -> Row | None:
        """Return a server's row of a cell, if it was measured."""
        return next((row for row in self.rows if (row.cell, row.server) == (cell, server)), None)

    def rate(self, cell: str, server: str) -> float | None:
        """Return how many requests a second a server answered."""
        row = self.row(cell, server)
        return None if row is None else row.ok_per_s

    def peak(self, server: str) -> float | None:
        """Return the greatest rate of a server on the MiniLM-size model, over the closed loops."""
        rates = [rate for clients in MODEL_CLIENTS if (rate := self.rate(closed("minilm", clients), server))]
        return max(rates, default=None)


def figures(found: Found) -> dict[str, float | int | None]:
    """Return every figure."""
    eight = closed("minilm", 8)
    ours = found.row(eight, OURS)
    sms = found.row(closed("sms", SMS_CLIENTS), OURS)
    half = [None if row is None else row.p99_ms for row in (found.row(HALF_LOAD, OURS), found.row(HALF_LOAD, KSERVE))]
    overload = found.row(OVERLOAD, OURS)
    agreed = next((one for one in found.agreements if one.server == OURS), None)
    return {
        **{
            f"throughput_ratio_kserve_c{clients}": _against_kserve(found, closed("minilm", clients))
            for clients in MODEL_CLIENTS
        },
        "throughput_ratio_kserve_bert_c8": _against_kserve(found, closed("bert", BERT_CLIENTS)),
        "throughput_ratio_best_other_c8": _against_best_other(found, eight),
        "throughput_ratio_best_other_least": _least(_against_best_other(found, cell) for cell in COMPARED),
        "p99_ratio_half_load": _ratio(*half, places=3),
        "goodput_at_2x_ratio": _ratio(overload.ok_per_s if overload else None, found.peak(OURS), places=3),
        "offered_at_2x_ratio": _ratio(overload.sent_per_s if overload else None, found.peak(OURS), places=3),
        "refused_p99_ms": overload.refused_p99_ms if overload else None,
        "overload_errors": overload.errors if overload else None,
        "label_agreement": agreed.labels if agreed else None,
        "max_probability_difference": agreed.difference if agreed else None,
        "http_path_ratio": _against_kserve(found, closed("constant", CONSTANT_CLIENTS)),
        "sms_p95_100_parallel_ms": sms.p95_ms if sms else None,
        "sms_errors_1000_connections": found.sms_errors,
        "start_to_ready_s": found.starts.get(OURS),
        "rss_mb": ours.rss_mb if ours else None,
        "soak_growth_mb": found.soak_growth_mb,
        "image_mb": found.image_mb,
    }


def _against_kserve(found: Found, cell: str) -> float | None:
    return _ratio(found.rate(cell, OURS), found.rate(cell, KSERVE))


def _against_best_other(found: Found, cell: str) -> float | None:
    others = [row.ok_per_s for row in found.rows if row.cell == cell and row.server != OURS]
    return _ratio(found.rate(cell, OURS), max(others, default=None))


def _least(ratios: Iterable[float | None]) -> float | None:
    """The least of all; None unless all are known."""
    values = list(ratios)
    known = [ratio for ratio in values if ratio is not None]
    return min(known) if len(known) == len(values) else None


def _ratio(ours: float | None, theirs: float | None, *, places: int = 2) -> float | None:
    return None if ours is None or not theirs else round(ours / theirs, places)

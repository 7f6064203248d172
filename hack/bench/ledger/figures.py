"""The figures of the benchmark, and what each must be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hack.bench.figures import Bound, Figures, judged, p99, rounded
from hack.bench.ledger.appends import GROUPS, ONE, Manner, Rate
from hack.bench.ledger.lag import Lags

SQLITE, POSTGRESQL = "SQLite", "PostgreSQL"
BOUNDS: Mapping[str, Bound] = {"cli_help_s": Bound(most=0.3), "cli_get_s": Bound(most=1)}


@dataclass(slots=True)
class Found:
    """What was measured so far; a part that failed leaves its own out."""

    rates: list[Rate] = field(default_factory=list)
    verified: dict[str, float] = field(default_factory=dict)
    """Rows in a second, by database."""
    lags: list[Lags] = field(default_factory=list)
    help_s: float | None = None
    get_s: float | None = None
    failures: list[str] = field(default_factory=list)


def figures(found: Found) -> Figures:
    """Every figure; None for one that was not measured."""
    out: Figures = {}
    for name, database in (("sqlite", SQLITE), ("postgresql", POSTGRESQL)):
        one, groups = _rate(found, database, ONE), _rate(found, database, GROUPS)
        out[f"{name}_appends_per_s"] = one.per_s if one else None
        out[f"{name}_plain_ratio"] = one.ratio if one else None
        out[f"{name}_grouped_appends_per_s"] = groups.per_s if groups else None
        out[f"{name}_grouped_plain_ratio"] = groups.ratio if groups else None
    out["verify_rows_per_s"] = found.verified.get(SQLITE)
    waits = next((one for one in found.lags if one.database == SQLITE), None)
    out["lag_1000_p99_s"] = p99((*waits.burst, *waits.steady)) if waits else None
    out["lag_steady_p99_s"] = p99(waits.steady) if waits else None
    out["cli_help_s"], out["cli_get_s"] = found.help_s, found.get_s
    return rounded(out)


def shown(name: str, value: float | None) -> tuple[str, str, str]:
    """A figure as people read it: its value, what it must be, and whether it is."""
    return judged(value, BOUNDS.get(name), written=_written)


def _written(value: float) -> str:
    return f"{value:,.4g}" if value < 1000 else f"{value:,.0f}"


def _rate(found: Found, database: str, manner: Manner) -> Rate | None:
    return next((one for one in found.rates if (one.database, one.manner) == (database, manner.name)), None)

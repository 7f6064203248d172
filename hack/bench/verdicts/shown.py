"""What people read of a run: the same rows on the terminal and on the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hack.bench.verdicts.rates import CONSTANT, PRODUCT
from hack.bench.verdicts.traffic import BASE

Rows = Sequence[Mapping[str, Any]]
"""Rates as the run's JSON has them."""


def table(rates: Rows) -> list[list[str]]:
    """A line for each method, the product first: share taken back in each cell, requests too where it is bad."""
    rates = [rate for rate in rates if rate["scenario"] == CONSTANT]
    cells = dict.fromkeys((rate["requests"], rate["bad"]) for rate in rates)
    return [
        ["", *(f"{_times(bad)}, {requests:,}" for requests, bad in cells)],
        *([method, *(_cell(rates, method, cell) for cell in cells)] for method in _methods(rates)),
    ]


def worlds(rates: Rows) -> list[list[str]]:
    """A line for each scenario: the share of good versions that each method takes back."""
    rates = [rate for rate in rates if rate["scenario"] != CONSTANT]
    methods = _methods(rates)
    return [
        ["", *methods],
        *(
            [scenario, *(_percent(rate["taken_back"]) for rate in rates if rate["scenario"] == scenario)]
            for scenario in dict.fromkeys(rate["scenario"] for rate in rates)
        ),
    ]


def late(rows: Rows) -> list[str]:
    """A sentence for each way to begin the test for harm."""
    return [
        f"A version that breaks after 40 good minutes (5 % bad, 167 requests a minute) is found "
        f"{row['minutes']:.1f} min later where the test for harm begins {_often(row['steps'])}."
        for row in rows
    ]


def plans(rows: Rows) -> list[list[str]]:
    """A line for each statement of plans."""
    return [
        ["", "the plan says", "it is", "ratio"],
        *([row["what"], f"{row['said']:,.4g}", f"{row['came']:,.4g}", f"{row['ratio']:.2f}"] for row in rows),
    ]


def _methods(rates: Rows) -> list[str]:
    return sorted(dict.fromkeys(rate["method"] for rate in rates), key=lambda method: method != PRODUCT)


def _cell(rates: Rows, method: str, cell: tuple[int, float]) -> str:
    rate = next(rate for rate in rates if rate["method"] == method and (rate["requests"], rate["bad"]) == cell)
    share = _percent(rate["taken_back"])
    return share if rate["bad"] == BASE else f"{share} ({rate['mean_requests']:,.0f})"


def _times(bad: float) -> str:
    return "good" if bad == BASE else f"{bad / BASE:.0f} times"


def _often(steps: int) -> str:
    return "once" if steps == 1 else f"anew in each of {steps} steps"


def _percent(share: float) -> str:
    return f"{share:.1%}".replace("%", " %")

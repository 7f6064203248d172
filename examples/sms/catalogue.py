"""The message formats and the regions that fill them in, as read from `data/`.

A format is one bank's way of writing one kind of message. Its slots in braces are filled in, and `[a|b]`
is a choice, so a format stands for many texts. What splits training from measurement is the format, never
the message: a text of a held-out format cannot be remembered, only understood.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, cast

LABELS = ("debit", "credit", "balance", "otp", "promotion", "other")
"""The classes, in the order of the model's outputs. It never changes within the model."""

DATA = Path(__file__).parent / "data"

Split = Literal["training", "extended", "held_out"]


@dataclass(frozen=True, slots=True)
class Region:
    """How messages of one region look: every list holds the ways that occur there.

    `share` is the region's part of all messages. `currencies` and `accounts` have one place, for the digits;
    `dates` know `d`, `m`, `y`, `yy` and `month`. Messages of held-out formats come from the banks in
    `held_out` only, others never.
    """

    share: float
    currencies: list[str]
    groupings: list[str]
    dates: list[str]
    months: list[str]
    accounts: list[str]
    banks: list[str]
    held_out: list[str]
    given: list[str]
    family: list[str]
    brands: list[str]
    shops: list[str]
    handles: list[str]


@dataclass(frozen=True, slots=True)
class Format:
    """One way to write a message; `text` has slots and choices, `region` says what fills them in."""

    label: str
    region: str
    text: str
    split: Split


@cache
def regions() -> dict[str, Region]:
    """Return all regions by name."""
    tables = _read("regions")
    return {name: Region(**_inherited(tables, name)) for name in tables}


@cache
def formats(*splits: Split) -> tuple[Format, ...]:
    """Return the formats of the given splits, in the order of the files."""
    return tuple(
        Format(label=label, region=region, text=text, split=split)
        for split in splits
        for label, by_region in _read(split).items()
        for region, texts in by_region.items()
        for text in texts
    )


def brands() -> list[str]:
    """Return the names of the big merchants, which messages mention often, and the handles people are paid by."""
    return sorted({name for region in regions().values() for name in region.brands + region.handles})


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads((DATA / f"{name}.toml").read_text(encoding="utf-8"))


def _inherited(tables: dict[str, Any], name: str) -> dict[str, Any]:
    table = cast(dict[str, Any], tables[name])
    own = {key: value for key, value in table.items() if key != "like"}
    return _inherited(tables, table["like"]) | own if "like" in table else own

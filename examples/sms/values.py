"""What fills the slots of a format: amounts, dates, masks, names, as a region writes them.

A value is a list of pieces, because only part of it may be the entity: of `XX1234` it is `1234`.
"""

from __future__ import annotations

import datetime
import random
from dataclasses import dataclass

from examples.sms.catalogue import Region

ENTITY_OF_SLOT = {"amount": "amount", "account": "account", "party": "counterparty", "date": "date"}
"""Slots that are entities. Every other slot fills in something that must not be taken for one."""

FIRST_DAY = datetime.date(2023, 1, 1)
DAYS = 1400


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a message; `kind` is its entity type, None where it is not part of an entity."""

    text: str
    kind: str | None = None


def fill(slot: str, *, region: Region, bank: str, rng: random.Random) -> list[Piece]:
    """Return a value for a slot, drawn with `rng`.

    Raises:
        ValueError: no such slot exists.
    """
    match slot:
        case "amount" | "money":
            return [Piece(_money(region, rng), ENTITY_OF_SLOT.get(slot))]
        case "date" | "day":
            return [Piece(_date(region, rng), ENTITY_OF_SLOT.get(slot))]
        case "party":
            return [Piece(_party(region, rng), "counterparty")]
        case "account":
            before, after = rng.choice(region.accounts).split("{}")
            digits = _digits(rng, rng.choice((4, 4, 4, 4, 3, 5)))
            return [Piece(before), Piece(digits, "account"), Piece(after)]
        case "bank":
            return [Piece(bank)]
        case _:
            return [Piece(_plain(slot, region=region, rng=rng))]


def _plain(slot: str, *, region: Region, rng: random.Random) -> str:
    match slot:
        case "otp":
            return _digits(rng, rng.choice((4, 6, 6, 6, 8)))
        case "tail":
            return _digits(rng, rng.choice((2, 4, 6)))
        case "ref":
            return rng.choice(("", "", "T", "UTR", "IN")) + _digits(rng, rng.choice((6, 9, 12)))
        case "phone":
            return rng.choice(("1800", "1860", "+", "08", "")) + _digits(rng, rng.choice((7, 8, 10)))
        case "time":
            return f"{rng.randrange(24):02}:{rng.randrange(60):02}" + rng.choice(("", "", ":" + _digits(rng, 2)))
        case "minutes":
            return str(rng.choice((3, 5, 10, 15, 30)))
        case "percent":
            return rng.choice((str(rng.randint(2, 80)), f"{rng.randint(1, 24)}.{rng.randint(1, 9)}"))
        case "link":
            return rng.choice(("https://", "http://", "")) + _link(rng)
        case "name":
            return rng.choice(region.given)
        case "shop":
            return rng.choice(region.shops if rng.random() < 0.5 else region.brands)
        case _:
            raise ValueError(f"a format has the unknown slot {{{slot}}}")


def _money(region: Region, rng: random.Random) -> str:
    whole = int(10 ** rng.uniform(1, 5.7))
    if rng.random() < 0.3:
        whole = max(1, round(whole, 1 - len(str(whole))))
    cents = rng.choice(("", "00", _digits(rng, 2)))
    return rng.choice(region.currencies).format(_grouped(whole, cents, grouping=rng.choice(region.groupings)))


def _grouped(whole: int, cents: str, *, grouping: str) -> str:
    thousands = f"{whole:,}"
    comma = f",{cents}" if cents else ""
    point = f".{cents}" if cents else ""
    match grouping:
        case "plain":
            return f"{whole}{point}"
        case "comma":
            return f"{whole}{comma}"
        case "dot":
            return thousands.replace(",", ".") + comma
        case "space":
            return thousands.replace(",", " ") + comma
        case "lakh":
            head, tail = divmod(whole, 1000)
            return (f"{_pairs(head)},{tail:03}" if head else str(tail)) + point
        case _:
            return thousands + point


def _pairs(number: int) -> str:
    """Group digits in twos from the right, as 12,34,567 does left of its last group."""
    head, tail = divmod(number, 100)
    return f"{_pairs(head)},{tail:02}" if head else str(tail)


def _date(region: Region, rng: random.Random) -> str:
    day = FIRST_DAY + datetime.timedelta(days=rng.randrange(DAYS))
    return rng.choice(region.dates).format(
        d=day.day, m=day.month, y=day.year, yy=day.year % 100, month=region.months[day.month - 1]
    )


def _party(region: Region, rng: random.Random) -> str:
    dice = rng.random()
    if dice < 0.35:
        return rng.choice(region.brands)
    if dice < 0.6:
        return rng.choice(region.shops)
    given, family = rng.choice(region.given), rng.choice(region.family)
    if region.handles and dice < 0.75:
        local = rng.choice((given, given + family, f"{given}.{family}", _digits(rng, 10), f"{given}{_digits(rng, 2)}"))
        return local.lower() + rng.choice(region.handles)
    return rng.choice((f"{given} {family}", f"{given[0]} {family}", f"{given} {family[0]}.", f"Mr {family}"))


def _link(rng: random.Random) -> str:
    host = rng.choice(("bit.example", "go.example", "sms.example", "offers.example", "app.example"))
    return f"{host}/{''.join(rng.choices('abcdefghjkmnpqrstuvwxyz23456789', k=rng.randint(4, 7)))}"


def _digits(rng: random.Random, count: int) -> str:
    return "".join(rng.choices("0123456789", k=count))

"""What is to be recorded: one thing that happened, as whoever saw it happen says it.

An entry's `id` is made from what happened (an object's uid, its attempt, the transition) and never from when it is
written down, so that the same thing told twice is recorded once. `type` and the keys of the three mappings are open:
what a reader does not know, it passes on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .personal import Personal

__all__ = ["Entry", "Personal"]


@dataclass(frozen=True, slots=True)
class Entry:
    """What happened.

    Attributes:
        id: Unique for ever, at most 200 characters.
        time: When it happened, with a time zone.
        type: What kind of thing happened, at most 100 characters, such as `Promoted`.
        subject: What it happened to. `namespace`, `model` and `version` are what records are looked up by.
        actor: Who made it happen; a person's name is a `Personal`.
        body: Everything else.

    Values are JSON: None, bool, int, float, str, and lists and mappings of them. A number that is not finite is
    recorded as null, an integer that a double cannot hold as text, and half a surrogate pair as a question mark:
    nothing that arrives in a metric or in an object of the cluster keeps an entry from being recorded.
    """

    id: str
    time: datetime
    type: str
    subject: Mapping[str, Any]
    actor: Mapping[str, Any]
    body: Mapping[str, Any]

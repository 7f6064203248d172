"""The outbox of a status: what has happened to a version and is on its way into the record.

It stands in the status itself, so that a change and what is to be recorded of it are one write: neither is ever there
without the other.
"""

from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, Field, WithJsonSchema

from .base import ApiModel

DEEPEST_BODY = 30
"""Levels of objects and lists in a body: the record has little more, and a status too deep cannot be written."""
PERSONAL_CHARACTERS = 1024
"""Characters of a personal value."""


def _is_shallow(body: dict[str, Any]) -> dict[str, Any]:
    level: list[Any] = [body]
    for _ in range(DEEPEST_BODY):
        inner = [part for part in level if isinstance(part, dict | list)]
        level = [one for part in inner for one in (part.values() if isinstance(part, dict) else part)]
    if any(isinstance(part, dict | list) for part in level):
        raise ValueError(f"deeper than {DEEPEST_BODY} levels")
    return body


Body = Annotated[
    dict[str, Any],
    AfterValidator(_is_shallow),
    WithJsonSchema({"type": "object", "x-kubernetes-preserve-unknown-fields": True}),
]
"""What an entry says. Each type of entry has its own fields, and later versions of the operator may have more."""


class OutboxEntry(ApiModel):
    """One entry of the record."""

    id: Annotated[str, Field(max_length=64)]
    """Unique for ever: an entry that is handed over twice is recorded once."""
    at: datetime
    """When it happened."""
    type: Annotated[str, Field(max_length=32)]
    """What it tells of: Transition, Verdict, Act, Resolved or Lineage; further types may come."""
    attempt: int
    """The attempt that it belongs to."""
    body: Body
    """What happened."""
    personal: Annotated[
        dict[Annotated[str, Field(max_length=32)], Annotated[str, Field(max_length=PERSONAL_CHARACTERS)]],
        Field(max_length=8),
    ] = {}
    """What of it names a person, by field: the record keeps it so that it can be erased."""


OUTBOX = 20
"""Entries that an outbox has room for."""

Outbox = Annotated[list[OutboxEntry], Field(max_length=OUTBOX, json_schema_extra={"x-kubernetes-list-type": "atomic"})]

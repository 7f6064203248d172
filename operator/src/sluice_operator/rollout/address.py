"""Where a model is reached, and where it was until lately.

Clients learn of another address only after it is in force, and then each at its own time. So the former one goes on
beside it, for a day; what a model had before is never taken from it by a setting that cannot be followed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import AwareDatetime, Field

HOSTNAME = r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*$"
KEPT = timedelta(hours=24)
_MOST_FORMER = 7
"""An HTTPRoute has room for 16 host names."""


@dataclass(frozen=True, slots=True)
class Address:
    """A host name at a Gateway."""

    hostname: Annotated[str, Field(pattern=HOSTNAME, max_length=253)]
    """In lower case, so that two are the same where they are equal."""
    gateway: Annotated[str, Field(pattern=HOSTNAME, max_length=253)]
    gateway_namespace: Annotated[str, Field(pattern=HOSTNAME, max_length=63)]
    until: AwareDatetime | None = None
    """When a former address ends; None for the present one."""

    def is_same_as(self, other: "Address") -> bool:
        """Whether clients reach the same place."""
        return replace(self, until=None) == replace(other, until=None)


def addresses(wanted: Address | None, live: Sequence[Address], now: datetime) -> tuple[Address, ...]:
    """Where a model is to be reached, the present address first.

    Args:
        wanted: Where it should be reached; None leaves it where it is.
        live: Where its route has it reached, the present address first.
        now: The time.
    """
    present = wanted or next(iter(live), None)
    if present is None:
        return ()
    former = (replace(one, until=one.until or now + KEPT) for one in live if not one.is_same_as(present))
    lasting = [one for one in former if one.until is not None and now < one.until <= now + 2 * KEPT]
    return (replace(present, until=None), *lasting[:_MOST_FORMER])

"""What single records say, in types of their own."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

Model = tuple[str, str]
"""Namespace and name of a model."""

ERASED = "(erased)"
"""Stands where a person's name was erased."""
GONE = "Deleted"
"""What a version that was deleted has in the place of a phase."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Bad requests of one version among all it had."""

    bad: int
    total: int
    """At least 1."""


@dataclass(frozen=True, slots=True)
class Odds:
    """How many times the odds of a bad request the candidate has; bounds hold at all times at once."""

    ratio: float | None
    low: float
    high: float | None
    """None: no bound."""


@dataclass(frozen=True, slots=True)
class Change:
    """A version came to another phase, step or weight."""

    seq: int
    at: datetime
    version: str
    attempt: int
    before: str
    """The phase until then; empty before the first."""
    after: str
    step: int | None
    weight: int | None
    """Percent of the model's requests, as read back from the route; None while nothing was read back."""
    wanted: int | None
    """Percent that it was to have."""
    promoted: bool
    """Whether this was its promotion."""
    reason: str
    """Why, as a sentence."""
    action: str = ""
    """The decision, where it was one: Promote, Rollback, Abort, Fail, Skip or Reject."""
    gate: str = ""
    """The gate that decided."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a gate said of a version, when something was decided."""

    seq: int
    at: datetime
    version: str
    attempt: int
    step: int | None
    gate: str
    verdict: str
    message: str
    value: float | None
    """Share of bad requests within the limit's window, or the value of its query."""
    requests: int
    """Requests within the window."""
    limit: float | None
    asks: Mapping[str, Any]
    """The gate's settings: what was asked."""
    answer: str
    """What the comparison said: Worse, Clear or Unknown; empty where nothing was compared."""
    own: Counts | None
    """What the comparison counted of this version."""
    stable: Counts | None
    """What it counted of stable, in the same spans of time."""
    odds: Odds | None


@dataclass(frozen=True, slots=True)
class Act:
    """What a person decided."""

    seq: int
    at: datetime
    version: str
    attempt: int
    action: str
    by: str
    reason: str
    outcome: str
    message: str


@dataclass(frozen=True, slots=True)
class Resolved:
    """What was found out about a version when its rollout began."""

    seq: int
    at: datetime
    version: str
    attempt: int
    digest: str
    verification: str
    """Who has shown that what is served has this digest; empty: nobody."""
    runtime: str
    settings: str
    """Hash of the settings in force."""
    policy: str


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a version came from, as its author says."""

    seq: int
    at: datetime
    version: str
    fields: Mapping[str, str]
    """Those of `ORIGIN_FIELDS` that are given."""
    metrics: Mapping[str, float]


Fact = Change | Judgement | Act | Resolved | Origin

ORIGIN_FIELDS = ("parent", "dataset", "features", "parameters", "code", "run", "storageUri", "digest")

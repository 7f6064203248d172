"""The local copies of all that a decision needs."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..kube.reflector import Key, Reflector
from .claims import Claims


@dataclass(slots=True)
class Recorded:
    """What of the outboxes is known to be in the record."""

    ids: dict[Key, frozenset[str]] = field(default_factory=dict)
    """By a ModelVersion's namespace and name: entries that stand in its outbox."""
    possible: bool = True
    """Whether the record takes entries."""


@dataclass(frozen=True, slots=True)
class Copies:
    """The local copies, and what is remembered beside them."""

    versions: Reflector
    services: Reflector
    routes: Reflector
    pods: Reflector
    policies: Reflector
    acts: Reflector
    refusals: dict[Key, Mapping[str, str]] = field(default_factory=dict)
    """By model: what the API server says against the InferenceServices that it does not take."""
    claims: Claims = field(default_factory=Claims)
    """Which model has which host name."""
    recorded: Recorded = field(default_factory=Recorded)

"""What is to be done about a model: the whole output of a decision.

A plan says how things should be, not how to get there: whoever applies it compares with what is, and
writes only the difference.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ..api.action import RolloutActionStatus
from ..api.status import ModelVersionStatus
from .address import Address
from .snapshot import Mark


@dataclass(frozen=True, slots=True)
class Preview:
    """Requests with this header go to one backend alone, whatever the weights are."""

    header: str
    value: str
    backend: str


@dataclass(frozen=True, slots=True)
class RouteTable:
    """Who gets which share of the requests, and where they arrive. The weights sum to 100."""

    weights: tuple[tuple[str, int], ...]
    """(backend, percent). A backend at 0 is listed while its last requests drain."""
    marks: tuple[Mark, ...] = ()
    draining: tuple[tuple[str, datetime], ...] = ()
    """Since when backends that no status can speak of have had nothing."""
    previews: tuple[Preview, ...] = ()
    addresses: tuple[Address, ...] = ()
    """Where the model is reached: the present address, then former ones that go on for a while."""

    def weight(self, backend: str) -> int:
        """The percentage of a backend."""
        return dict(self.weights).get(backend, 0)


@dataclass(frozen=True, slots=True)
class Plan:
    """How things should be."""

    route: RouteTable | None = None
    """The route; None leaves it as it is."""
    remove_route: bool = False
    rollback: bool = False
    """A version loses its traffic: the route is written before anything else."""
    run: tuple[str, ...] = ()
    """Versions that are to be served."""
    preflight: tuple[str, ...] = ()
    """Versions that are to be asked alone, before they get any traffic."""
    replicas: Mapping[str, int] = field(default_factory=dict)
    """Pods that a version has at least while a rollout runs; what its spec says where it is not named."""
    stop: tuple[str, ...] = ()
    """Versions whose pods are to go."""
    sweep: tuple[str, ...] = ()
    """Backends without a ModelVersion that are to be deleted."""
    guard: tuple[str, ...] = ()
    """Versions that must not vanish: they carry a finalizer."""
    release: tuple[str, ...] = ()
    """Versions that may vanish."""
    statuses: Mapping[str, ModelVersionStatus] = field(default_factory=dict)
    """The status of each version."""
    acts: Mapping[str, RolloutActionStatus] = field(default_factory=dict)
    """What came of each act, to be written after the statuses."""
    wake_at: datetime | None = None
    """When to look again, if nothing happens before."""

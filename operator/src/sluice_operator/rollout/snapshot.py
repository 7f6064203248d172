"""What was observed about one model: the whole input of a decision."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from pydantic import AwareDatetime

from ..analysis.gates import GateResult
from ..api.action import RolloutActionSpec
from ..api.evidence import Evidence
from ..api.modelversion import ModelVersionSpec
from ..api.outbox import OutboxEntry
from ..api.policy import RolloutPolicySpec
from ..api.status import ModelVersionStatus, Phase, Verdict
from .address import Address


@dataclass(frozen=True, slots=True)
class Backend:
    """What serves a version."""

    name: str
    """Name of its InferenceService."""
    exists: bool = False
    foreign: bool = False
    """Somebody else's object has the name."""
    stopped: bool = False
    ready: bool = False
    """It may get its first traffic, and more: KServe calls it ready and at least one of its pods is."""
    problem: str | None = None
    """Why it is not ready, in the pod's own words."""
    available: int = 0
    """Pods that can answer now."""
    desired: int = 0
    """Pods that it is to have now: what its autoscaler or its replicas ask for."""
    refused: str | None = None
    """What somebody else set in its InferenceService that we cannot let stand."""

    @property
    def answers(self) -> bool:
        """Whether it has a pod to answer: it can keep traffic or take it back, also while KServe wants more pods."""
        return self.available > 0 and not self.stopped


@dataclass(frozen=True, slots=True)
class PreflightResult:
    """What has come of asking a version alone."""

    attempt: int
    """The attempt in which it was asked."""
    verdict: Verdict | None
    """Pass or Fail; None while it is still being asked."""
    message: str
    """The result, or how far it has come."""
    digest: str | None = None
    """The digest that its pods say they serve."""


@dataclass(frozen=True, slots=True)
class Version:
    """A ModelVersion and what serves it."""

    name: str
    uid: str
    generation: int
    created_at: datetime
    spec: ModelVersionSpec
    backend: Backend
    status: ModelVersionStatus = field(default_factory=ModelVersionStatus)
    deleting: bool = False
    delete_now: bool = False
    """The person who deletes it accepts that the model stops being served."""
    finalizer: bool = False
    author: str | None = None
    """Who made it, as admission has checked."""
    gates: tuple[GateResult, ...] = ()
    evidence: Evidence | None = None
    """What its comparisons have seen by now; None where nothing is compared, or nobody has begun to."""
    requests: int | None = None
    """Requests that it has answered since its step began; None where nobody has counted them."""
    preflight: PreflightResult | None = None
    """What has come of asking it alone; None where nobody has, or nobody remembers."""
    resource_version: str = ""
    """The state of its object: after any change it is another."""
    recorded: frozenset[str] = frozenset()
    """Entries of its outbox that are known to be in the record."""

    @property
    def unrecorded(self) -> tuple[OutboxEntry, ...]:
        """Entries of its outbox that are not known to be in the record."""
        return tuple(entry for entry in self.status.outbox if entry.id not in self.recorded)

    @property
    def proven(self) -> bool:
        """Whether the version was ever promoted."""
        return self.status.promoted_at is not None

    @property
    def ended(self) -> bool:
        """Whether the version's rollout ended without a promotion."""
        return self.status.phase in ENDED

    @property
    def taken_back(self) -> bool:
        """Whether the version's status says that it was taken back; the route's mark says so before."""
        return self.status.phase in (Phase.ROLLING_BACK, Phase.ROLLED_BACK, Phase.REJECTED)


ENDED = frozenset({Phase.ROLLING_BACK, Phase.ROLLED_BACK, Phase.FAILED, Phase.REJECTED, Phase.SKIPPED})
"""Phases in which a version's rollout is over, without a promotion."""

ON_TRAFFIC = frozenset({Phase.CANARY, Phase.PAUSED, Phase.AWAITING_APPROVAL, Phase.PROBATION})
"""Phases in which a version that has come to a step has its share of the requests, and its gates are asked."""


@dataclass(frozen=True, slots=True)
class Invalid:
    """A ModelVersion that cannot be read: stored before the schema was what it is."""

    name: str
    generation: int
    problem: str
    status: ModelVersionStatus = field(default_factory=ModelVersionStatus)
    deleting: bool = False
    delete_now: bool = False
    """The person who deletes it accepts that the model stops being served."""
    finalizer: bool = False
    backends: tuple[str, ...] = ()
    """The backends that were made for it."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Written into the route together with weight 0: this version, on this attempt, was taken back."""

    uid: str
    """The version's uid."""
    attempt: int
    reason: str
    at: AwareDatetime
    gate: str | None = None
    action: Literal["Rollback", "Abort", "Reject"] = "Rollback"
    by: str | None = None
    """The person who took it back; nobody where the operator did by itself."""
    act: str | None = None
    """The uid of that person's act."""


@dataclass(frozen=True, slots=True)
class Route:
    """The model's route as it stands."""

    exists: bool = False
    foreign: bool = False
    """Somebody else's object has the name."""
    in_force: bool = False
    """The Gateway has taken the route as it stands."""
    refused: str | None = None
    """Why a Gateway does not take it, or all of it, in its own words."""
    weights: Mapping[str, int] = field(default_factory=dict)
    """Percent of the requests by backend."""
    marks: tuple[Mark, ...] = ()
    draining: Mapping[str, datetime] = field(default_factory=dict)
    """Since when backends whose versions cannot be read, or are gone, have had nothing."""
    addresses: tuple[Address, ...] = ()
    """Where it has the model reached, the present address first."""
    created_at: datetime | None = None
    """When the object was made."""

    def weight(self, version: Version) -> int:
        """The percentage that the route gives to a version."""
        return self.weights.get(version.backend.name, 0)

    def mark(self, version: Version) -> Mark | None:
        """The mark against a version's present attempt, if there is one."""
        attempt = version.status.attempt or 1
        return next((m for m in self.marks if m.uid == version.uid and m.attempt >= attempt), None)


@dataclass(frozen=True, slots=True)
class Act:
    """A person's act of which nothing has come yet."""

    name: str
    uid: str
    created_at: datetime
    spec: RolloutActionSpec


@dataclass(frozen=True, slots=True)
class InvalidAct:
    """An act that cannot be read."""

    name: str
    problem: str


@dataclass(frozen=True, slots=True)
class Policy:
    """The policy that applies to the model."""

    name: str
    spec: RolloutPolicySpec | None
    """None where the policy cannot be read: then nobody knows its floors, and nothing may begin."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything known about a model at one moment."""

    namespace: str
    model: str
    versions: tuple[Version, ...] = ()
    """Oldest first."""
    invalid: tuple[Invalid, ...] = ()
    route: Route = Route()
    policy: Policy | None = None
    acts: tuple[Act, ...] = ()
    """Oldest first."""
    invalid_acts: tuple[InvalidAct, ...] = ()
    acts_admitted: bool = True
    """Whether admission checks that an act is made by the person that it names."""
    orphans: tuple[str, ...] = ()
    """Backends of this model that belong to no ModelVersion."""
    pods: Mapping[str, int] = field(default_factory=dict)
    """Pods that backends of the route have, or are to have, whose versions are gone or cannot be read."""
    missing: frozenset[str] = frozenset()
    """Backends that the route names and that are not there."""
    default_runtime: str = ""
    address: Address | None = None
    """Where the model is to be reached; None where it stays."""
    address_problem: str | None = None
    """Why it is not reached where its policy wants it, with the reason for the condition in front."""
    recordable: bool = True
    """Whether the record takes entries; while it does not, nobody gets more traffic."""

    @property
    def url(self) -> str | None:
        """Where clients reach the model."""
        at = next(iter(self.route.addresses), self.address)
        return f"http://{at.hostname}" if at is not None else None

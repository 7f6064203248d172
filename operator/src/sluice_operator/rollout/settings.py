"""The settings in force for a version: the installation's, under its policy's, under its own; and the policy's floors.

Objects are merged field by field, lists are taken whole. A floor that can be met by asking for more is met; one that
cannot, as a version with fewer steps than required, is a problem that people are told of, and nothing begins.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pydantic import ValidationError

from ..api.analysis import Analysis
from ..api.gates import Compare, Gate, Limit, Metric
from ..api.policy import Require, RolloutPolicySpec
from ..api.preflight import Preflight
from ..api.settings import Approvals, EffectiveRollout, Probation, RolloutSettings, Step, Strategy
from .floors import with_required_gates

DEFAULTS = EffectiveRollout(
    steps=[
        Step(weight=5, hold=timedelta(minutes=2)),
        Step(weight=25, hold=timedelta(minutes=5)),
        Step(weight=50, hold=timedelta(minutes=5)),
    ],
    probation=Probation(duration=timedelta(minutes=10)),
    ready_timeout=timedelta(minutes=10),
    analysis=Analysis(
        gates=[
            Gate(
                name="errors",
                metric=Metric.ERROR_RATE,
                limit=Limit(above=0.10),
                compare=Compare(worse_by=2.0, negligible=0.005),
            ),
            Gate(
                name="slow",
                metric=Metric.LATENCY,
                slower_than=timedelta(milliseconds=250),
                limit=Limit(above=0.05),
                compare=Compare(tolerance=1.2, worse_by=2.0),
            ),
        ]
    ),
)


_MOST_GATES = 8
"""As many as a status can hold."""


@dataclass(frozen=True, slots=True)
class Settled:
    """Settings, or why there are none."""

    settings: EffectiveRollout
    problem: str | None = None
    """What of the version the policy does not allow."""


def settle(given: RolloutSettings | None, *, policy: RolloutPolicySpec | None, digest: str | None) -> Settled:
    """The settings for a version.

    Args:
        given: What the version itself says.
        policy: The policy that applies to its model.
        digest: The version's digest, if it says one.
    """
    under = _merged(_plain(DEFAULTS), _plain(policy.defaults) if policy and policy.defaults else {})
    try:
        team = EffectiveRollout.model_validate(under)
        settings = EffectiveRollout.model_validate(_merged(under, _plain(given) if given else {}))
    except ValidationError as error:
        first = error.errors()[0]
        return Settled(DEFAULTS, problem=f"rollout.{'.'.join(map(str, first['loc']))}: {first['msg']}")
    if settings.strategy is not Strategy.CANARY:
        settings = settings.model_copy(update={"steps": []})
    if policy is None or policy.require is None:
        return Settled(settings)
    require = policy.require
    raised = with_required_gates(settings, team=team, required=require.gates).model_copy(
        update={
            "approvals": _at_least(settings.approvals, require.approvals),
            "own_approvals": _beside(settings.approvals, require.approvals),
        }
    )
    return Settled(raised, problem=_violation(raised, require, digest))


def merge(given: RolloutSettings | None) -> EffectiveRollout:
    """The settings of a version for which there is no policy."""
    return settle(given, policy=None, digest=None).settings


def restoring(settings: EffectiveRollout) -> EffectiveRollout:
    """The settings by which a version that was proven before returns: all traffic at once, then probation."""
    return settings.model_copy(
        update={
            "strategy": Strategy.BLUE_GREEN,
            "steps": [],
            "approvals": None,
            "own_approvals": None,
            "probation": settings.probation.model_copy(update={"holdback": 0, "min_requests": 0}),
            "preflight": Preflight(artifact=False),
        }
    )


def settings_hash(settings: EffectiveRollout) -> str:
    """A hash by which two people can see that they speak of the same settings."""
    text = json.dumps(_plain(settings), sort_keys=True, separators=(",", ":"))
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def _plain(settings: EffectiveRollout | RolloutSettings) -> dict[str, Any]:
    return settings.model_dump(mode="json", by_alias=True, exclude_none=True)


def _merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    out = dict(under)
    for key, value in over.items():
        below = out.get(key)
        out[key] = _merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return out


def _at_least(given: Approvals | None, floor: Approvals | None) -> Approvals | None:
    if given is None or floor is None:
        return floor or given
    return Approvals(
        count=max(given.count, floor.count),
        group=floor.group or given.group,
        not_by_author=given.not_by_author or floor.not_by_author,
    )


def _beside(given: Approvals | None, floor: Approvals | None) -> Approvals | None:
    """What a version asks for that a floor does not contain: people of another group."""
    groups = {approvals.group for approvals in (given, floor) if approvals is not None and approvals.group is not None}
    return given if len(groups) > 1 else None


def _violation(settings: EffectiveRollout, require: Require, digest: str | None) -> str | None:
    missing = set(require.gates) - {gate.name for gate in settings.analysis.gates}
    if missing:
        return f"the policy requires the gate {min(missing)}, which neither it nor the installation defines"
    if len(settings.analysis.gates) > _MOST_GATES:
        return f"with those that the policy requires it has more than {_MOST_GATES} gates"
    if require.gates and settings.strategy is Strategy.REPLACE:
        return f"the policy requires the gate {min(require.gates)}, and strategy Replace asks none"
    if require.min_steps is not None and len(settings.steps) < require.min_steps:
        return f"the policy requires at least {require.min_steps} steps, this rollout has {len(settings.steps)}"
    if require.digest and digest is None:
        return "the policy requires source.digest"
    return None

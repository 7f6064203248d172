"""Preflight: what a version is asked alone, in each attempt, before it gets any traffic.

The answer counts once it is in the status, or in the memory of who asked; who forgets asks again. A version that is on
its way back to a place that it had is not asked.
"""

from datetime import datetime

from ..api.settings import EffectiveRollout
from ..api.status import PreflightStatus, Verdict
from .roles import Roles, settled
from .snapshot import PreflightResult, Snapshot, Version

GATE = "preflight"
"""The gate that decisions name."""
BEGUN = "its pods are being asked"


def known(version: Version) -> PreflightResult | None:
    """What has come of asking a version in its present attempt."""
    attempt, said, found = version.status.attempt or 1, version.status.preflight, version.preflight
    if said is not None:
        return PreflightResult(attempt=attempt, verdict=said.verdict, message=said.message)
    return found if found is not None and found.attempt == attempt else None


def passed(version: Version, settings: EffectiveRollout) -> bool:
    """Whether nothing that it is to be asked alone keeps a version from its traffic."""
    result = known(version)
    return not settings.preflight.asks or (result is not None and result.verdict is Verdict.PASS)


def to_be_asked(snapshot: Snapshot, roles: Roles) -> tuple[str, ...]:
    """Versions that are to be asked: as soon as they are ready, and until their status, as read, says the result."""
    candidate = roles.candidate
    if candidate is None or candidate.status.step is not None or candidate.status.preflight is not None:
        return ()
    wanted = settled(candidate, snapshot).settings.preflight.asks
    begun = candidate.backend.ready or known(candidate) is not None
    return (candidate.name,) if wanted and begun else ()


def preflight_status(version: Version, now: datetime) -> PreflightStatus | None:
    """What a version's status says of it, from the moment there is a result."""
    if version.status.preflight is not None:
        return version.status.preflight
    result = known(version)
    if result is None or result.verdict is None:
        return None
    return PreflightStatus(verdict=result.verdict, message=result.message[:512], at=now)


def digest_served(version: Version) -> str | None:
    """The digest that the pods of a version said they serve, if it passed."""
    result = known(version)
    return result.digest if result is not None and result.verdict is Verdict.PASS else None

"""Which version is stable, which one wants its place, and what the others are.

The order of versions is the order they were created in. A newer version supersedes an unproven older one; a
version never gains a role by the deletion of another.
"""

from dataclasses import dataclass

from .snapshot import Snapshot, Version


@dataclass(frozen=True, slots=True)
class Roles:
    """The parts that the versions of a model play."""

    stable: Version | None
    """Proven last; where none is proven, the one with the greatest weight in the live route."""
    holder: str | None
    """Backend that serves in stable's place, because its object is gone or cannot be read."""
    candidate: Version | None
    """Wants stable's place."""
    duplicates: dict[str, str]
    """Versions that repeat an older one, and that one's name."""
    skipped: tuple[Version, ...]
    """Unproven versions that a newer one overtook."""
    ended: tuple[Version, ...]
    """Versions whose rollout ended without a promotion."""
    superseded: tuple[Version, ...]
    """Versions that were stable before."""
    foreign: tuple[Version, ...]
    """Unproven versions whose backend's name somebody else has."""


def assign(snapshot: Snapshot) -> Roles:
    """Give each version its part."""
    versions = snapshot.versions
    duplicates = _duplicates(versions)
    usable = [v for v in versions if v.name not in duplicates]
    stable, holder = _stable(usable, snapshot)
    ended: list[Version] = []
    foreign: list[Version] = []
    unproven: list[Version] = []
    for version in usable:
        if version is stable or version.proven:
            continue
        over = version.ended or snapshot.route.mark(version) is not None
        (ended if over else foreign if version.backend.foreign else unproven).append(version)
    waiting = [v for v in unproven if not v.deleting]
    newest = waiting[-1] if waiting else None
    overtaken = newest is not None and stable is not None and _order(newest) < _order(stable)
    candidate = None if overtaken else newest
    return Roles(
        stable=stable,
        holder=holder,
        candidate=candidate,
        duplicates=duplicates,
        skipped=tuple(v for v in unproven if v is not candidate),
        ended=tuple(ended),
        superseded=tuple(v for v in usable if v.proven and v is not stable),
        foreign=tuple(foreign),
    )


def _order(version: Version) -> tuple[object, str]:
    return version.created_at, version.name


def _duplicates(versions: tuple[Version, ...]) -> dict[str, str]:
    first: dict[str, str] = {}
    out: dict[str, str] = {}
    for version in versions:
        if version.spec.version in first:
            out[version.name] = first[version.spec.version]
        elif not version.deleting:
            first[version.spec.version] = version.name
    return out


def _stable(versions: list[Version], snapshot: Snapshot) -> tuple[Version | None, str | None]:
    """Stable, and the backend that serves in its place."""
    proven = [(v.status.promoted_at, v.created_at, v) for v in versions if v.status.promoted_at is not None]
    stable = max(proven, key=lambda item: item[:2])[2] if proven else None
    unreadable = _unreadable(stable, snapshot)
    if unreadable is not None:
        return None, unreadable
    weights = snapshot.route.weights
    most = max(weights, key=weights.__getitem__, default="")
    owned = {version.backend.name for version in snapshot.versions}
    holder = most if weights.get(most, 0) > 0 and most not in owned else None
    if stable is not None:
        return stable, None if stable.backend.ready else holder
    serving = [v for v in versions if snapshot.route.weight(v) > 0 and snapshot.route.mark(v) is None]
    return (None, holder) if holder else (max(serving, key=snapshot.route.weight, default=None), None)


def _unreadable(stable: Version | None, snapshot: Snapshot) -> str | None:
    """The backend of the version proven last, where its object cannot be read."""
    times = {invalid.status.inference_service: invalid.status.promoted_at for invalid in snapshot.invalid}
    proven = [(at, backend) for backend, at in times.items() if at is not None and backend is not None]
    if not proven:
        return None
    at, backend = max(proven)
    older = stable is None or stable.status.promoted_at is None or stable.status.promoted_at < at
    return backend if older else None

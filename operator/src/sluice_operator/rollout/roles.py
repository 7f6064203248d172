"""Which version is stable, which one wants its place, and what the others are.

The order of versions is the order they were created in. A newer version supersedes an unproven older one; a
version never gains a role by the deletion of another.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ..api.settings import OnNewVersion
from .settings import Settled, merge, restoring, settle
from .snapshot import Snapshot, Version


@dataclass(frozen=True, slots=True)
class Roles:
    """The parts that the versions of a model play."""

    stable: Version | None
    """Proven last; where none is proven, the one with the greatest weight in the live route that is on no step."""
    holder: str | None
    """Backend that serves in stable's place, because its object is gone or cannot be read."""
    candidate: Version | None
    """Wants stable's place."""
    queued: tuple[Version, ...]
    """Versions that wait: for the candidate's end, or until a deleted one of the same version is gone."""
    barred: tuple[Version, ...]
    """Unproven versions that came while another was rolled out, and said that they would not wait."""
    refused: dict[str, str]
    """Unproven versions that their policy does not allow to begin, and what it does not allow."""
    duplicates: dict[str, str]
    """Versions that repeat an older one, and that one's name."""
    skipped: tuple[Version, ...]
    """Unproven versions that a newer one overtook."""
    ended: tuple[Version, ...]
    """Versions whose rollout ended without a promotion."""
    superseded: tuple[Version, ...]
    """Versions that were stable before, and are not to be so again."""
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
        if version is stable or _is_proven(version):
            continue
        over = version.ended or snapshot.route.mark(version) is not None
        (ended if over else foreign if version.backend.foreign else unproven).append(version)
    waiting = [v for v in unproven if not v.deleting]
    refused = {v.name: problem for v in waiting if (problem := settled(v, snapshot).problem) is not None}
    behind = tuple(v for v in waiting if v.name not in refused and _going(v, versions, stable))
    contest = _contest([v for v in waiting if v.name not in refused and v not in behind], stable, snapshot)
    queued = (*contest.queued, *behind)
    return Roles(
        stable=stable,
        holder=holder,
        candidate=contest.candidate,
        queued=queued,
        barred=contest.barred,
        refused=refused,
        duplicates=duplicates,
        skipped=(*contest.skipped, *(v for v in unproven if v.deleting)),
        ended=tuple(v for v in ended if not v.proven),
        superseded=tuple(v for v in usable if v.proven and v not in (stable, contest.candidate) and v not in queued),
        foreign=tuple(v for v in foreign if not v.proven),
    )


def settled(version: Version, snapshot: Snapshot) -> Settled:
    """The settings of a version: those frozen when its attempt began, else those that it would begin with now.

    A version on its way back was let in once: no policy keeps it away, also not one that cannot be read.
    """
    if version.status.effective_rollout is not None:
        return Settled(version.status.effective_rollout)
    policy = snapshot.policy
    if policy is not None and policy.spec is None:
        if version.status.restoring:
            return Settled(restoring(merge(version.spec.rollout)))
        return Settled(merge(version.spec.rollout), problem=f"the policy {policy.name} cannot be read")
    spec = policy.spec if policy is not None else None
    found = settle(version.spec.rollout, policy=spec, digest=version.spec.source.digest)
    return Settled(restoring(found.settings)) if version.status.restoring else found


@dataclass(frozen=True, slots=True)
class _Contest:
    candidate: Version | None
    queued: tuple[Version, ...]
    barred: tuple[Version, ...]
    skipped: tuple[Version, ...]


def _contest(wanting: Sequence[Version], stable: Version | None, snapshot: Snapshot) -> _Contest:
    """Who of those that want stable's place is rolled out, each newer one's word being heard in turn."""
    running = next((v for v in wanting if v.status.restoring), None)
    returning = running is not None
    queued: list[Version] = []
    barred: list[Version] = []
    skipped: list[Version] = []
    for version in wanting:
        if version is running:
            continue
        if stable is not None and _order(version) < _order(stable):
            skipped.append(version)
            continue
        word = settled(version, snapshot).settings.on_new_version
        if running is None:
            running = version
        elif word is OnNewVersion.REJECT:
            barred.append(version)
        elif word is OnNewVersion.QUEUE or returning:
            queued.append(version)
        else:
            skipped += [running, *queued]
            running, queued = version, []
    return _Contest(running, tuple(queued), tuple(barred), tuple(skipped))


def _order(version: Version) -> tuple[object, str]:
    return version.created_at, version.name


def _duplicates(versions: tuple[Version, ...]) -> dict[str, str]:
    """Versions that repeat an older one which is to stay."""
    first: dict[str, str] = {}
    out: dict[str, str] = {}
    for version in versions:
        if version.spec.version in first:
            out[version.name] = first[version.spec.version]
        elif not version.deleting:
            first[version.spec.version] = version.name
    return out


def _going(version: Version, versions: tuple[Version, ...], stable: Version | None) -> bool:
    """Whether an object with the same version is still there: what is counted of the two could not be told apart.

    Stable is not waited for: it goes only when another has taken its place.
    """
    same = (v for v in versions if v is not version and v.spec.version == version.spec.version)
    return any(v.deleting and v is not stable for v in same)


def _stable(versions: list[Version], snapshot: Snapshot) -> tuple[Version | None, str | None]:
    """Stable, and the backend that serves in its place."""
    proven = [(v.status.promoted_at, v.created_at, v) for v in versions if v.status.promoted_at is not None]
    stable = max(proven, key=lambda item: item[:2])[2] if proven else None
    unreadable = _unreadable(stable, snapshot)
    if unreadable is not None:
        return None, unreadable
    climbing = _climbing(snapshot)
    owned = {version.backend.name for version in snapshot.versions}
    standing = {name: weight for name, weight in snapshot.route.weights.items() if name not in climbing}
    if stable is not None:
        most = max(standing, key=standing.__getitem__, default="")
        holds = standing.get(most, 0) > 0 and most not in owned and not stable.backend.ready
        return stable, most if holds else None
    # One that has given all of its traffic to a candidate in probation takes it back if that fails.
    beside = any(snapshot.route.weights.get(name, 0) > 0 for name in climbing)
    holding = [n for n, w in standing.items() if n not in owned and (w > 0 or (beside and n in snapshot.orphans))]
    holder = max(holding, key=lambda name: (standing[name], name), default=None)
    serving = [v for v in versions if standing.get(v.backend.name, 0) > 0 and not _was_taken_back(v, snapshot)]
    first = max(serving, key=snapshot.route.weight, default=None)
    if holder is None or (first is not None and standing[holder] < snapshot.route.weight(first)):
        return first, None
    return None, holder


def _climbing(snapshot: Snapshot) -> set[str]:
    """Backends whose weight is that of a step: however great it is, it does not say that they are proven."""
    return {v.backend.name for v in snapshot.versions if v.status.step is not None and not _is_proven(v)}


def _was_taken_back(version: Version, snapshot: Snapshot) -> bool:
    return version.taken_back or snapshot.route.mark(version) is not None


def _is_proven(version: Version) -> bool:
    return version.proven and not version.status.restoring


def _unreadable(stable: Version | None, snapshot: Snapshot) -> str | None:
    """The backend of the version proven last, where its object cannot be read."""
    times = {invalid.status.inference_service: invalid.status.promoted_at for invalid in snapshot.invalid}
    proven = [(at, backend) for backend, at in times.items() if at is not None and backend is not None]
    if not proven:
        return None
    at, backend = max(proven)
    older = stable is None or stable.status.promoted_at is None or stable.status.promoted_at < at
    return backend if older else None

"""Which version to return to, when the one that serves has to go: those that were promoted once, the best first.

The order has no weights that somebody would have to tune. A version that was not left because of itself goes before
one that was; then one whose digest is known, because what is served can be checked; then one without more bad requests
than the others had; then the one that served last, because clients and data were most like today's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from .account import Account, ModelAccount
from .comparison import Share, share_of
from .facts import GONE
from .shares import Usage, usage

_RETURN = "Rollback"
"""The act by which a person returns to a version, and leaves the one that serves."""


@dataclass(frozen=True, slots=True)
class Target:
    """A version that can be returned to."""

    version: str
    name: str
    """Of its object."""
    seconds: float
    """How long it served."""
    last: datetime | None
    """When it last did."""
    digest: str
    bad: Share | None
    """Greatest share of bad requests that a gate counted of it."""
    clean: bool
    """Whether it was left for a newer one, and not because of itself."""
    reasons: tuple[str, ...]
    """For it and against it, each a few words."""


def ranked(model: ModelAccount, *, now: datetime) -> tuple[Target, ...]:
    """The versions that can be returned to, the best first; not the one that serves, and none whose object is gone."""
    began = model.spans[0].start if model.spans else now
    used = {one.version: one for one in usage(model.spans, since=began, until=now)}
    serves = model.spans[-1].weights if model.spans else {}
    main = max(serves, key=lambda version: serves[version], default="")
    there = (one for one in model.versions.values() if one.proven is not None and one.phase != GONE)
    proven = [account for account in there if account.version != main]
    left = _left(model)
    bad = {account.version: _worst(account) for account in proven}
    least = min((one.high for one in bad.values() if one is not None), default=1.0)
    targets = [
        _target(account, used.get(account.version), bad=bad[account.version], least=least, left=left, now=now)
        for account in proven
    ]
    return tuple(sorted(targets, key=lambda one: _order(one, least)))


def _order(target: Target, least: float) -> tuple[bool, bool, bool, float]:
    noisy = target.bad is not None and target.bad.low > least
    return (not target.clean, not target.digest, noisy, -(target.last.timestamp() if target.last is not None else 0.0))


def _target(
    account: Account,
    used: Usage | None,
    *,
    bad: Share | None,
    least: float,
    left: Mapping[str, str],
    now: datetime,
) -> Target:
    problem = left.get(account.version, "")
    if account.taken_back is not None:
        problem = f"was taken back: {account.taken_back.reason}"
    reasons = [f"promoted {account.proven.at:%Y-%m-%d %H:%M}" if account.proven is not None else ""]
    reasons.append(f"served {_length(used.seconds)}" if used is not None else "served nobody since the record begins")
    if used is not None:
        reasons.append(
            "serves a part" if used.last >= now else f"last {_length((now - used.last).total_seconds())} ago"
        )
    if bad is not None:
        more = ", more than others had" if bad.low > least else ""
        reasons.append(f"{bad.share:.2%} of {bad.total:,} requests bad{more}")
    reasons.append("digest known" if account.digest else "digest not known")
    return Target(
        version=account.version,
        name=account.name,
        seconds=used.seconds if used is not None else 0.0,
        last=used.last if used is not None else None,
        digest=account.digest,
        bad=bad,
        clean=not problem,
        reasons=(*((problem,) if problem else ()), *reasons),
    )


def _left(model: ModelAccount) -> Mapping[str, str]:
    """Versions from which a person returned to another, and what he said."""
    left: dict[str, str] = {}
    for account in model.versions.values():
        for act in account.acts:
            if act.action != _RETURN or act.outcome != "Applied":
                continue
            before = [span for span in model.spans if span.start < act.at]
            weights = before[-1].weights if before else {}
            main = max(weights, key=lambda version: weights[version], default="")
            proven = model.versions[main].proven if main in model.versions else None
            if main != account.version and (proven is None or proven.at < act.at):
                left[main] = f"left on {act.at:%Y-%m-%d}: {act.reason or 'no reason is kept'}"
    return left


def _worst(account: Account) -> Share | None:
    """The greatest share of bad requests that a gate counted of a version."""
    found = [share_of(one.own) for one in account.last_judgements().values()]
    known = [one for one in found if one is not None]
    return max(known, key=lambda one: one.share, default=None)


def _length(seconds: float) -> str:
    """A length of time in its two greatest units."""
    left, parts = timedelta(seconds=max(0, round(seconds))), []
    for unit, size in (("d", timedelta(days=1)), ("h", timedelta(hours=1)), ("min", timedelta(minutes=1))):
        if count := left // size:
            parts.append(f"{count} {unit}")
            left -= count * size
    return " ".join(parts[:2]) or f"{left.seconds} s"

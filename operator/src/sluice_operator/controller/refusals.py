"""Acts that came to nothing and of which no version's status tells: they are recorded from their own status.

What came of most acts stands in the outbox of the version that they are about. One that cannot be read, that came too
late, that is about a version which is not there, or for which there was no room, is told of by the act alone. Both ways
lead to one id, so that an act is recorded once, and what somebody writes into an act is never taken for an effect.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ..api.action import Outcome
from ..kube.gateway import Object
from ..ledger.entry import Entry, Personal
from ..rollout.entries import act_id
from .resources import version_of_act

_NOTHING = frozenset({Outcome.REFUSED, Outcome.EXPIRED})
_WORD, _SENTENCE = 253, 1024


def is_told_by_itself(act: Object, version: Object | None) -> bool:
    """Whether something came of an act that its version, as far as it is known, does not tell."""
    if _text(_mapping(act, "status"), "outcome", most=_WORD) not in _NOTHING:
        return False
    held = _mapping(version or {}, "status").get("acts")
    told = held if isinstance(held, list) else ()
    return not any(isinstance(one, dict) and one.get("uid") == act["metadata"]["uid"] for one in told)


def entry_of_act(act: Object, version: Object | None) -> Entry:
    """The entry for such an act; `version` is the ModelVersion of the name that it gives, where there is one."""
    meta, spec, status = act["metadata"], _mapping(act, "spec"), _mapping(act, "status")
    about = version_of_act(act)
    groups = spec.get("groups")
    return Entry(
        id=f"{_uid(act)}/{act_id(meta['uid'])}",
        time=_time(status.get("at"), otherwise=meta["creationTimestamp"]),
        type="Act",
        subject={
            "namespace": meta["namespace"],
            "name": about[1][:_WORD] if about is not None else "",
            "uid": _uid(act),
            **{name: _text(_mapping(version or {}, "spec"), name, most=63) for name in ("model", "version") if version},
        },
        actor={"person": Personal(_text(spec, "requestedBy", most=_WORD))},
        body={
            "act": meta["uid"],
            "action": _text(spec, "action", most=_WORD),
            "groups": [str(group)[:_WORD] for group in groups[:32]] if isinstance(groups, list) else [],
            "seen": {
                **{name: spec[name] for name in ("attempt", "step") if isinstance(spec.get(name), int)},
                **({"policyHash": _text(spec, "policyHash", most=_WORD)} if "policyHash" in spec else {}),
            },
            "outcome": status["outcome"],
            "reason": Personal(_text(spec, "reason", most=_SENTENCE)),
            "message": Personal(_text(status, "message", most=_SENTENCE)),
        },
    )


def _uid(act: Object) -> str:
    """The uid of the version that an act is about, as the act says; the act's own where that is nobody's uid."""
    said = _mapping(act, "spec").get("uid")
    own: str = act["metadata"]["uid"]
    return said if isinstance(said, str) and 0 < len(said) <= 64 and said.isprintable() else own


def _time(said: Any, *, otherwise: str) -> datetime:
    try:
        moment = datetime.fromisoformat(said)
        return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        return datetime.fromisoformat(otherwise)


def _mapping(obj: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = obj.get(name)
    return found if isinstance(found, dict) else {}


def _text(of: Mapping[str, Any], name: str, *, most: int) -> str:
    found = of.get(name)
    return found[:most] if isinstance(found, str) else ""

"""What people ask for beside versions: the policy of a model, and their acts."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from pydantic import ValidationError

from ..api.action import RolloutActionSpec
from ..api.policy import RolloutPolicySpec
from ..kube.gateway import Object
from ..kube.reflector import Reflector
from ..rollout.snapshot import Act, InvalidAct, Policy

_INVALID_AT_ONCE = 20


def read_policy(objects: Iterable[Object], *, model: str) -> Policy | None:
    """The policy that applies to a model: the oldest of its namespace that names it, or cannot be read."""
    for obj in sorted(objects, key=_age):
        name = obj["metadata"]["name"]
        try:
            spec = RolloutPolicySpec.model_validate(obj["spec"])
        except ValidationError:
            return Policy(name=name, spec=None)
        if "deletionTimestamp" not in obj["metadata"] and spec.names(model):
            return Policy(name=name, spec=spec)
    return None


def acts_on(versions: Iterable[str], copy: Reflector, *, namespace: str) -> Iterator[Act | InvalidAct]:
    """The acts on some versions of which nothing has come yet, oldest first; few at once of those that say nothing."""
    pending = [
        obj
        for name in versions
        for obj in copy.indexed((namespace, name))
        if not (obj.get("status") or {}).get("outcome")
    ]
    invalid = 0
    for obj in sorted(pending, key=_age):
        meta = obj["metadata"]
        try:
            spec = RolloutActionSpec.model_validate(obj["spec"])
        except ValidationError as error:
            invalid += 1
            if invalid <= _INVALID_AT_ONCE:
                first = error.errors()[0]
                field = ".".join(str(part) for part in first["loc"])
                yield InvalidAct(name=meta["name"], problem=f"spec.{field}: {first['msg']}")
            continue
        yield Act(name=meta["name"], uid=meta["uid"], created_at=_age(obj)[0], spec=spec)


def _age(obj: Object) -> tuple[datetime, str]:
    return datetime.fromisoformat(obj["metadata"]["creationTimestamp"]), obj["metadata"]["name"]

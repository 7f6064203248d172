"""What a ModelVersion says, however it came to be stored: by an earlier schema, or by a later operator."""

import contextlib
from typing import Any

from pydantic import ValidationError

from ..api.modelversion import ModelVersionSpec
from ..api.outbox import OUTBOX, OutboxEntry
from ..api.status import ModelVersionStatus
from ..kube.gateway import Object
from ..serving.render import check_servable


def read_status(obj: Object) -> ModelVersionStatus:
    """The status of a ModelVersion, without the fields that cannot be read.

    A later operator may have written what this one does not know: that must not take along when a version was promoted.
    """
    told = obj.get("status") or {}
    try:
        return ModelVersionStatus.model_validate(told)
    except ValidationError as error:
        unknown = {part["loc"][0] for part in error.errors()}
        known = {name: value for name, value in told.items() if name not in unknown}
        if "outbox" in unknown:
            known["outbox"] = _readable(told["outbox"])
        return ModelVersionStatus.model_validate(known)


def _readable(entries: Any) -> list[OutboxEntry]:
    """The entries of an outbox but for those that cannot be read: they are recorded as such (see outboxes.py)."""
    found: list[OutboxEntry] = []
    for entry in entries[:OUTBOX] if isinstance(entries, list) else ():
        with contextlib.suppress(ValidationError):
            found.append(OutboxEntry.model_validate(entry))
    return found


def read_spec(obj: Object) -> ModelVersionSpec:
    """The spec of a ModelVersion.

    Raises:
        ValidationError: It says what no spec says.
        UnservableError: It says what nobody can serve.
    """
    spec = ModelVersionSpec.model_validate(obj.get("spec"))
    check_servable(spec)
    return spec

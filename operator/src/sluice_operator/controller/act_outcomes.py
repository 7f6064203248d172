"""What came of acts, said in their own status.

An act on a version that is there is decided with its model. One on a version that is not would never be looked at: it
ends when it is too old to mean anything.
"""

import logging
from datetime import datetime

from ..api import action
from ..api.action import Outcome, RolloutActionStatus
from ..api.base import API_VERSION
from ..kube.errors import InvalidError, NotFoundError
from ..kube.gateway import Gateway
from ..kube.reflector import Reflector
from ..rollout.acts import EXPIRES
from .resources import ROLLOUT_ACTIONS, version_of_act

log = logging.getLogger(__name__)


async def tell(gateway: Gateway, *, namespace: str, name: str, said: RolloutActionStatus) -> None:
    """Write what came of an act, unless the act is gone, or its API server refuses even that of one it cannot read."""
    written = {
        "apiVersion": API_VERSION,
        "kind": action.KIND,
        "metadata": {"name": name, "namespace": namespace},
        "status": said.model_dump(mode="json", by_alias=True, exclude_none=True),
    }
    extra = {"namespace": namespace, "act": name, "outcome": str(said.outcome)}
    try:
        await gateway.apply(ROLLOUT_ACTIONS, written, sub="status")
    except NotFoundError:
        pass
    except InvalidError as error:
        log.warning("act: %s: %s", said.message, error, extra=extra)
        return
    log.info("act: %s", said.message, extra=extra)


async def end_strays(gateway: Gateway, *, acts: Reflector, versions: Reflector, now: datetime) -> None:
    """End the acts on versions that are not there."""
    for act in list(acts.all()):
        meta, about = act["metadata"], version_of_act(act)
        old = now > datetime.fromisoformat(meta["creationTimestamp"]) + EXPIRES
        if about is None or versions.get(about) is not None or not old or (act.get("status") or {}).get("outcome"):
            continue
        missing = f"there is no ModelVersion {about[1]}, so it had no effect"
        said = RolloutActionStatus(outcome=Outcome.EXPIRED, message=missing, at=now)
        await tell(gateway, namespace=meta["namespace"], name=meta["name"], said=said)

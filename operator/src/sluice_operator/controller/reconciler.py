"""One reconcile of one model, in numbered steps."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from ..api.status import Verdict
from ..kube.errors import ConflictError
from ..kube.gateway import Gateway
from ..kube.reflector import Key
from ..prometheus.predictor import Target
from ..prometheus.sampler import Sample
from ..rollout.decide import decide
from ..rollout.plan import Plan
from ..rollout.snapshot import Snapshot
from ..routing.httproute import read_route
from .apply import Applier
from .comparing import Findings
from .copies import Copies
from .observe import Installation, observe
from .preflight import Preflights, subjects
from .resources import HTTP_ROUTES

log = logging.getLogger(__name__)

_ROLLBACK_TRIES = 5


class Reconciler:
    """Brings a model one step further."""

    def __init__(
        self,
        *,
        gateway: Gateway,
        copies: Copies,
        installation: Installation,
        applier: Applier,
        preflights: Preflights,
        sample: Callable[[str], Sample],
        found: Callable[[str], Mapping[Target, Findings]],
        rolled_back: Callable[[float], None],
        clock: Callable[[], datetime],
    ) -> None:
        """Decide on local copies, the last sample of a namespace and what comparisons found; write through the applier.

        `rolled_back` is told, after a rollback is written, how many seconds ago the sample it was decided on came.
        """
        self._gateway = gateway
        self._copies = copies
        self._installation = installation
        self._applier = applier
        self._preflights = preflights
        self._sample = sample
        self._found = found
        self._rolled_back = rolled_back
        self._clock = clock

    async def reconcile(self, key: Key, look_again: Callable[[datetime | None], None]) -> None:
        """Do what is to be done about a model now.

        Args:
            key: Namespace and model.
            look_again: Told when to look again, if nothing happens before; also where a write is refused then.

        Raises:
            ApiError: when a write was refused; look again soon.
        """
        # 1. Observe.
        now = self._clock()
        sample = self._sample(key[0])
        snapshot = observe(
            key,
            self._copies,
            installation=self._installation,
            sample=sample,
            found=self._found(key[0]),
            preflights=self._preflights.results,
            now=now,
        )
        # 2. Decide.
        plan = decide(snapshot, now)
        look_again(plan.wake_at)
        # 3. Apply; a rollback refused because the route has changed is decided again on the live route, at once.
        if plan.rollback:
            snapshot, plan, written = await self._roll_back(snapshot, plan, now, sampled_at=sample.at)
            look_again(plan.wake_at)
            if written:
                # The route says what was decided: the rest of this rollback can wait, the routes of others cannot.
                look_again(now)
                return
        self._preflights.keep(key, subjects(snapshot, plan))
        await self._applier.apply(snapshot, plan)

    async def _roll_back(
        self, snapshot: Snapshot, plan: Plan, now: datetime, *, sampled_at: float
    ) -> tuple[Snapshot, Plan, bool]:
        """Write the route of a rollback; returns what is left to be done, and whether the route was written.

        Raises:
            ConflictError: when the route changed each time. Nothing else is written then: the statuses follow the
                route, which bears the reason.
        """
        live = self._copies.routes.get((snapshot.namespace, snapshot.model))
        for _ in range(_ROLLBACK_TRIES):
            try:
                written = await self._applier.write_route(snapshot, plan, live=live)
            except ConflictError:
                live = await self._gateway.get(HTTP_ROUTES, namespace=snapshot.namespace, name=snapshot.model)
                snapshot = replace(snapshot, route=read_route(live))
                plan = decide(snapshot, now)
                if not plan.rollback:
                    return snapshot, plan, False
            else:
                if written and any(
                    gate.verdict is Verdict.FAIL for version in snapshot.versions for gate in version.gates
                ):
                    self._rolled_back(self._clock().timestamp() - sampled_at)
                return snapshot, replace(plan, route=None), written
        raise ConflictError(409, f"the route has changed {_ROLLBACK_TRIES} times while a rollback was written")

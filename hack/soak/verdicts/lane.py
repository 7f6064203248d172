"""One model of the soak: clients ask it, versions of it are rolled out one after the other, and it is written down."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from hack.cluster.kind import GATEWAY_PORT
from hack.demo.breach import weight_of
from hack.demo.kube import MODEL_VERSIONS, Cluster
from hack.demo.observe import Observer
from hack.demo.record import Mark
from hack.demo.story import Narrator
from hack.demo.traffic import Target, Traffic
from hack.soak.verdicts import failing
from hack.soak.verdicts.record import Seen, counted
from hack.soak.verdicts.scene import QUIET, SAME, Kind

_ENDS = ("Stable", "RolledBack", "Failed", "Rejected", "Skipped")
_SERVED_WITHIN_S = 300.0
_REQUESTS = 1_000_000
"""More than any lane sends: what bounds it is its end."""


class LaneError(Exception):
    """A model did not come so far that anything could be learnt; the message names it and what it said."""


@dataclass(frozen=True, slots=True)
class Lane:
    """One model and its clients."""

    cluster: Cluster
    model: str
    rate: float
    seed: int
    models: Path
    say: Callable[[str, Mark], None]

    async def play(self, kinds: Sequence[Kind]) -> list[Seen]:
        """Roll out a version of each kind, each when the one before has come to its end; what was seen.

        Raises:
            LaneError: The model's first version does not serve, or the Gateway does not know it.
        """
        observer = Observer(model=self.model, on_change=Narrator(self._announce))
        seen: list[Seen] = []
        async with observer.watching(self.cluster):
            await self._serve(observer)
            for kind, group in groupby(kinds):
                first = len(seen)
                async with self._clients(kind) as traffic:
                    for _ in group:
                        seen.append(await self._roll_out(kind, f"{len(seen) + 2}.0.0", observer))
                seen[first:] = [counted(one, traffic.answers) for one in seen[first:]]
        return seen

    async def watch_quietly(self) -> Seen:
        """Roll a version out where requests are few, and look at it after a while.

        Raises:
            LaneError: A version does not come to have traffic.
        """
        observer = Observer(model=self.model, on_change=Narrator(self._announce))
        async with observer.watching(self.cluster):
            await self._serve(observer)
            async with self._clients(QUIET) as traffic:
                version, began = "2.0.0", time.time()
                await self._apply(QUIET, version)
                if not await observer.until(lambda: observer.weight(version) > 0, within=_SERVED_WITHIN_S):
                    raise LaneError(f"{self.model} {version} has no traffic: {observer.versions.get(version)}")
                await observer.until(lambda: self._has_ended(observer, version), within=QUIET.within)
                seen = await self._seen(QUIET, version, observer, began=began)
            return counted(seen, traffic.answers)

    async def _serve(self, observer: Observer) -> None:
        await self._apply(SAME, "1.0.0")
        if not await observer.until(lambda: observer.weight("1.0.0") == 100, within=_SERVED_WITHIN_S):
            raise LaneError(f"{self.model} 1.0.0 does not serve: {observer.versions.get('1.0.0')}")

    async def _roll_out(self, kind: Kind, version: str, observer: Observer) -> Seen:
        began = time.time()
        await self._apply(kind, version)
        await observer.until(lambda: self._has_ended(observer, version), within=kind.within)
        seen = await self._seen(kind, version, observer, began=began)
        self._announce(Mark(at=time.time(), kind="note", version=version, text=seen.sentence))
        return seen

    async def _seen(self, kind: Kind, version: str, observer: Observer, *, began: float) -> Seen:
        """What a rollout has come to, without what clients were answered."""
        ended_at = time.time()
        weights = [weight_of(route, version, observer.services) for route in observer.routes if route.at >= began]
        before = [weight for weight in weights if weight < 100]
        state = observer.versions[version]
        found = json.loads(await self.cluster.kubectl("get", MODEL_VERSIONS.argument, state.name, "-o", "json"))
        gates = found["status"].get("gates") or [{}]
        compared = gates[0].get("comparison") or {}
        return Seen(
            kind=kind.name,
            model=self.model,
            version=version,
            phase=state.phase,
            gate=state.gate,
            reason=state.reason,
            said=gates[0].get("message", ""),
            requests_needed=compared.get("requestsNeeded"),
            seconds_needed=compared.get("secondsNeeded"),
            most_weight=max(before, default=0.0),
            ended_at=ended_at,
            seconds=round(ended_at - began, 1),
        )

    @staticmethod
    def _has_ended(observer: Observer, version: str) -> bool:
        state = observer.versions.get(version)
        return state is not None and state.phase in _ENDS and (state.phase == "Stable" or not observer.weight(version))

    async def _apply(self, kind: Kind, version: str) -> None:
        source = failing.uri(kind.fails_on, version=version, models=self.models)  # one lane at a time
        spec = {
            "model": self.model,
            "version": version,
            "source": {"storageUri": source},
            "predictor": {"resources": {"requests": {"cpu": "50m", "memory": "256Mi"}}},
            "rollout": dict(kind.rollout),
        }
        name = f"{self.model}-{version.replace('.', '-')}"
        manifest = {"apiVersion": "sluice.dev/v1alpha1", "kind": "ModelVersion", "metadata": {"name": name}}
        await self.cluster.apply({**manifest, "spec": spec})

    @asynccontextmanager
    async def _clients(self, kind: Kind) -> AsyncIterator[Traffic]:
        """Have clients ask as this kind wants it while the block runs; the Gateway knows the model when it begins."""
        url = f"http://127.0.0.1:{GATEWAY_PORT}/v1/models/{self.model}:predict"
        host = f"{self.model}.{self.cluster.namespace}.sluice.local"
        target = Target(url, host=host, rate=self.rate, requests=_REQUESTS)
        async with Traffic(target, failing.texts(kind.shares, seed=self.seed)) as traffic:
            ends = time.monotonic() + _SERVED_WITHIN_S
            while not (await traffic.probe()).ok:
                if time.monotonic() > ends:
                    raise LaneError(f"the Gateway does not serve {self.model} within {_SERVED_WITHIN_S:.0f} s")
                await asyncio.sleep(0.5)
            traffic.start()
            yield traffic

    def _announce(self, mark: Mark) -> None:
        self.say(self.model, mark)

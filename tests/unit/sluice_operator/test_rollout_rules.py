"""The rules of traffic hold at every write, whatever people, pods, the Gateway and Prometheus do, and whenever the
operator is killed."""

from datetime import timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
)
from making import NAMESPACE
from sluice_operator.api.modelversion import ModelVersionStatus, Phase, Verdict
from sluice_operator.kube.gateway import Object
from sluice_operator.routing.httproute import read_route
from sluice_operator.serving.render import OWNER_ANNOTATION
from world import KEY, KINDS, ROUTES, SERVICES, VERSIONS, World

ENDED = {Phase.ROLLING_BACK, Phase.ROLLED_BACK, Phase.FAILED, Phase.SKIPPED, Phase.REJECTED}
STEPS = {0: 5, 1: 50, 2: 100}
HOLDS = {0: timedelta(seconds=10), 1: timedelta(seconds=20), 2: timedelta(seconds=30)}


class Rules:
    """Looks at every write of the operator before it counts."""

    def __init__(self, world: World) -> None:
        self._world = world
        world.api.before_write = self._write

    def _write(self, plural: str, body: Object) -> None:
        if plural == ROUTES and body:
            self._route(body)
        elif plural == "status":
            self._status(body["metadata"]["name"], ModelVersionStatus.model_validate(body["status"]))

    def _route(self, body: Object) -> None:
        table, statuses = read_route(body), self._world.statuses()
        assert sum(table.weights.values()) == 100
        before = read_route(self._world.api.kind(ROUTES).get(KEY))
        marked = {mark.uid for mark in before.marks}
        stable = self._stable()
        for backend, weight in table.weights.items():
            name = self._owner(backend)
            if weight == 0 or name == stable or name not in statuses:
                continue
            said = statuses[name]
            assert self._seen_ready(backend), f"{name} is not ready and gets {weight}"
            assert f"uid-{name}" not in marked, f"{name} was taken back and gets {weight}"
            assert said.phase not in ENDED, f"{name} is {said.phase} and gets {weight}"
            if stable is not None and weight > before.weights.get(backend, 0):
                assert weight <= STEPS[said.step or 0], f"{name} gets {weight} before its status says why"

    def _status(self, name: str, new: ModelVersionStatus) -> None:
        old = self._world.statuses().get(name)
        if old is None:
            return
        stable = self._stable()
        if old.phase in ENDED:
            assert new.phase in ENDED, f"{name} came back from {old.phase}: {new.phase}"
        if old.promoted_at is not None:
            assert new.promoted_at == old.promoted_at
        elif new.promoted_at is not None and stable not in (None, name):
            assert (old.phase, old.step) == (Phase.PROBATION, 2), f"{name} was promoted from {old.phase}"
            self._held_and_passed(name, old)
        if new.step is not None and new.step > (old.step or 0):
            assert new.step == (old.step or 0) + 1
            self._held_and_passed(name, old)

    def _held_and_passed(self, name: str, old: ModelVersionStatus) -> None:
        now = self._world.now()
        assert self._world.verdicts.get(name, Verdict.PASS) is Verdict.PASS, f"{name} rose without evidence"
        assert old.step_started_at is not None
        assert now - old.step_started_at >= HOLDS[old.step or 0], f"{name} rose before its time"

    def _stable(self) -> str | None:
        """Proven last, as the operator sees it; where none is, whoever the route serves."""
        copies = self._world.copies[VERSIONS].all()
        seen = {obj["metadata"]["name"]: ModelVersionStatus.model_validate(obj.get("status", {})) for obj in copies}
        proven = {name: status.promoted_at for name, status in seen.items() if status.promoted_at is not None}
        if proven:
            return max(proven, key=lambda name: proven[name])
        weights = self._world.weights()
        return max(weights, key=lambda name: weights[name], default=None)

    def _owner(self, backend: str) -> str:
        service = self._world.api.kind(SERVICES).get((NAMESPACE, backend))
        return service["metadata"]["annotations"][OWNER_ANNOTATION] if service else backend

    def _seen_ready(self, backend: str) -> bool:
        service = self._world.copies[SERVICES].get((NAMESPACE, backend))
        conditions = (service or {}).get("status", {}).get("conditions", ())
        return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


class Rollouts(RuleBasedStateMachine):
    """Anything that can happen to a model, in any order."""

    @initialize(seconds=st.sampled_from([None, 10, 20, 35, 65]))
    def begin(self, seconds: int | None) -> None:
        """With a model's first version, or some time into the rollout of its second one."""
        self.world = World()
        self.rules = Rules(self.world)
        self.world.apply_version("v1")
        self.made = 1
        if seconds is not None:
            self.world.live_on(10)
            self.made = 2
            self.world.apply_version("v2")
            self.world.live_on(seconds)

    @rule(again=st.booleans())
    def somebody_applies_a_version(self, again: bool) -> None:
        self.made += 1
        self.world.apply_version(f"v{self.made}", version="v1" if again else None)

    @rule(data=st.data(), now=st.booleans())
    def somebody_deletes_a_version(self, data: st.DataObject, now: bool) -> None:
        names = sorted(self.world.statuses())
        if names:
            self.world.delete_version(data.draw(st.sampled_from(names)), now=now)

    @rule(data=st.data(), ready=st.booleans())
    def pods_come_and_go(self, data: st.DataObject, ready: bool) -> None:
        services = sorted(self.world.services())
        if services:
            self.world.set_ready(data.draw(st.sampled_from(services)), ready=ready)

    @rule()
    def all_pods_are_ready(self) -> None:
        for service in self.world.services():
            self.world.set_ready(service, ready=True)

    @rule()
    def the_gateway_takes_the_route(self) -> None:
        self.world.gateway_takes_the_route()

    @rule(verdict=st.sampled_from(Verdict))
    def prometheus_sees_something_else(self, verdict: Verdict) -> None:
        self.world.verdicts[f"v{self.made}"] = verdict

    @rule(seconds=st.sampled_from([1, 5, 20, 40, 70]))
    def time_passes(self, seconds: int) -> None:
        self.world.seconds += seconds

    @rule(plural=st.sampled_from(KINDS))
    def one_copy_catches_up(self, plural: str) -> None:
        self.world.follow(plural)

    @rule()
    def the_operator_looks(self) -> None:
        self.world.reconcile()

    @rule()
    def the_operator_works(self) -> None:
        self.world.follow()
        self.world.reconcile()

    @rule(lives=st.integers(0, 5))
    def the_operator_is_killed_while_it_works(self, lives: int) -> None:
        self.world.follow()
        self.world.reconcile(lives=lives)

    @rule(seconds=st.sampled_from([5, 30]))
    def everything_goes_well_for_a_while(self, seconds: int) -> None:
        self.world.live_on(seconds)

    @rule()
    def somebody_deletes_the_route(self) -> None:
        self.world.delete_route()

    @rule(weight=st.integers(0, 100))
    def somebody_edits_the_weights(self, weight: int) -> None:
        self.world.edit_first_weight(weight)

    @rule()
    def nothing_is_written_when_nothing_has_changed(self) -> None:
        self.world.reconcile_until_idle()
        assert self.world.reconcile() == 0

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        self.world.verdicts.clear()
        self.world.live_on(1000)
        ends_well(self.world)


def ends_well(world: World) -> None:
    """What must come of any history once everything goes well."""
    statuses = world.statuses()
    stable = [name for name, said in statuses.items() if said.phase in (Phase.STABLE, Phase.DELETION_WAITING)]
    assert len(stable) <= 1
    for name, said in statuses.items():
        assert said.phase in ENDED | {Phase.STABLE, Phase.SUPERSEDED, Phase.DELETION_WAITING}, f"{name}: {said}"
    served = {name for name, weight in world.weights().items() if weight}
    if stable:
        assert world.weights() == {stable[0]: 100}
        assert world.running() == set(stable)
    else:
        assert not {name for name in served if name in statuses}, "only stable is served"
    assert not [name for name in deleted(world) if name not in stable], "what was deleted is gone"
    world.reconcile_until_idle()


def deleted(world: World) -> list[str]:
    return [name for (_, name), obj in world.api.kind(VERSIONS).items() if "deletionTimestamp" in obj["metadata"]]


TestRollouts = Rollouts.TestCase
TestRollouts.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)

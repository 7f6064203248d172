"""The rules of traffic hold at every write, whatever people, pods, the Gateway and Prometheus do, and whenever the
operator is killed."""

from collections.abc import Sequence
from datetime import timedelta
from functools import cache
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import Phase as Phases
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
)
from making import COMPARING, NAMESPACE, ROLLOUT
from record import is_whole, where
from world import ACTS, KEY, KINDS, POD, ROUTES, SERVICES, VERSIONS, World

from sluice_operator.analysis.comparison import Answer
from sluice_operator.api.action import Action, Outcome
from sluice_operator.api.modelversion import KIND
from sluice_operator.api.outbox import OUTBOX, OutboxEntry
from sluice_operator.api.settings import OnInconclusive
from sluice_operator.api.status import ModelVersionStatus, Phase, Verdict
from sluice_operator.kube.gateway import Object
from sluice_operator.rollout.address import Address
from sluice_operator.rollout.snapshot import ON_TRAFFIC, Route
from sluice_operator.routing.httproute import read_route
from sluice_operator.serving.render import OWNER_ANNOTATION, STOP_ANNOTATION

HOSTNAMES = ("sms.default.sluice.local", "a.example.com", "b.example.com")
ENDED = {Phase.ROLLING_BACK, Phase.ROLLED_BACK, Phase.FAILED, Phase.SKIPPED, Phase.REJECTED}
STEPS = {0: 5, 1: 50, 2: 100}
HOLDS = {0: timedelta(seconds=10), 1: timedelta(seconds=20), 2: timedelta(seconds=30)}
GOES_ON = {**COMPARING, "onInconclusive": "Promote", "maxHold": "25s"}
GIVES_UP = {**COMPARING, "onInconclusive": "Rollback", "maxHold": "25s"}


class Rules:
    """Looks at every write of the operator before it counts."""

    def __init__(self, world: World) -> None:
        self._world = world
        world.api.before_write = self._write

    def _write(self, plural: str, body: Object) -> None:
        if plural == ROUTES and body:
            self._route(body)
        elif plural == "status" and body["kind"] == KIND:
            self._status(body["metadata"]["name"], ModelVersionStatus.model_validate(body["status"]))
        elif plural == "status":
            self._outcome(body["metadata"]["name"], body["status"]["outcome"])

    def _route(self, body: Object) -> None:
        table, statuses = read_route(body), self._world.statuses()
        assert sum(table.weights.values()) == 100
        before = read_route(self._world.api.kind(ROUTES).get(KEY))
        self._addresses(before.addresses, table.addresses)
        self._promoted(before, table)
        marked = {mark.uid for mark in before.marks}
        stable = self._stable()
        for backend, weight in table.weights.items():
            name = self._owner(backend)
            if weight == 0 or name == stable or name not in statuses:
                continue
            said = statuses[name]
            rises = weight > before.weights.get(backend, 0)
            assert self._seen_to_answer(backend), f"{name} has no pod and gets {weight}"
            assert not rises or self._seen_ready(backend), f"{name} is not ready and gets {weight}"
            assert f"uid-{name}" not in marked, f"{name} was taken back and gets {weight}"
            kept = weight <= before.weights.get(backend, 0) and not self._answers(stable)
            assert said.phase not in ENDED or kept, f"{name} is {said.phase} and gets {weight}"
            answered = said.preflight is not None and said.preflight.verdict is Verdict.PASS
            assert answered or kept or said.restoring, f"{name} gets {weight} and has not answered alone"
            assert not rises or not self._unrecorded(), f"{name} gets {weight} before it is recorded"
            if stable is not None and not said.restoring and rises:
                assert weight <= STEPS[said.step or 0], f"{name} gets {weight} before its status says why"

    def _promoted(self, before: Route, table: Route) -> None:
        """The last share of a promotion waits for its entry, unless something that must go at once goes with it."""
        name = self._stable()
        said = self._world.statuses().get(name or "")
        if said is None or said.promoted_at is None or not before.exists:
            return
        backend = str(said.inference_service)
        loses = {one for one, weight in before.weights.items() if weight > 0 and table.weights.get(one, 0) == 0}
        urgent = {mark.uid for mark in table.marks} - {mark.uid for mark in before.marks} or any(
            not self._seen_to_answer(one) or not self._proven(self._owner(one)) for one in loses
        )
        rises = table.weights.get(backend, 0) > before.weights.get(backend, 0)
        promotions = [entry for entry in self._unrecorded() if "promotedAt" in entry.body and entry in said.outbox]
        assert urgent or not rises or not promotions, f"{name} is promoted before that is recorded"

    def _proven(self, name: str) -> bool:
        said = self._world.statuses().get(name)
        return said is not None and said.promoted_at is not None and not said.restoring

    def _unrecorded(self) -> list[OutboxEntry]:
        recorded = self._world.recorded
        return [
            entry
            for name, said in self._world.statuses().items()
            for entry in said.outbox
            if (f"uid-{name}", entry.id) not in recorded
        ]

    def _outbox(self, name: str, old: ModelVersionStatus, new: ModelVersionStatus) -> None:
        """What has happened, and is not recorded, is told by the new status: whole, or joined with what followed."""
        assert len(new.outbox) <= OUTBOX
        assert len({entry.id for entry in new.outbox}) == len(new.outbox)
        at = where(old)
        waits = [entry for entry in old.outbox if (f"uid-{name}", entry.id) not in self._world.recorded]
        first = next((entry.body["from"] for entry in waits if entry.type == "Transition"), at)
        moves = [
            entry.body
            for entry in new.outbox
            if entry.type == "Transition" and (f"uid-{name}", entry.id) not in self._world.recorded
        ]
        steps = [first, *(move["to"] for move in moves)]
        assert [move["from"] for move in moves] == steps[:-1]
        assert steps[-1] == where(new), f"{name}: {where(new)} is not told"
        acts = {entry.body["act"] for entry in new.outbox if entry.type == "Act"}
        assert {act.uid for act in new.acts} - {act.uid for act in old.acts} <= acts

    def _addresses(self, before: Sequence[Address], now: Sequence[Address]) -> None:
        """Clients are answered where they were, for a day after the model is reached elsewhere."""
        assert now
        assert now[0].hostname in HOSTNAMES
        for one in before:
            over = one.until is not None and one.until <= self._world.now()
            assert over or any(at.is_same_as(one) for at in now), f"{one.hostname} is lost"

    def _status(self, name: str, new: ModelVersionStatus) -> None:
        old = self._world.statuses().get(name)
        if old is None:
            return
        self._outbox(name, old, new)
        stable = self._stable()
        by_act = applied(new) - applied(old)
        if (new.attempt or 1) != (old.attempt or 1):
            assert new.restoring or by_act, f"{name} began anew"
            assert not new.restoring or old.promoted_at is not None, f"{name} returns, and was never proven"
            return
        if old.restoring and new.promoted_at != old.promoted_at:
            assert old.phase is Phase.PROBATION, f"{name} returned from {old.phase}"
            passes = self._world.verdicts.get(name, Verdict.PASS) is Verdict.PASS
            assert passes or by_act, f"{name} returned without evidence"
        if old.restoring:
            return
        if by_act or old.advance_to is not None:
            assert Verdict.FAIL is not self._world.verdicts.get(name) or new.promoted_at == old.promoted_at
            return
        if old.phase in ENDED:
            assert new.phase in ENDED, f"{name} came back from {old.phase}: {new.phase}"
        if old.promoted_at is not None:
            assert new.promoted_at == old.promoted_at
        elif new.promoted_at is not None and stable not in (None, name):
            assert (old.phase, old.step) == (Phase.PROBATION, 2), f"{name} was promoted from {old.phase}"
            self._held_and_passed(name, old)
        if new.preflight is not None and old.preflight is None:
            assert new.preflight.verdict is self._world.answers.get(name, Verdict.PASS), f"{name} did not answer that"
        assert old.preflight in (None, new.preflight), f"{name} has answered something else"
        if new.step is not None and new.step > (old.step or 0):
            assert new.step == (old.step or 0) + 1
            self._held_and_passed(name, old)

    def _outcome(self, name: str, outcome: str) -> None:
        """What is said of an act is true, and never something else later."""
        act = self._world.api.kind(ACTS)[(NAMESPACE, name)]
        assert act.get("status", {}).get("outcome") in (None, outcome), f"{name} is told {outcome} now"
        said = self._world.statuses().get(act["spec"]["modelVersion"])
        effects = applied(said) | {said.decision.act if said.decision else None} if said is not None else set()
        marked = {mark.act for mark in read_route(self._world.api.kind(ROUTES).get(KEY)).marks}
        uid = act["metadata"]["uid"]
        assert (outcome == Outcome.APPLIED) is (uid in effects | marked), f"{name} is told {outcome}"

    def _held_and_passed(self, name: str, old: ModelVersionStatus) -> None:
        now = self._world.now()
        assert self._world.verdicts.get(name, Verdict.PASS) is Verdict.PASS, f"{name} rose without evidence"
        assert old.step_started_at is not None
        held = now - old.step_started_at
        assert held >= HOLDS[old.step or 0], f"{name} rose before its time"
        if compares(old):
            says = self._world.compared.get(name, Answer.CLEAR)
            tired = old.effective_rollout.on_inconclusive is OnInconclusive.PROMOTE and held >= timedelta(seconds=25)
            assert says is Answer.CLEAR or (says is Answer.UNKNOWN and tired), f"{name} rose, and is {says}"
        seen = read_route(self._world.copies[ROUTES].get(KEY))
        assert seen.in_force, f"{name} rose before the Gateway took the route"
        assert seen.weights[str(old.inference_service)] == STEPS[old.step or 0]

    def what_is_worse_has_no_traffic(self) -> None:
        """It is taken back whatever people, approvals and other gates say, as long as somebody else can answer."""
        weights, stable = self._world.weights(), self._stable()
        for name, said in self._world.statuses().items():
            worse = self._world.compared.get(name) is Answer.WORSE and said.phase in ON_TRAFFIC and compares(said)
            if worse and name != stable and self._answers(stable):
                assert weights.get(name, 0) == 0, f"{name} is worse and has {weights[name]}"

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

    def _answers(self, version: str | None) -> bool:
        """Whether a version, as the operator sees it, has pods that could take over."""
        backend = self._world.backend(version) if version is not None else None
        return backend is not None and self._seen_to_answer(backend)

    def _seen_ready(self, backend: str) -> bool:
        service = self._world.copies[SERVICES].get((NAMESPACE, backend))
        return ready(service)

    def _seen_to_answer(self, backend: str) -> bool:
        service = self._world.copies[SERVICES].get((NAMESPACE, backend))
        stopped = service is None or STOP_ANNOTATION in service["metadata"]["annotations"]
        return not stopped and ready(self._world.copies[POD].get((NAMESPACE, f"{backend}-0")))


def compares(said: ModelVersionStatus) -> bool:
    """Whether the gate of a version compares where it is: not in probation, where stable has no requests."""
    settings = said.effective_rollout
    return settings is not None and said.step in (0, 1) and settings.analysis.gates[0].compare is not None


def ready(obj: Object | None) -> bool:
    conditions = (obj or {}).get("status", {}).get("conditions", ())
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


@cache
def history(seconds: int | None) -> World:
    """A model's first version, just applied, or some time into the rollout of its second one."""
    world = World()
    world.apply_version("v1")
    if seconds is not None:
        world.live_on(10)
        world.apply_version("v2", rollout=GOES_ON)
        world.live_on(seconds)
    return world


class Rollouts(RuleBasedStateMachine):
    """Anything that can happen to a model, in any order."""

    @initialize(seconds=st.sampled_from([None, 1, 15, 35, 65]), answer=st.none() | st.sampled_from(Answer))
    def begin(self, seconds: int | None, answer: Answer | None) -> None:
        self.world = World(history(seconds))
        self.world.compared["v2"] = answer
        self.rules = Rules(self.world)
        self.made = 1 if seconds is None else 2

    @rule(again=st.booleans(), rollout=st.sampled_from([ROLLOUT, COMPARING, GOES_ON, GIVES_UP]))
    def somebody_applies_a_version(self, again: bool, rollout: dict[str, Any]) -> None:
        self.made += 1
        version = "v1" if again and self.made > 3 else None
        self.world.apply_version(f"v{self.made}", version=version, rollout=rollout)

    @rule(data=st.data(), action=st.sampled_from(Action), late=st.sampled_from([0, 0, 0, 1]))
    def somebody_acts(self, data: st.DataObject, action: Action, late: int) -> None:
        names = sorted(self.world.statuses())
        if names:
            newest_first = sorted(names, key=lambda name: -int(name[1:]))
            on = data.draw(st.sampled_from([newest_first[0], *newest_first]))
            self.world.act(action, on, attempts_late=late)

    @rule(data=st.data(), now=st.booleans())
    def somebody_deletes_a_version(self, data: st.DataObject, now: bool) -> None:
        names = sorted(self.world.statuses())
        if names:
            self.world.delete_version(data.draw(st.sampled_from(names)), now=now)

    @rule(weight=st.none() | st.integers(0, 100))
    def somebody_deletes_or_edits_the_route(self, weight: int | None) -> None:
        self.world.follow(*KINDS)
        if weight is None:
            self.world.delete_route()
        else:
            self.world.edit_first_weight(weight)

    @rule(hostname=st.sampled_from([*HOSTNAMES, None, "not.allowed"]), later=st.sampled_from([0, 1, 50_000]))
    def somebody_changes_where_the_model_is_reached(self, hostname: str | None, later: int) -> None:
        self.world.set_policy(**({"hostname": hostname} if hostname else {}))
        self.world.seconds += later

    @rule(data=st.data(), ready=st.booleans(), answers=st.none() | st.booleans())
    def pods_come_and_go(self, data: st.DataObject, ready: bool, answers: bool | None) -> None:
        services = sorted(self.world.services())
        if services:
            self.world.set_ready(data.draw(st.sampled_from(services)), ready=ready, answers=answers)

    @rule(away=st.booleans())
    def the_record_goes_away_or_returns(self, away: bool) -> None:
        self.world.record_is_away = away

    @rule()
    def the_gateway_takes_the_route(self) -> None:
        self.world.gateway_takes_the_route()

    @rule(verdict=st.sampled_from(Verdict), seconds=st.sampled_from([0, 1, 20, 40]))
    def prometheus_sees_something_else(self, verdict: Verdict, seconds: int) -> None:
        self.world.verdicts[f"v{self.made}"] = verdict
        self.world.seconds += seconds

    @rule(answer=st.none() | st.sampled_from(Answer), seconds=st.sampled_from([0, 1, 20, 40]))
    def comparisons_say_something_else(self, answer: Answer | None, seconds: int) -> None:
        self.world.compared[f"v{self.made}"] = answer
        self.world.seconds += seconds

    @rule(verdict=st.sampled_from([None, Verdict.PASS, Verdict.FAIL]))
    def the_newest_version_answers_otherwise_when_it_is_asked_alone(self, verdict: Verdict | None) -> None:
        self.world.answers[f"v{self.made}"] = verdict

    @rule(
        verdict=st.sampled_from([Verdict.PASS, Verdict.PASS, *Verdict]),
        answer=st.sampled_from([Answer.CLEAR, None, *Answer]),
        seconds=st.sampled_from([1, 20, 40, 100]),
    )
    def pods_and_gateway_do_well_for_a_while(self, verdict: Verdict, answer: Answer | None, seconds: int) -> None:
        self.world.verdicts[f"v{self.made}"] = verdict
        self.world.compared[f"v{self.made}"] = answer
        self.world.live_on(seconds)
        self.rules.what_is_worse_has_no_traffic()

    @rule(behind=st.sets(st.sampled_from(KINDS)), lives=st.none() | st.integers(0, 5))
    def the_operator_works_until_it_is_killed(self, behind: set[str], lives: int | None) -> None:
        self.world.follow(*(plural for plural in KINDS if plural not in behind))
        self.world.reconcile(lives=lives)

    @rule()
    def nothing_is_written_when_nothing_has_changed(self) -> None:
        self.world.reconcile_until_idle()
        assert self.world.reconcile() == 0
        self.rules.what_is_worse_has_no_traffic()

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        self.world.record_is_away = False
        self.world.verdicts.clear()
        self.world.answers.clear()
        self.world.compared.clear()
        self.world.set_policy()
        self.world.live_on(1)
        for name, said in self.world.statuses().items():
            if said.paused is not None:
                self.world.act("Resume", name)
        self.world.live_on(1000)
        ends_well(self.world)


def applied(said: ModelVersionStatus) -> set[str]:
    return {handled.uid for handled in said.acts if handled.outcome is Outcome.APPLIED}


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
    for (_, name), act in world.api.kind(ACTS).items():
        assert act["spec"]["modelVersion"] not in statuses or act.get("status"), f"nobody answered {name}"
    world.reconcile_until_idle()
    is_whole(world)


def deleted(world: World) -> list[str]:
    return [name for (_, name), obj in world.api.kind(VERSIONS).items() if "deletionTimestamp" in obj["metadata"]]


TestRollouts = Rollouts.TestCase
TestRollouts.settings = settings(
    max_examples=80,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phases.explicit, Phases.reuse, Phases.generate],  # shrinking a history takes longer than a test may
)

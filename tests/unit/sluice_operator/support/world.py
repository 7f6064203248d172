"""A model's whole world: the fake API server, KServe, the Gateway, Prometheus, people, and the operator itself."""

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from fake_cluster import FakeApiServer, FakeCopy, KilledError, finish
from making import MODEL, NAMESPACE, ROLLOUT, after

from sluice_operator.analysis.comparison import Answer, Comparison
from sluice_operator.analysis.counts import History, PodHistory, Scrape
from sluice_operator.analysis.gates import Evidence
from sluice_operator.analysis.verdicts import Compared
from sluice_operator.api.evidence import Evidence as Recorded
from sluice_operator.api.labels import MODEL_LABEL
from sluice_operator.api.outbox import OutboxEntry
from sluice_operator.api.status import ModelVersionStatus, Verdict
from sluice_operator.controller.apply import Applier
from sluice_operator.controller.comparing import Findings
from sluice_operator.controller.copies import Copies
from sluice_operator.controller.metrics import Metrics
from sluice_operator.controller.observe import Installation, observe
from sluice_operator.controller.outboxes import outbox
from sluice_operator.controller.preflight import Attempt, Subject
from sluice_operator.controller.reading import read_status
from sluice_operator.controller.reconciler import Reconciler
from sluice_operator.controller.recording import UnrecordedError
from sluice_operator.controller.resources import (
    DELETE_NOW,
    HTTP_ROUTES,
    INFERENCE_SERVICES,
    MODEL_VERSIONS,
    PODS,
    ROLLOUT_ACTIONS,
    ROLLOUT_POLICIES,
    model_of_labelled,
    model_of_version,
    namespace_of,
    version_of_act,
)
from sluice_operator.controller.watched import Watched, watched
from sluice_operator.controller.watchlist import has_traffic
from sluice_operator.kube.errors import ApiError
from sluice_operator.kube.events import Event
from sluice_operator.kube.gateway import Object
from sluice_operator.kube.reflector import Key, key_of
from sluice_operator.prometheus.predictor import Target
from sluice_operator.prometheus.sampler import Sample
from sluice_operator.rollout.decide import decide
from sluice_operator.rollout.plan import Plan
from sluice_operator.rollout.snapshot import PreflightResult, Snapshot
from sluice_operator.rollout.transitions import Transition
from sluice_operator.routing.addresses import Allowed, Gateway
from sluice_operator.serving.render import OWNER_ANNOTATION, STOP_ANNOTATION

KEY = (NAMESPACE, MODEL)
VERSIONS, SERVICES, ROUTES, POD, POLICIES, ACTS = (
    r.plural for r in (MODEL_VERSIONS, INFERENCE_SERVICES, HTTP_ROUTES, PODS, ROLLOUT_POLICIES, ROLLOUT_ACTIONS)
)
KINDS = (VERSIONS, SERVICES, ROUTES, POD, POLICIES, ACTS)
_INSTALLATION = Installation(
    gateway=Gateway(
        name="contour",
        namespace="projectcontour",
        domain="sluice.local",
        allowed=(Allowed(namespaces=(NAMESPACE,), hostnames=("*.example.com",)),),
    ),
    default_runtime="transformers",
    acts_admitted=True,
)


class World:
    """Everything that a rollout touches. Nothing in it moves by itself."""

    def __init__(self, past: "World | None" = None) -> None:
        """Begin with nothing, or where another world is now; that one goes its own way."""
        self.seconds = past.seconds if past else 0.0
        self.api = FakeApiServer()
        if past is not None:
            self.api.kinds = {plural: dict(objects) for plural, objects in past.api.kinds.items()}
            self.api.count = past.api.count
        self.verdicts: dict[str, Verdict] = {}
        self.compared: dict[str, Answer | None] = {}
        """What the comparisons of a version say, where its gates compare: it is clear unless this says otherwise. None:
        nothing yet."""
        self.sample_to_route: list[float] = []
        """Seconds from a sample to each rollback that it was the reason for."""
        self.answers: dict[str, Verdict | None] = {}
        """What comes of asking a version alone: it passes unless this says otherwise; None leaves it asked."""
        self.events: list[Event] = []
        self.notices: list[tuple[str, Transition]] = []
        """What people elsewhere are told, by the name of the version."""
        self.refused: list[ApiError | UnrecordedError] = []
        self.kills: list[int | None] = []
        """After how many writes the next reconciles are killed, the last first; None lets one live."""
        self.record_is_away = False
        """Whether the record takes nothing."""
        self.recorded: dict[tuple[str, str], OutboxEntry] = dict(past.recorded) if past else {}
        """The record, in its order: each entry by the uid of its version and its id."""
        self._left: list[Object] = []
        """Versions that went while nothing was recorded, as the operator last saw them."""
        self.wake_at: datetime | None = None
        """When the operator wants to look again."""
        self.start_operator()

    # The operator

    def start_operator(self) -> None:
        """A new process: it knows nothing but what it reads."""
        index = {VERSIONS: model_of_version, POLICIES: namespace_of, ACTS: version_of_act}
        self.copies = {plural: FakeCopy(index.get(plural, model_of_labelled)) for plural in KINDS}
        self.follow(*KINDS)
        self._pods = Pods(self)
        self._left = []
        copies = self._copies = Copies(*(self.copies[plural] for plural in KINDS))
        self.claims = copies.claims
        applier = Applier(
            gateway=self.api,
            copies=copies,
            installation=_INSTALLATION,
            events=self,
            record=self,
            notify=lambda about, told, _status: self.notices.append((about["metadata"]["name"], told)),
            metrics=Metrics(),
        )
        self._applier = applier
        self._reconciler = Reconciler(
            gateway=self.api,
            copies=copies,
            installation=_INSTALLATION,
            applier=applier,
            preflights=self._pods,
            sample=lambda _namespace: self._sample(),
            found=lambda _namespace: self._found(),
            rolled_back=self.sample_to_route.append,
            clock=lambda: after(self.seconds),
        )

    def record(self, event: Event) -> None:
        self.events.append(event)

    def end(self, obj: Object) -> None:
        """Nobody here asks when a version went."""

    async def told(self, objects: Iterable[Object], *, of: Key) -> None:
        objects = list(objects)
        self._take(objects)
        known = self._copies.recorded.ids
        if any(entry_id not in known.get(key_of(obj), ()) for obj in objects for entry_id, _ in outbox(obj)):
            raise UnrecordedError(f"{of} waits")

    def _take(self, objects: Iterable[Object]) -> None:
        """The record takes all that stands in outboxes, or nothing."""
        self._copies.recorded.possible = not self.record_is_away
        for obj in () if self.record_is_away else objects:
            standing = dict(outbox(obj))
            for entry_id, one in standing.items():
                self.recorded.setdefault((obj["metadata"]["uid"], entry_id), OutboxEntry.model_validate(one))
            self._copies.recorded.ids[key_of(obj)] = frozenset(standing)

    def follow(self, *plurals: str) -> None:
        """The copies catch up."""
        for plural in plurals:
            self.copies[plural].follow(self.api.kind(plural))

    def reconcile(self, *, lives: int | None = None, model: str = MODEL) -> int:
        """One reconcile, killed after so many writes; how many it made, and at least 1 if it was killed."""
        before = len(self.api.writes)
        self.api.lives = self.kills.pop() if self.kills else lives
        try:
            finish(self._reconciler.reconcile((NAMESPACE, model), self._look_again))
        except (ApiError, UnrecordedError) as error:
            self.refused.append(error)  # the queue brings it again
        except KilledError:
            self.start_operator()
            return max(1, len(self.api.writes) - before)
        finally:
            self.api.lives = None
        self._take([*self._left, *self.api.kind(VERSIONS).values()])
        self._left = self._left if self.record_is_away else []
        return len(self.api.writes) - before

    def _look_again(self, at: datetime | None) -> None:
        self.wake_at = at

    def plan(self) -> Plan:
        """What the operator would do now."""
        return decide(self._snapshot(), self.now())

    def apply(self, plan: Plan) -> int:
        """Carry a plan out; how many writes that took."""
        before = len(self.api.writes)
        self.follow(*KINDS)
        finish(self._applier.apply(self._snapshot(), plan))
        return len(self.api.writes) - before

    def _snapshot(self) -> Snapshot:
        return observe(
            KEY,
            self._copies,
            installation=_INSTALLATION,
            sample=self._sample(),
            found=self._found(),
            preflights=self._pods.results,
            now=self.now(),
        )

    def reconcile_until_idle(self, *, model: str = MODEL) -> None:
        """What the queue does: again after every change, and every answer to what was asked, until there is none."""
        for _ in range(50):
            self.follow(*KINDS)
            answers, possible = self._pods.results, self._copies.recorded.possible
            written = self.reconcile(model=model)
            if not written and self._pods.results == answers and self._copies.recorded.possible is possible:
                return
        raise AssertionError(f"never idle: {self.api.writes[-20:]}")

    def live_on(self, seconds: float) -> None:
        """Let everybody do their part for a while: KServe, the Gateway, and the operator when it wants to."""
        end = self.seconds + seconds
        while True:
            self.everybody_acts()
            wakes = (self.wake_at - after(0)).total_seconds() if self.wake_at else end
            if max(wakes, self.seconds) >= end:
                break
            self.seconds = max(wakes, self.seconds + 1)
        self.seconds = end
        self.everybody_acts()

    def everybody_acts(self) -> None:
        """All that can happen at this moment happens."""
        for _ in range(10):
            before = self.api.count
            for service in self.services():
                self.set_ready(service, ready=True)
            self.gateway_takes_the_route()
            self.reconcile_until_idle()
            if self.api.count == before:
                return
        raise AssertionError("it never comes to rest")

    # People

    def apply_version(self, name: str, *, version: str | None = None, **fields: Any) -> None:
        source = {"storageUri": "pvc://m"}
        spec = {"model": MODEL, "version": version or name, "source": source, "rollout": ROLLOUT, **fields}
        self.api.put(
            VERSIONS,
            {
                "metadata": {
                    "name": name,
                    "namespace": NAMESPACE,
                    "uid": f"uid-{name}",
                    "generation": 1,
                    "creationTimestamp": after(self.seconds).isoformat(),
                },
                "spec": spec,
            },
        )

    def delete_version(self, name: str, *, now: bool = False) -> None:
        obj = self.api.kind(VERSIONS)[(NAMESPACE, name)]
        if not obj["metadata"].get("finalizers"):
            self._left.append(self.api.kind(VERSIONS).pop((NAMESPACE, name)))
            return
        gone = {"deletionTimestamp": after(self.seconds).isoformat()}
        annotations = {DELETE_NOW: "true"} if now else {}
        self.api.put(VERSIONS, {**obj, "metadata": {**obj["metadata"], **gone, "annotations": annotations}})

    def spoil(self, name: str) -> None:
        """A version was stored before the schema was what it is."""
        obj = self.api.kind(VERSIONS)[(NAMESPACE, name)]
        self.api.put(VERSIONS, {**obj, "spec": {key: value for key, value in obj["spec"].items() if key != "source"}})

    def act(self, action: str, on: str, *, by: str = "ann", attempts_late: int = 0) -> str:
        """Somebody decides on what he sees, or on an attempt that was long ago; the act's name."""
        said = self.statuses()[on]
        name = f"act-{len(self.api.kind(ACTS))}"
        meta = {
            "name": name,
            "namespace": NAMESPACE,
            "uid": f"uid-{name}",
            "creationTimestamp": after(self.seconds).isoformat(),
        }
        seen = {
            "attempt": max(1, (said.attempt or 1) - attempts_late),
            "policyHash": said.effective_rollout_hash or "-",
        }
        step = {} if said.step is None else {"step": said.step}
        spec = {"modelVersion": on, "uid": f"uid-{on}", "action": action, "reason": "so it is", "requestedBy": by}
        self.api.put(ACTS, {"metadata": meta, "spec": {**spec, **seen, **step}})
        return name

    def set_policy(self, **route: Any) -> None:
        """A policy for the model that says where it is reached, in place of the one before; or says nothing of it."""
        meta = {"name": "policy", "namespace": NAMESPACE, "creationTimestamp": after(0).isoformat()}
        spec = {"models": [MODEL], **({"route": route} if route else {})}
        self.api.put(POLICIES, {"metadata": meta, "spec": spec})

    def delete_route(self) -> None:
        self.api.kind(ROUTES).pop(KEY, None)

    def edit_first_weight(self, weight: int) -> None:
        """Somebody edits the route by hand; the Gateway would take it."""
        route = self.api.kind(ROUTES).get(KEY)
        if route is None:
            return
        *previews, rule = route["spec"]["rules"]
        first, *others = rule["backendRefs"]
        rules = [*previews, {**rule, "backendRefs": [{**first, "weight": weight}, *others]}]
        meta = {**route["metadata"], "generation": route["metadata"]["generation"] + 1}
        self.api.put(ROUTES, {**route, "metadata": meta, "spec": {**route["spec"], "rules": rules}})

    # KServe, the Gateway and Prometheus

    def services(self) -> list[str]:
        return [name for _, name in self.api.kind(SERVICES)]

    def set_ready(self, service: str, *, ready: bool, answers: bool | None = None) -> None:
        """KServe calls a service ready, or not, and its pod answers, or not; what is stopped is and does neither."""
        obj = self.api.kind(SERVICES)[(NAMESPACE, service)]
        runs = STOP_ANNOTATION not in obj["metadata"]["annotations"]
        self._say(SERVICES, obj, ready=ready and runs)
        app = f"isvc.{service}-predictor"
        labels = {MODEL_LABEL: MODEL, "serving.kserve.io/inferenceservice": service, "app": app}
        meta = {"name": f"{service}-0", "namespace": NAMESPACE, "labels": labels}
        pod = self.api.kind(POD).get((NAMESPACE, f"{service}-0")) or {"metadata": meta}
        self._say(POD, pod, ready=(ready if answers is None else answers) and runs)

    def _say(self, plural: str, obj: dict[str, Any], *, ready: bool) -> None:
        condition = {"type": "Ready", "status": str(ready)}
        if obj.get("status", {}).get("conditions") != [condition]:
            self.api.put(plural, {**obj, "status": {"conditions": [condition]}})

    def gateway_takes_the_route(self) -> None:
        route = self.api.kind(ROUTES).get(KEY)
        if route is None:
            return
        generation = route["metadata"]["generation"]
        accepted = {"type": "Accepted", "status": "True", "observedGeneration": generation}
        status = {"parents": [{"parentRef": ref, "conditions": [accepted]} for ref in route["spec"]["parentRefs"]]}
        if route.get("status") != status:
            self.api.put(ROUTES, {**route, "status": status})

    def _sample(self) -> Sample:
        """Of two objects with the same version, the one that has traffic is seen."""
        now = after(self.seconds).timestamp()
        found = {
            Target(NAMESPACE, MODEL, str(obj["spec"].get("version"))): evidence(
                self.verdicts.get(name, Verdict.PASS), now
            )
            for (_, name), obj in sorted(self.api.kind(VERSIONS).items(), key=lambda item: has_traffic(item[1]))
        }
        return Sample(at=now, evidence={target: seen for target, seen in found.items() if seen is not None})

    def _found(self) -> dict[Target, Findings]:
        """What comparisons say of the versions that the operator sees to have traffic."""
        seen = (watched(obj, read_status(obj)) for obj in self.copies[VERSIONS].all() if has_traffic(obj))
        names = {obj["metadata"]["uid"]: obj["metadata"]["name"] for obj in self.copies[VERSIONS].all()}
        return {one.target: findings(one, self.compared.get(names[one.uid], Answer.CLEAR)) for one in seen}

    # What there is to see

    def now(self) -> datetime:
        return after(self.seconds)

    def statuses(self) -> dict[str, ModelVersionStatus]:
        return {name: read_status(obj) for (_, name), obj in self.api.kind(VERSIONS).items()}

    def backend(self, version: str) -> str | None:
        """The service made for a version."""
        made = (
            name
            for (_, name), obj in self.api.kind(SERVICES).items()
            if obj["metadata"]["annotations"][OWNER_ANNOTATION] == version
        )
        return next(made, None)

    def weights(self) -> dict[str, int]:
        """The live route by version, as it is written."""
        route = self.api.kind(ROUTES).get(KEY)
        refs = route["spec"]["rules"][-1]["backendRefs"] if route else ()
        owners = {name: obj["metadata"]["annotations"][OWNER_ANNOTATION] for (_, name), obj in self._made()}
        names = [(ref["name"].removesuffix("-predictor"), ref["weight"]) for ref in refs]
        return {owners.get(name, name): weight for name, weight in names}

    def _made(self) -> Any:
        return self.api.kind(SERVICES).items()

    def asked_alone(self) -> set[str]:
        """Versions that are being asked, or whose answers are remembered."""
        return {uid.removeprefix("uid-") for uid, _ in self._pods.asked}

    def running(self) -> set[str]:
        """Versions that have pods, or are to have them."""
        return {
            obj["metadata"]["annotations"][OWNER_ANNOTATION]
            for _, obj in self._made()
            if STOP_ANNOTATION not in obj["metadata"]["annotations"]
        }


class Pods:
    """What asks versions alone: it knows at once what comes of it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.asked: dict[Attempt, Subject] = {}

    def keep(self, _key: Key, subjects: Sequence[Subject]) -> None:
        self.asked = {(subject.uid, subject.attempt): subject for subject in subjects}

    @property
    def results(self) -> Mapping[Attempt, PreflightResult]:
        answers = {
            attempt: self._world.answers.get(attempt[0].removeprefix("uid-"), Verdict.PASS) for attempt in self.asked
        }
        return {
            attempt: PreflightResult(attempt=attempt[1], verdict=verdict, message=f"they say {verdict}")
            for attempt, verdict in answers.items()
        }


def evidence(verdict: Verdict, now: float) -> Evidence | None:
    """What Prometheus must hold for the gate of `making.ROLLOUT` to say so."""
    if verdict is Verdict.UNAVAILABLE:
        return None
    if verdict is Verdict.NO_DATA:
        return Evidence(errors=History(since=now - 120, pods=()), slower={})
    bad = 1.0 if verdict is Verdict.FAIL else 0.0
    counts = ((now - 100, 0), (now - 10, 500), (now - 1, 1000), (now, 1500))
    scrapes = tuple(Scrape(at=at, total=total, bad=bad * total) for at, total in counts)
    return Evidence(errors=History(since=now - 120, pods=(PodHistory(pod="p", scrapes=scrapes),)), slower={})


def findings(one: Watched, answer: Answer | None) -> Findings:
    """What comparisons must have made of what was counted for all gates to say so."""
    worse = answer is Answer.WORSE
    says = Comparison(
        answer=answer or Answer.UNKNOWN,
        slightly_worse=False,
        odds=8.0 if worse else 1.0,
        low=2.0 if worse else 0.0,
        high=math.inf,
        excess=0.1 if worse else 0.0,
        chance_worse=0.5,
        requests=500,
        bad=80 if worse else 10,
        stable_requests=500,
        stable_bad=10,
    )
    began_at = one.step_started_at or after(0)
    return Findings(
        one=one,
        compared={gate.name: Compared(says, 100.0) for gate in one.comparing} if answer is not None else {},
        recorded=Recorded(began_at=began_at, span=5.0, gates=[]),
    )


def on_canary() -> World:
    """A world whose candidate v2 has 50 % of the requests."""
    world = World()
    world.apply_version("v1")
    world.live_on(10)
    world.apply_version("v2")
    world.live_on(15)
    assert world.weights() == {"v1": 50, "v2": 50}
    return world

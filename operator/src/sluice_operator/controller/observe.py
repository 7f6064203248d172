"""From the local copies to a snapshot of one model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from ..analysis.gates import GateResult, judge
from ..api.modelversion import ModelVersionSpec, ModelVersionStatus
from ..kube.gateway import Object
from ..kube.reflector import Key, key_of
from ..prometheus.predictor import Target
from ..prometheus.sampler import Sample
from ..rollout.settings import merge
from ..rollout.snapshot import ON_TRAFFIC, Act, Invalid, InvalidAct, PreflightResult, Snapshot, Version
from ..routing.addresses import Gateway as RouteGateway
from ..routing.httproute import read_route
from ..serving.names import backend_name
from ..serving.overlay import UnservableError
from ..serving.read import by_backend, owner, read_backend
from ..serving.render import check_servable
from .addressing import Addressing, find_address
from .copies import Copies
from .people import acts_on, read_policy
from .preflight import Attempt
from .resources import AUTHOR, DELETE_NOW, FINALIZER


@dataclass(frozen=True, slots=True)
class Installation:
    """What the installation gives to every model."""

    gateway: RouteGateway
    default_runtime: str
    acts_admitted: bool = False
    """Whether admission checks that an act is made by the person that it names."""


def read_status(obj: Object) -> ModelVersionStatus:
    """The status of a ModelVersion, without the fields that cannot be read.

    A later operator may have written what this one does not know: that must not take along when a version was promoted.
    """
    told = obj.get("status", {})
    try:
        return ModelVersionStatus.model_validate(told)
    except ValidationError as error:
        unknown = {part["loc"][0] for part in error.errors()}
        return ModelVersionStatus.model_validate({name: value for name, value in told.items() if name not in unknown})


def observe(
    key: Key,
    copies: Copies,
    *,
    installation: Installation,
    sample: Sample,
    preflights: Mapping[Attempt, PreflightResult],
    now: datetime,
) -> Snapshot:
    """All that is known about a model."""
    namespace, model = key
    pods = by_backend(copies.pods.indexed(key))
    versions: list[Version] = []
    invalid: list[Invalid] = []
    for obj in copies.versions.indexed(key):
        try:
            spec = ModelVersionSpec.model_validate(obj["spec"])
            check_servable(spec)
        except (ValidationError, UnservableError) as error:
            invalid.append(_invalid(obj, error, copies=copies))
            continue
        version = _version(obj, spec, copies=copies, pods=pods, sample=sample, now=now)
        attempt = (version.uid, version.status.attempt or 1)
        versions.append(replace(version, preflight=preflights.get(attempt)))
    names = {obj["metadata"]["name"] for obj in copies.versions.indexed(key)}
    route = read_route(copies.routes.get((namespace, model)))
    policy = read_policy(copies.policies.indexed((namespace, "")), model=model)
    reached = Addressing()
    if names:
        reached = find_address(key, policy, route, gateway=installation.gateway, claims=copies.claims)
    else:
        copies.claims.claim(key, None)
    acts = list(acts_on(sorted(names), copies.acts, namespace=namespace))
    return Snapshot(
        namespace=namespace,
        model=model,
        versions=tuple(sorted(versions, key=lambda version: (version.created_at, version.name))),
        invalid=tuple(invalid),
        route=route,
        policy=policy,
        acts=tuple(act for act in acts if isinstance(act, Act)),
        invalid_acts=tuple(act for act in acts if isinstance(act, InvalidAct)),
        acts_admitted=installation.acts_admitted,
        orphans=_orphans(key, copies, backends={v.name: v.backend.name for v in versions}),
        default_runtime=installation.default_runtime,
        address=reached.address,
        address_problem=reached.problem,
    )


def _orphans(key: Key, copies: Copies, *, backends: Mapping[str, str]) -> tuple[str, ...]:
    """The backends that carry the model's label and belong to no ModelVersion, whatever model that is of.

    Labels are anybody's to change: what serves a version of another model, or is named by another model's route, is
    not for this one to sweep. `backends` has those of the model's own versions, by the version's name.
    """
    found = []
    for service in copies.services.indexed(key):
        name, made_for = service["metadata"]["name"], owner(service)
        if made_for is None or "deletionTimestamp" in service["metadata"]:
            continue
        if (backends[made_for] != name) if made_for in backends else _is_left((key[0], made_for), name, copies):
            found.append(name)
    if not found:
        return ()
    routes = [obj for obj in copies.routes.all() if obj["metadata"]["namespace"] == key[0] and key_of(obj) != key]
    named = {name for obj in routes for name in read_route(obj).weights}
    return tuple(name for name in found if name not in named)


def _is_left(version: Key, backend: str, copies: Copies) -> bool:
    """Whether the version that a backend was made for is gone, or known to be served by another one."""
    obj = copies.versions.get(version)
    if obj is None:
        return True
    try:
        spec = ModelVersionSpec.model_validate(obj["spec"])
        check_servable(spec)
    except (KeyError, ValidationError, UnservableError):
        return False
    return backend_name(version[1], spec, namespace=version[0]) != backend


def _invalid(obj: Object, error: ValidationError | UnservableError, *, copies: Copies) -> Invalid:
    problem = f"spec.predictor.{error}"
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        problem = f"spec.{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
    meta, status = obj["metadata"], read_status(obj)
    services = copies.services.indexed((meta["namespace"], obj["spec"]["model"]))
    made = {service["metadata"]["name"] for service in services if owner(service) == meta["name"]}
    return Invalid(
        name=meta["name"],
        generation=meta["generation"],
        problem=problem,
        status=status,
        deleting="deletionTimestamp" in meta,
        delete_now=meta.get("annotations", {}).get(DELETE_NOW) == "true",
        finalizer=FINALIZER in meta.get("finalizers", ()),
        backends=tuple(sorted(made | ({status.inference_service} if status.inference_service else set()))),
    )


def _version(
    obj: Object,
    spec: ModelVersionSpec,
    *,
    copies: Copies,
    pods: Mapping[str, Sequence[Mapping[str, Any]]],
    sample: Sample,
    now: datetime,
) -> Version:
    meta = obj["metadata"]
    status = read_status(obj)
    name = backend_name(meta["name"], spec, namespace=meta["namespace"])
    service = copies.services.get((meta["namespace"], name))
    refusal = copies.refusals.get((meta["namespace"], spec.model), {}).get(name)
    return Version(
        name=meta["name"],
        uid=meta["uid"],
        generation=meta["generation"],
        created_at=datetime.fromisoformat(meta["creationTimestamp"]),
        spec=spec,
        backend=read_backend(
            name=name, version=meta["name"], service=service, pods=pods.get(name, ()), refusal=refusal
        ),
        status=status,
        deleting="deletionTimestamp" in meta,
        delete_now=meta.get("annotations", {}).get(DELETE_NOW) == "true",
        finalizer=FINALIZER in meta.get("finalizers", ()),
        author=meta.get("annotations", {}).get(AUTHOR),
        gates=_gates(meta["namespace"], spec, status=status, sample=sample, now=now),
    )


def _gates(
    namespace: str, spec: ModelVersionSpec, *, status: ModelVersionStatus, sample: Sample, now: datetime
) -> tuple[GateResult, ...]:
    """What the gates say of a version that has traffic; nobody asks them of any other."""
    if status.phase not in ON_TRAFFIC:
        return ()
    settings = status.effective_rollout or merge(spec.rollout)
    evidence = sample.evidence.get(Target(namespace, spec.model, spec.version))
    attempt, step = (at.timestamp() if at else None for at in (status.attempt_started_at, status.step_started_at))
    return tuple(
        judge(gate, evidence, attempt_started_at=attempt, step_started_at=step, now=now.timestamp())
        for gate in settings.analysis.gates
    )

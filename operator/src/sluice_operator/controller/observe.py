"""From the local copies to a snapshot of one model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from ..api.modelversion import ModelVersionSpec
from ..kube.gateway import Object
from ..kube.reflector import Key
from ..prometheus.predictor import Target
from ..prometheus.sampler import Sample
from ..rollout.snapshot import ON_TRAFFIC, Act, Invalid, InvalidAct, PreflightResult, Snapshot, Version
from ..routing.addresses import Gateway as RouteGateway
from ..routing.httproute import read_route
from ..serving.names import backend_name
from ..serving.overlay import UnservableError
from ..serving.read import by_backend, owner, read_backend
from .addressing import Addressing, find_address
from .answered import answered
from .comparing import Findings
from .copies import Copies
from .judging import answers, limits
from .ownership import is_spoilt, orphans, pods_of_others
from .people import acts_on, read_policy
from .preflight import Attempt
from .reading import read_spec, read_status
from .resources import AUTHOR, DELETE_NOW, FINALIZER
from .watched import stable_beside, target_of, watched


@dataclass(frozen=True, slots=True)
class Installation:
    """What the installation gives to every model."""

    gateway: RouteGateway
    default_runtime: str
    acts_admitted: bool = False
    """Whether admission checks that an act is made by the person that it names."""


def observe(
    key: Key,
    copies: Copies,
    *,
    installation: Installation,
    sample: Sample,
    found: Mapping[Target, Findings],
    preflights: Mapping[Attempt, PreflightResult],
    now: datetime,
) -> Snapshot:
    """All that is known about a model.

    Args:
        key: Its namespace and name.
        copies: The objects.
        installation: What holds for every model.
        sample: What Prometheus answered.
        found: What comparisons made of it.
        preflights: What versions answered that were asked alone.
        now: The time, with a time zone.
    """
    namespace, model = key
    pods = by_backend(copies.pods.indexed(key))
    versions: list[Version] = []
    invalid: list[Invalid] = []
    for obj in copies.versions.indexed(key):
        try:
            spec = read_spec(obj)
        except (ValidationError, UnservableError) as error:
            invalid.append(_invalid(obj, error, copies=copies))
            continue
        version = _version(obj, spec, copies=copies, pods=pods)
        version = _judged(version, obj, copies, sample=sample, found=found, now=now)
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
        orphans=orphans(key, copies, versions=versions),
        pods=pods_of_others(key, route, copies, pods, own={v.backend.name for v in versions}),
        missing=frozenset(name for name in route.weights if copies.services.get((namespace, name)) is None),
        default_runtime=installation.default_runtime,
        address=reached.address,
        address_problem=reached.problem,
        recordable=copies.recorded.possible,
    )


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
            name=name,
            version=meta["name"],
            service=service,
            pods=pods.get(name, ()),
            refusal=refusal,
            spoilt=service is not None and is_spoilt(service, spec, copies),
        ),
        status=status,
        deleting="deletionTimestamp" in meta,
        delete_now=meta.get("annotations", {}).get(DELETE_NOW) == "true",
        finalizer=FINALIZER in meta.get("finalizers", ()),
        author=meta.get("annotations", {}).get(AUTHOR),
        resource_version=meta["resourceVersion"],
        recorded=copies.recorded.ids.get((meta["namespace"], meta["name"]), frozenset()),
    )


def _judged(
    version: Version,
    obj: Object,
    copies: Copies,
    *,
    sample: Sample,
    found: Mapping[Target, Findings],
    now: datetime,
) -> Version:
    """A version with what its gates say, if it has traffic; nobody asks them of any other."""
    if version.status.phase not in ON_TRAFFIC:
        return version
    one = watched(obj, version.status)
    findings = found.get(one.target)
    beside = stable_beside(obj, copies.versions.indexed((obj["metadata"]["namespace"], version.spec.model)))
    stable = target_of(beside) if beside is not None else None
    said = limits(one, sample, now=now.timestamp())
    return replace(
        version,
        gates=answers(one, said, stable=stable, sample=sample, found=findings, now=now.timestamp()),
        evidence=findings.recorded if findings is not None and findings.are_of(one) else None,
        requests=answered(one, sample),
    )

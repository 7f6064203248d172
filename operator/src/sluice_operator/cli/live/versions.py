"""The model versions of a cluster as they were read, and how people's words find them.

They are read leniently: a newer operator may say what this program does not know, and one version that cannot be read
must not hide the others.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from ...api.modelversion import ModelVersionSpec
from ...api.status import UNDER_WAY, ModelVersionStatus, Phase
from ...kube.resource import Object
from ..errors import QuestionError
from ..hints import meant

_Read = TypeVar("_Read", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Version:
    """A ModelVersion as its user sees it."""

    namespace: str
    name: str
    uid: str
    model: str
    version: str
    created_at: datetime
    generation: int
    deleting: bool
    spec: ModelVersionSpec | None
    """None where it cannot be read."""
    status: ModelVersionStatus
    """Without the fields that cannot be read; empty where the operator has not seen it yet."""
    problem: str
    """Why it cannot be read; empty otherwise."""
    raw: Object

    @property
    def phase(self) -> Phase | None:
        return self.status.phase

    @property
    def seen(self) -> bool:
        """Whether the status is about the spec as it is now."""
        return self.status.observed_generation is not None and self.status.observed_generation >= self.generation

    @property
    def steps(self) -> int:
        """How many steps its rollout has; 0 where it has none, or has not begun."""
        return len(self.status.effective_rollout.steps) if self.status.effective_rollout else 0

    @property
    def stalled(self) -> str | None:
        """The reason for which it goes no further until somebody does something; None while it is not so."""
        found = (one.reason for one in self.status.conditions if one.type == "Stalled" and one.status == "True")
        return next(found, None)


@dataclass(frozen=True, slots=True)
class Model:
    """A model and its versions, the newest first."""

    namespace: str
    name: str
    versions: tuple[Version, ...]

    @property
    def candidate(self) -> Version | None:
        """The version that is being rolled out; the newest, where several are still on their way out."""
        under_way = [one for one in self.versions if one.phase in UNDER_WAY]
        going = [one for one in under_way if one.phase is not Phase.ROLLING_BACK]
        return next(iter(going or under_way), None)

    @property
    def stable(self) -> Version | None:
        """The version that was proven last, and serves."""
        serving = [one for one in self.versions if one.phase in (Phase.STABLE, Phase.DELETION_WAITING)]
        return max(serving, key=lambda one: one.status.promoted_at or one.created_at, default=None)

    @property
    def url(self) -> str:
        """Where clients reach it; empty where nobody has said yet."""
        said = [one.status.url for one in (self.stable, self.candidate, *self.versions) if one and one.status.url]
        return next(iter(said), "")


def read(obj: Object) -> Version:
    """A ModelVersion from its object."""
    meta, given = obj["metadata"], obj.get("spec") or {}
    spec, wrong_spec = _read(ModelVersionSpec, given, "spec")
    status, wrong_status = _status(obj.get("status") or {})
    return Version(
        namespace=str(meta.get("namespace", "")),
        name=str(meta["name"]),
        uid=str(meta.get("uid", "")),
        model=str(given.get("model", "")),
        version=str(given.get("version", "")),
        created_at=datetime.fromisoformat(meta["creationTimestamp"]),
        generation=int(meta.get("generation", 1)),
        deleting="deletionTimestamp" in meta,
        spec=spec,
        status=status,
        problem=wrong_spec or wrong_status,
        raw=obj,
    )


def models(objects: Iterable[Object]) -> list[Model]:
    """All models, by namespace and name."""
    grouped: dict[tuple[str, str], list[Version]] = {}
    for version in map(read, objects):
        grouped.setdefault((version.namespace, version.model), []).append(version)
    return [
        Model(namespace, name, tuple(sorted(found, key=lambda one: (one.created_at, one.name), reverse=True)))
        for (namespace, name), found in sorted(grouped.items())
    ]


def chosen(known: Sequence[Model], names: Sequence[str]) -> list[Model]:
    """The models that are named, whole, or with the versions that are named.

    Raises:
        QuestionError: nothing has one of the names.
    """
    if not names:
        return list(known)
    for name in names:
        if not any(name == model.name or _of(model, name) for model in known):
            raise QuestionError(f"no model or version {name}{_near(name, known)}")
    found = []
    for model in known:
        named = tuple(version for version in model.versions if any(_of(model, name) is version for name in names))
        if model.name in names or named:
            found.append(model if model.name in names else Model(model.namespace, model.name, named))
    return found


def still(known: Sequence[Model], names: Sequence[str]) -> list[Model]:
    """The same of those names that something has."""
    left = [name for name in names if any(name == model.name or _of(model, name) for model in known)]
    return chosen(known, left) if left or not names else []


def one(known: Sequence[Model], name: str) -> Version:
    """The version of that name; where only a model has it, the one that is under way, or serves.

    Raises:
        QuestionError: nothing has the name, or things in several namespaces have it.
    """
    found = [version for model in known if (version := _of(model, name))]
    if not found:
        found = [about for model in known if model.name == name and (about := model.candidate or model.stable)]
    if not found and any(model.name == name for model in known):
        raise QuestionError(f"no version of model {name} is under way or serves: name a version")
    if not found:
        raise QuestionError(f"no model or version {name}{_near(name, known)}")
    if len(found) > 1:
        where = ", ".join(version.namespace for version in found)
        raise QuestionError(f"{name} is in several namespaces ({where}): choose one with -n")
    return found[0]


def model_of(known: Sequence[Model], version: Version) -> Model:
    """The model that a version is of."""
    return next(one for one in known if (one.namespace, one.name) == (version.namespace, version.model))


def now() -> datetime:
    """The time, as statuses tell it."""
    return datetime.now(UTC)


def _of(model: Model, name: str) -> Version | None:
    """The version whose object has the name, or that is MODEL/VERSION."""
    return next((one for one in model.versions if name in (one.name, f"{model.name}/{one.version}")), None)


def _near(name: str, known: Sequence[Model]) -> str:
    """What may have been meant, or where was looked."""
    versions = (version.name for model in known for version in model.versions)
    return meant(name, (*(model.name for model in known), *versions))


def _status(given: Mapping[str, object]) -> tuple[ModelVersionStatus, str]:
    """A status without the fields that cannot be read: an act is bound to the attempt and the step, whatever else."""
    found, problem = _read(ModelVersionStatus, given, "status")
    if found is None:
        sound = {name: one for name, one in given.items() if _read(ModelVersionStatus, {name: one}, "")[0] is not None}
        found, _ = _read(ModelVersionStatus, sound, "status")
    return found or ModelVersionStatus(), problem


def _read(kind: type[_Read], given: Mapping[str, object], where: str) -> tuple[_Read | None, str]:
    try:
        return kind.model_validate(given), ""
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join([where, *map(str, first["loc"])])
        return None, f"{field}: {first['msg']}: this kubectl-sluice may be older than the operator"

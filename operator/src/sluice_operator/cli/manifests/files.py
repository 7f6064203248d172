"""The settings of a rollout, from a file as people apply it.

The file has a ModelVersion, a RolloutPolicy, or one of each. They are merged as the operator would, over the settings
of an installation that has none of its own. Fields that the API does not have are refused, as the API server does.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TextIO, TypeVar

from pydantic import BaseModel, ValidationError

from ...analysis.consistency import inconsistency
from ...api import modelversion, policy
from ...api.base import API_VERSION
from ...api.modelversion import ModelVersionSpec
from ...api.policy import RolloutPolicySpec
from ...api.settings import EffectiveRollout
from ...rollout.settings import settle
from ..errors import QuestionError
from .manifest import documents

Spec = TypeVar("Spec", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Given:
    """What the file says."""

    name: str
    """Of the version, or of the policy where there is none."""
    settings: EffectiveRollout


def read(file: TextIO) -> Given:
    """Read the settings of a rollout.

    Raises:
        QuestionError: The file has no such object, several of a kind, or one that the API does not take.
    """
    objects = list(_objects(file))
    version = _only(objects, modelversion.KIND, ModelVersionSpec)
    over = _only(objects, policy.KIND, RolloutPolicySpec)
    if version is None and over is None:
        raise QuestionError(f"{file.name}: expected a ModelVersion or a RolloutPolicy of {API_VERSION}")
    if version is not None and over is not None and not over[1].names(version[1].model):
        raise QuestionError(f"{file.name}: policy {over[0]} is not about model {version[1].model}")
    settled = settle(
        version[1].rollout if version else None,
        policy=over[1] if over else None,
        digest=version[1].source.digest if version else "of any version",
    )
    if settled.problem:
        raise QuestionError(f"{file.name}: {settled.problem}")
    for gate in settled.settings.analysis.gates:
        if wrong := inconsistency(gate):
            raise QuestionError(f"{file.name}: gate {gate.name}: {wrong}")
    return Given(name=(version or over or ("",))[0], settings=settled.settings)


def _objects(file: TextIO) -> Iterable[dict[str, Any]]:
    read = (document.data for document in documents(file))
    return (data for data in read if isinstance(data, dict) and data.get("apiVersion") == API_VERSION)


def _only(objects: list[dict[str, Any]], kind: str, spec: type[Spec]) -> tuple[str, Spec] | None:
    """The name and the spec of the only object of a kind; None where there is none."""
    found = [one for one in objects if one.get("kind") == kind]
    if len(found) > 1:
        raise QuestionError(f"expected at most one {kind}, found {len(found)}")
    for one in found:
        metadata = one.get("metadata")
        name = str(metadata.get("name", "")) if isinstance(metadata, dict) else ""
        try:
            return name, spec.model_validate(one.get("spec"), extra="forbid")
        except ValidationError as error:
            first = error.errors()[0]
            raise QuestionError(f"{kind} {name}: spec.{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    return None

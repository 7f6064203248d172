"""What is wrong with manifests, as the API server and the operator would say it, and in which line.

Schema and types first; then the settings of a version merged with the policy of its model, as the operator merges them,
over an installation that has none of its own.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from ...analysis.consistency import inconsistency
from ...api import modelversion, policy
from ...api.base import API_VERSION
from ...api.crd import KINDS, Kind
from ...api.modelversion import ModelVersionSpec
from ...api.policy import RolloutPolicySpec
from ...api.schema import structural_schema
from ...rollout.settings import settle
from ...serving.overlay import UnservableError, check_overlay
from .manifest import Document, Path
from .schema_rules import broken


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One thing that is wrong."""

    file: str
    line: int
    kind: str
    name: str
    path: str
    message: str


def ours(documents: Sequence[Document]) -> list[Document]:
    """Those that are of our kinds, or say so."""
    return [one for one in documents if isinstance(one.data, dict) and one.data.get("apiVersion") == API_VERSION]


def findings(documents: Sequence[Document]) -> list[Finding]:
    """All that is wrong with documents of ours."""
    found = [finding for document in documents for finding in _alone(document)]
    wrong = {(finding.file, finding.kind, finding.name) for finding in found}
    sound = [one for one in documents if (one.file, _kind(one), _name(one)) not in wrong]
    return sorted({*found, *_together(sound)})


def _alone(document: Document) -> Iterator[Finding]:
    """What is wrong with a document, whatever else there is."""
    kind = next((kind for kind in KINDS if kind.kind == _kind(document)), None)
    if kind is None:
        yield _finding(document, ("kind",), f"{API_VERSION} has no such kind: there are {', '.join(_known())}")
        return
    metadata = document.data.get("metadata")
    if not isinstance(metadata, dict) or not (metadata.get("name") or metadata.get("generateName")):
        yield _finding(document, ("metadata",), "name is missing")
    for path in document.repeated():
        yield _finding(document, path, "is given twice")
    for path, message in wrong(kind, document.data.get("spec")):
        yield _finding(document, ("spec", *path), message)
    if kind.kind == modelversion.KIND:
        yield from _overlay(document)


def wrong(kind: Kind, spec: Any) -> Iterator[tuple[Path, str]]:
    """Where a spec is not what the API server takes, and why."""
    if spec is None:
        yield (), "is missing"
        return
    told = set()
    for path, message in broken(structural_schema(kind.spec), spec):
        told.add(path)
        yield path, message
    try:
        kind.spec.model_validate(spec)
    except ValidationError as error:
        for one in error.errors():
            if one["loc"] not in told:
                yield one["loc"], one["msg"]


def _overlay(document: Document) -> Iterator[Finding]:
    spec = document.data.get("spec")
    predictor = spec.get("predictor") if isinstance(spec, dict) else None
    overlay = predictor.get("overlay") if isinstance(predictor, dict) else None
    if not isinstance(overlay, dict):
        return
    try:
        check_overlay(overlay)
    except UnservableError as error:
        yield _finding(document, ("spec", "predictor", "overlay"), str(error))


def _together(documents: Sequence[Document]) -> Iterator[Finding]:
    """What is wrong with versions under the policies beside them."""
    policies = [
        (document, RolloutPolicySpec.model_validate(document.data["spec"]))
        for document in documents
        if _kind(document) == policy.KIND
    ]
    for document in documents:
        if _kind(document) != modelversion.KIND:
            continue
        spec = ModelVersionSpec.model_validate(document.data["spec"])
        namespace = _namespace(document)
        over = next((one for at, one in policies if one.names(spec.model) and _namespace(at) == namespace), None)
        yield from _merged(document, spec, over)
    for document, only in policies:
        settled = settle(None, policy=only.model_copy(update={"require": None}), digest=None)
        if settled.problem:
            yield _finding(document, ("spec", "defaults"), settled.problem)


def _merged(document: Document, spec: ModelVersionSpec, over: RolloutPolicySpec | None) -> Iterator[Finding]:
    settled = settle(spec.rollout, policy=over, digest=spec.source.digest)
    if settled.problem:
        yield _finding(document, ("spec", "rollout"), settled.problem)
        return
    for gate in settled.settings.analysis.gates:
        wrong = inconsistency(gate)
        if wrong:
            yield _finding(document, ("spec", "rollout", "analysis", "gates"), f"gate {gate.name}: {wrong}")


def _finding(document: Document, path: Path, message: str) -> Finding:
    return Finding(
        file=document.file,
        line=document.line(path),
        kind=_kind(document),
        name=_name(document),
        path=_dotted(path),
        message=message,
    )


def _dotted(path: Path) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def _known() -> list[str]:
    return [kind.kind for kind in KINDS]


def _kind(document: Document) -> str:
    return str(document.data.get("kind", ""))


def _name(document: Document) -> str:
    return str(_metadata(document).get("name", ""))


def _namespace(document: Document) -> str:
    return str(_metadata(document).get("namespace", ""))


def _metadata(document: Document) -> dict[str, Any]:
    metadata = document.data.get("metadata")
    return metadata if isinstance(metadata, dict) else {}

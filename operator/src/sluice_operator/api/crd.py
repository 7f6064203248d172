"""The CustomResourceDefinitions of our kinds, as the API server takes them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from . import action, modelversion, policy, status
from .base import GROUP, VERSION, ApiModel
from .schema import structural_schema

Column = tuple[str, str, str, int]
"""Title, type, JSON path, priority."""

_AGE: Column = ("Age", "date", ".metadata.creationTimestamp", 0)


@dataclass(frozen=True, slots=True)
class Kind:
    """What a CRD is made from."""

    kind: str
    plural: str
    short: str
    description: str
    spec: type[ApiModel]
    columns: Sequence[Column]
    status: type[ApiModel] | None = None


KINDS = (
    Kind(
        kind=modelversion.KIND,
        plural=modelversion.PLURAL,
        short="mv",
        description="One version of a machine-learning model, rolled out on evidence.",
        spec=modelversion.ModelVersionSpec,
        status=status.ModelVersionStatus,
        columns=(
            ("Model", "string", ".spec.model", 0),
            ("Version", "string", ".spec.version", 0),
            ("Phase", "string", ".status.phase", 0),
            ("Weight", "integer", ".status.weight", 0),
            ("Step", "integer", ".status.step", 0),
            ("Ready", "string", ".status.conditions[?(@.type=='Ready')].status", 0),
            _AGE,
            ("Verdict", "string", ".status.gates[*].verdict", 1),
            ("Reason", "string", ".status.decision.reason", 1),
            ("Digest", "string", ".status.digest", 1),
        ),
    ),
    Kind(
        kind=policy.KIND,
        plural=policy.PLURAL,
        short="rpol",
        description="How the versions of some models are rolled out, and what none may do without.",
        spec=policy.RolloutPolicySpec,
        columns=(("Models", "string", ".spec.models", 0), ("Strategy", "string", ".spec.defaults.strategy", 0), _AGE),
    ),
    Kind(
        kind=action.KIND,
        plural=action.PLURAL,
        short="ract",
        description="What a person decided about a rollout, and what came of it.",
        spec=action.RolloutActionSpec,
        status=action.RolloutActionStatus,
        columns=(
            ("Version", "string", ".spec.modelVersion", 0),
            ("Action", "string", ".spec.action", 0),
            ("By", "string", ".spec.requestedBy", 0),
            ("Outcome", "string", ".status.outcome", 0),
            _AGE,
            ("Message", "string", ".status.message", 1),
        ),
    ),
)


def _column(name: str, kind: str, path: str, priority: int) -> dict[str, Any]:
    return {"name": name, "type": kind, "jsonPath": path, "priority": priority}


def crd(of: Kind) -> dict[str, Any]:
    """The CRD of a kind."""
    properties = {
        "apiVersion": {"type": "string", "description": "The API version of this object."},
        "kind": {"type": "string", "description": "The kind of this object."},
        "metadata": {"type": "object"},
        "spec": structural_schema(of.spec),
    }
    if of.status is not None:
        properties["status"] = structural_schema(of.status)
    schema = {"type": "object", "description": of.description, "required": ["spec"], "properties": properties}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{of.plural}.{GROUP}",
            "annotations": {"helm.sh/resource-policy": "keep"},  # uninstalling must not delete what people applied
        },
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": of.kind,
                "listKind": f"{of.kind}List",
                "plural": of.plural,
                "singular": of.kind.lower(),
                "shortNames": [of.short],
                "categories": ["sluice"],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    **({"subresources": {"status": {}}} if of.status is not None else {}),
                    "additionalPrinterColumns": [_column(*column) for column in of.columns],
                    "schema": {"openAPIV3Schema": schema},
                }
            ],
        },
    }

"""The CustomResourceDefinitions of our kinds, as the API server takes them."""

from typing import Any

from .base import GROUP, VERSION
from .modelversion import KIND, PLURAL, ModelVersionSpec, ModelVersionStatus
from .schema import structural_schema

_COLUMNS = (
    ("Model", "string", ".spec.model", 0),
    ("Version", "string", ".spec.version", 0),
    ("Phase", "string", ".status.phase", 0),
    ("Weight", "integer", ".status.weight", 0),
    ("Step", "integer", ".status.step", 0),
    ("Ready", "string", ".status.conditions[?(@.type=='Ready')].status", 0),
    ("Age", "date", ".metadata.creationTimestamp", 0),
    ("Verdict", "string", ".status.gates[*].verdict", 1),
    ("Reason", "string", ".status.decision.reason", 1),
    ("Digest", "string", ".status.digest", 1),
)


def _column(name: str, kind: str, path: str, priority: int) -> dict[str, Any]:
    return {"name": name, "type": kind, "jsonPath": path, "priority": priority}


def modelversion_crd() -> dict[str, Any]:
    """The CRD of ModelVersion."""
    schema = {
        "type": "object",
        "description": "One version of a machine-learning model, rolled out on evidence.",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string", "description": "The API version of this object."},
            "kind": {"type": "string", "description": "The kind of this object."},
            "metadata": {"type": "object"},
            "spec": structural_schema(ModelVersionSpec),
            "status": structural_schema(ModelVersionStatus),
        },
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{PLURAL}.{GROUP}",
            "annotations": {"helm.sh/resource-policy": "keep"},  # uninstalling must not delete what people applied
        },
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": KIND,
                "listKind": f"{KIND}List",
                "plural": PLURAL,
                "singular": KIND.lower(),
                "shortNames": ["mv"],
                "categories": ["sluice"],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": [_column(*column) for column in _COLUMNS],
                    "schema": {"openAPIV3Schema": schema},
                }
            ],
        },
    }

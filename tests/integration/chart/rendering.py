"""The chart's objects, as Helm makes them from some values."""

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from hack.cluster.gobuild import KUBERNETES

CHART = Path(__file__).parents[3] / "helm" / "sluice"
NAMESPACE = "sluice-system"

Document = dict[str, Any]


class HelmError(Exception):
    """Helm refused; the message is what it said."""


@dataclass(frozen=True, slots=True)
class Chart:
    """The chart and the Helm that renders it."""

    helm: Path
    namespace: str = NAMESPACE
    release: str = "sluice"

    def text(self, **values: Any) -> str:
        """What Helm prints for some values.

        Raises:
            HelmError: it refuses them.
        """
        command = [self.helm, "template", self.release, CHART, f"--namespace={self.namespace}", "--values=-"]
        # A Helm built from its module takes the cluster for one of version 1.20.
        command.append(f"--kube-version={KUBERNETES}")
        done = subprocess.run(command, input=yaml.safe_dump(values), capture_output=True, text=True, check=False)
        if done.returncode:
            raise HelmError(done.stderr)
        return done.stdout

    def objects(self, **values: Any) -> list[Document]:
        """The objects for some values, hooks included."""
        return [document for document in yaml.safe_load_all(self.text(**values)) if document]

    def object(self, kind: str, name: str, **values: Any) -> Document:
        """The one object of a kind and name."""
        (found,) = [one for one in self.objects(**values) if (one["kind"], one["metadata"]["name"]) == (kind, name)]
        return found


def pod_specs(documents: list[Document]) -> dict[str, Document]:
    """Every pod that comes of these objects, by kind and name."""
    found = {}
    for one in documents:
        spec = one["spec"] if one["kind"] == "Pod" else one.get("spec", {}).get("template", {}).get("spec")
        if spec and "containers" in spec:
            found[f"{one['kind']}/{one['metadata']['name']}"] = spec
    return found


def labels(document: Document) -> dict[str, str]:
    found: dict[str, str] = document["metadata"]["labels"]
    return found

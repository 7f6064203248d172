"""The ServingRuntime as the chart makes it, for those who do without the chart, and for tests that name it.

Its name ends in a hash of what it says: KServe renders running services anew when their runtime changes, so that
another image or pull policy is another runtime, which only new versions get.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).parents[2] / "helm" / "sluice"


def manifest(kind: str, *, image: str | None = None) -> dict[str, Any]:
    """The runtime of the cluster or of a namespace.

    Args:
        kind: ClusterServingRuntime or ServingRuntime.
        image: The predictor's image; None: the chart's default.
    """
    default = _read("values.yaml")["image"]
    spec = _read("files/runtime.yaml")
    (container,) = spec["containers"]
    container |= {"image": image or default["predictor"], "imagePullPolicy": default["pullPolicy"]}
    return {"apiVersion": "serving.kserve.io/v1alpha1", "kind": kind, "metadata": {"name": _name(spec)}, "spec": spec}


def _name(spec: dict[str, Any]) -> str:
    """As the chart's template `sluice.runtime` has it, which hashes what its toJson prints."""
    text = json.dumps(spec, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return f"sluice-transformers-{_read('Chart.yaml')['appVersion']}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _read(name: str) -> Any:
    return yaml.safe_load((CHART / name).read_text())

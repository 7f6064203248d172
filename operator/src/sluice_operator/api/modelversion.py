"""ModelVersion: one version of a model, and what serves it. How far its rollout has come is in `status`."""

from typing import Annotated

from pydantic import ConfigDict, Field

from .base import ApiModel, LabelValue, Name, rules
from .pod import EnvVar, Overlay, Resources, Short, Toleration
from .settings import RolloutSettings

KIND = "ModelVersion"
PLURAL = "modelversions"


class Source(ApiModel):
    """Where the version's files are."""

    storage_uri: Annotated[str, Field(min_length=1, max_length=1024, pattern=r"^([a-z][a-z0-9+.-]*://.+|/.+)$")]
    """Where KServe fetches the model directory from, for example pvc://models/sms/1.1.0 or s3://bucket/path."""
    digest: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$", max_length=71)] | None = None
    """The version's digest. The predictor refuses to serve anything else."""


class ModelFormat(ApiModel):
    """The format KServe chooses a runtime by."""

    name: Annotated[str, Field(min_length=1, max_length=63)] = "transformers"
    """Name of the format, as the runtime lists it."""
    version: Annotated[str, Field(max_length=63)] | None = None
    """Version of the format."""


class Predictor(ApiModel):
    """What KServe runs to serve the version. It shapes the pod, so changing it is a new version."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "!has(self.minReplicas) || !has(self.maxReplicas) || self.minReplicas <= self.maxReplicas",
                "minReplicas must not exceed maxReplicas",
            )
        )
    )

    runtime: Annotated[str, Field(min_length=1, max_length=253)] | None = None
    """Name of the ServingRuntime or ClusterServingRuntime. The installation's newest otherwise."""
    model_format: ModelFormat = ModelFormat()
    """The format of the model."""
    args: Annotated[list[Annotated[str, Field(max_length=1024)]], Field(max_length=64)] = []
    """Arguments added to the runtime's container."""
    env: Annotated[list[EnvVar], Field(max_length=64)] = []
    """Environment of the runtime's container, as in a Pod."""
    resources: Resources | None = None
    """Requests and limits of the runtime's container, as in a Pod."""
    node_selector: Annotated[dict[str, Short], Field(max_length=32)] = {}
    """Labels that a node must have."""
    tolerations: Annotated[list[Toleration], Field(max_length=32)] = []
    """Taints of nodes that the pods tolerate, as in a Pod."""
    overlay: Overlay | None = None
    """A JSON merge patch on the InferenceService's spec.predictor, for what has no field here."""
    min_replicas: Annotated[int, Field(ge=1, le=1000)] = 1
    """Pods that run at least. May be changed at any time."""
    max_replicas: Annotated[int, Field(ge=1, le=1000)] = 3
    """Pods that run at most. May be changed at any time."""


class Lineage(ApiModel):
    """Where the version came from, for those who ask afterwards. Hashes, URIs and numbers."""

    parent: Annotated[str, Field(max_length=253)] | None = None
    """The version this one was derived from."""
    dataset: Annotated[str, Field(max_length=1024)] | None = None
    """The data it was trained on: a hash or a URI."""
    features: Annotated[str, Field(max_length=1024)] | None = None
    """How its inputs are made: a hash or a URI."""
    parameters: Annotated[str, Field(max_length=1024)] | None = None
    """What it was trained with: a hash or a URI."""
    code: Annotated[str, Field(max_length=1024)] | None = None
    """The code it was trained with: a commit or a URI."""
    run: Annotated[str, Field(max_length=1024)] | None = None
    """The training run: a URI."""
    metrics: Annotated[
        dict[Annotated[str, Field(max_length=63)], Annotated[float, Field(allow_inf_nan=False)]], Field(max_length=32)
    ] = {}
    """What it reached before it was rolled out, by name."""


def _frozen(*fields: str) -> tuple[tuple[str, str], ...]:
    """One immutability rule a field, so that the API server's message names it."""
    return tuple(
        (
            f"has(self.{field}) == has(oldSelf.{field}) && (!has(self.{field}) || self.{field} == oldSelf.{field})",
            f"{field} is immutable: make a new ModelVersion instead",
        )
        for field in fields
    )


_PREDICTOR_SHAPE = (
    "runtime",
    "modelFormat",
    "args",
    "env",
    "resources",
    "nodeSelector",
    "tolerations",
)


class ModelVersionSpec(ApiModel):
    """What is rolled out. Everything but the replica counts and rollout is immutable."""

    model_config = ConfigDict(json_schema_extra=rules(*_frozen("model", "version", "source", "lineage")))

    model: Name
    """The model this is a version of. Versions of one model share a URL."""
    version: LabelValue
    """The version's name. The order of versions is the order they were created in, never this."""
    source: Source
    """Where the version's files are."""
    predictor: Annotated[Predictor, Field(json_schema_extra=rules(*_frozen(*_PREDICTOR_SHAPE)))] = Predictor()
    """What KServe runs to serve the version."""
    lineage: Lineage | None = None
    """Where the version came from."""
    paused: bool = False
    """Holds the rollout where it is: no more traffic until this is false. What must be taken back is."""
    rollout: RolloutSettings | None = None
    """How the version is rolled out; read when its rollout starts."""

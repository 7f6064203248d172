"""The kinds the operator reads and writes, and the model that each object belongs to."""

from ..api import action, modelversion, policy
from ..api.base import GROUP, VERSION
from ..api.labels import MODEL_LABEL
from ..kube.gateway import Object, Resource
from ..kube.reflector import Key

MODEL_VERSIONS = Resource(GROUP, VERSION, modelversion.PLURAL)
ROLLOUT_POLICIES = Resource(GROUP, VERSION, policy.PLURAL)
ROLLOUT_ACTIONS = Resource(GROUP, VERSION, action.PLURAL)
INFERENCE_SERVICES = Resource("serving.kserve.io", "v1beta1", "inferenceservices")
HTTP_ROUTES = Resource("gateway.networking.k8s.io", "v1", "httproutes")
PODS = Resource("", "v1", "pods")

FINALIZER = f"{GROUP}/traffic"
AUTHOR = f"{GROUP}/author"
"""Annotation of a ModelVersion: who made it. Admission demands that it is true."""
DELETE_NOW = f"{GROUP}/delete-now"


def model_of_version(obj: Object) -> Key | None:
    """Namespace and model of a ModelVersion."""
    model = obj.get("spec", {}).get("model")
    return (obj["metadata"]["namespace"], model) if isinstance(model, str) else None


def model_of_labelled(obj: Object) -> Key | None:
    """Namespace and model of an object that carries our label; None for anybody else's."""
    model = obj["metadata"].get("labels", {}).get(MODEL_LABEL)
    return (obj["metadata"]["namespace"], model) if isinstance(model, str) else None


def version_of_act(obj: Object) -> Key | None:
    """Namespace and name of the ModelVersion that an act is about."""
    name = obj.get("spec", {}).get("modelVersion")
    return (obj["metadata"]["namespace"], name) if isinstance(name, str) else None


def namespace_of(obj: Object) -> Key | None:
    """The namespace alone, as a key: what holds for all models in it."""
    return obj["metadata"]["namespace"], ""

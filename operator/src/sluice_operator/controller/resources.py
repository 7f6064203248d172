"""The kinds the operator reads and writes, and the model that each object belongs to."""

from ..api.base import GROUP, VERSION
from ..api.labels import MODEL_LABEL
from ..api.modelversion import PLURAL
from ..kube.gateway import Object, Resource
from ..kube.reflector import Key

MODEL_VERSIONS = Resource(GROUP, VERSION, PLURAL)
INFERENCE_SERVICES = Resource("serving.kserve.io", "v1beta1", "inferenceservices")
HTTP_ROUTES = Resource("gateway.networking.k8s.io", "v1", "httproutes")
PODS = Resource("", "v1", "pods")

FINALIZER = f"{GROUP}/traffic"
DELETE_NOW = f"{GROUP}/delete-now"


def model_of_version(obj: Object) -> Key | None:
    """Namespace and model of a ModelVersion."""
    model = obj.get("spec", {}).get("model")
    return (obj["metadata"]["namespace"], model) if isinstance(model, str) else None


def model_of_labelled(obj: Object) -> Key | None:
    """Namespace and model of an object that carries our label; None for anybody else's."""
    model = obj["metadata"].get("labels", {}).get(MODEL_LABEL)
    return (obj["metadata"]["namespace"], model) if isinstance(model, str) else None

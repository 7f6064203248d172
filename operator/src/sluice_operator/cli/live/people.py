"""Who the user is to the API server, which alone knows."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import ClusterError

if TYPE_CHECKING:
    from ..cluster import Cluster

_GROUP = "authentication.k8s.io/v1"


@dataclass(frozen=True, slots=True)
class Person:
    """A user, as admission will see him."""

    name: str
    groups: tuple[str, ...]


def who_am_i(cluster: "Cluster") -> Person:
    """The user of the kubeconfig.

    Raises:
        ClusterError: the API server does not say.
    """
    body = {"apiVersion": _GROUP, "kind": "SelfSubjectReview"}
    answer = cluster.ask("POST", f"/apis/{_GROUP}/selfsubjectreviews", body=body)
    user = (answer.get("status") or {}).get("userInfo") or {}
    if not user.get("username"):
        raise ClusterError("the API server does not say who you are: it is older than Kubernetes 1.28")
    return Person(str(user["username"]), tuple(str(group) for group in user.get("groups") or ()))

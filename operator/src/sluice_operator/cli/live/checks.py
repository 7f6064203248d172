"""What `check` asks: whether the cluster has what Sluice needs, and what the user may do there.

Each question is asked, whatever came of those before, so that one run names everything that is missing. What the user
may not see is neither good nor bad.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ...api import action, modelversion, policy
from ...api.action import Action
from ...api.base import API_VERSION, GROUP, VERSION
from ...kube.resource import Resource
from ..cluster import ROLLOUT_ACTIONS, Cluster
from ..errors import ClusterError
from .installation import Installation, installations, skew

_POLICY = "sluice-rolloutaction-person"
_POLICIES = Resource("admissionregistration.k8s.io", "v1", "validatingadmissionpolicybindings")
_GATEWAYS = Resource("gateway.networking.k8s.io", "v1", "gateways")
_UP = re.compile(r'^sluice_prometheus_up\{for_namespace="([^"]*)"\} ([01])', re.MULTILINE)
_RECORD = re.compile(r"^sluice_ledger_up ([01])", re.MULTILINE)
_NOBODY = "nobody: asked by kubectl sluice check, and refused"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a question."""

    about: str
    good: bool | None
    """None: it cannot be told, or is as it may be."""
    said: str
    to_do: str = ""
    """What puts it right."""


def checks(cluster: Cluster) -> Iterator[Answer]:
    """All questions, one after the other, and their answers."""
    server = _asked("API server", lambda: _server(cluster))
    yield server
    if server.good is False:
        return
    wanted = {kind.PLURAL for kind in (modelversion, policy, action)}
    yield _asked(f"kinds of {GROUP}", lambda: _kinds(cluster, GROUP, VERSION, wanted, "install Sluice's chart"))
    serving = {"inferenceservices"}
    yield _asked("KServe", lambda: _kinds(cluster, "serving.kserve.io", "v1beta1", serving, "install KServe"))
    routes = {"httproutes", "gateways"}
    of_gateways = "gateway.networking.k8s.io"
    told = "install the Gateway API and a Gateway"
    yield _asked("Gateway API", lambda: _kinds(cluster, of_gateways, "v1", routes, told))
    yield _asked("admission policy", lambda: _admission(cluster))
    try:
        found = installations(cluster)
    except ClusterError as error:
        yield Answer("operator", None, str(error))
        return
    if not found:
        yield Answer("operator", False, "there is none", "install Sluice's chart")
    for one in found:
        yield from _operator(cluster, one)


def rights(cluster: Cluster) -> Iterator[Answer]:
    """What the user may do in the namespace. Only who may not even look cannot use this program."""
    for verb in ("list", "watch"):
        yield _right(cluster, verb, modelversion.PLURAL, needed=True)
    yield _right(cluster, "list", "pods", group="")
    yield _right(cluster, "create", action.PLURAL)
    for what in Action:
        yield _right(cluster, what.lower(), modelversion.PLURAL)


def _asked(about: str, ask: Callable[[], Answer]) -> Answer:
    try:
        return ask()
    except ClusterError as error:
        # Who is refused cannot tell; who gets no answer has found a fault.
        return Answer(about, None if error.status in (401, 403) else False, str(error))


def _server(cluster: Cluster) -> Answer:
    told = cluster.ask("GET", "/version").get("gitVersion", "")
    return Answer("API server", True, f"Kubernetes {told} (context {cluster.context})")


def _kinds(cluster: Cluster, group: str, version: str, wanted: set[str], to_do: str) -> Answer:
    about = {GROUP: f"kinds of {GROUP}", "serving.kserve.io": "KServe"}.get(group, "Gateway API")
    try:
        served = {one["name"] for one in cluster.ask("GET", f"/apis/{group}/{version}").get("resources") or ()}
    except ClusterError as error:
        if error.status != 404:
            raise
        return Answer(about, False, f"{group}/{version} is not served", to_do)
    missing = ", ".join(sorted(wanted - served))
    said = f"{group}/{version} lacks {missing}" if missing else f"{group}/{version}"
    return Answer(about, not missing, said, to_do if missing else "")


def _admission(cluster: Cluster) -> Answer:
    """Whether acts are surely those of whom they name: nobody's act has an effect otherwise."""
    missing = Answer(
        "admission policy", False, f"{_POLICY} is not there: all acts are refused", "install the chart's admission.yaml"
    )
    try:
        cluster.get(_POLICIES, _POLICY, namespace=None)
    except ClusterError as error:
        if error.status == 404:
            return missing
        if error.status != 403:
            raise
        return _refuses_strangers(cluster, missing)
    return Answer("admission policy", True, _POLICY)


def _refuses_strangers(cluster: Cluster, missing: Answer) -> Answer:
    """Ask it by an act in somebody else's name, which is never stored."""
    spec = {"modelVersion": "check", "uid": "check", "action": Action.PAUSE, "reason": "check", "requestedBy": _NOBODY}
    body = {"apiVersion": API_VERSION, "kind": action.KIND, "metadata": {"generateName": "check-"}, "spec": spec}
    path = ROLLOUT_ACTIONS.path(namespace=cluster.namespace)
    try:
        cluster.ask("POST", path, query={"dryRun": "All"}, body=body)
    except ClusterError as error:
        if "who makes this act" in str(error):
            return Answer("admission policy", True, f"{_POLICY} refuses acts in others' names")
        return Answer("admission policy", None, str(error))
    return missing


def _operator(cluster: Cluster, found: Installation) -> Iterator[Answer]:
    about = f"operator in {found.namespace}"
    up = found.ready > 0
    said = f"version {found.version or '?'}, {found.ready} of {found.wanted} pods ready"
    yield Answer(about, up, said, "" if up else f"kubectl describe pods -n {found.namespace}")
    apart = skew(found.version)
    if apart:
        yield Answer("versions", False, apart)
    name = found.environment.get("SLUICE_GATEWAY_NAME", "")
    namespace = found.environment.get("SLUICE_GATEWAY_NAMESPACE", "")
    if name:
        yield _asked("Gateway", lambda: _gateway(cluster, namespace, name))
    yield from _says(cluster, found)


def _gateway(cluster: Cluster, namespace: str, name: str) -> Answer:
    about, told = "Gateway", f"{namespace}/{name}"
    try:
        status = cluster.get(_GATEWAYS, name, namespace=namespace).get("status") or {}
    except ClusterError as error:
        if error.status != 404:
            raise
        return Answer(about, False, f"{told} is not there", "make it, or name another in the chart's route.gateway")
    addresses = [str(one.get("value")) for one in status.get("addresses") or ()]
    conditions = {one.get("type"): one.get("status") for one in status.get("conditions") or ()}
    if conditions.get("Programmed") != "True":
        return Answer(about, False, f"{told} is not programmed", f"kubectl describe gateway {name} -n {namespace}")
    return Answer(about, True, f"{told} at {', '.join(addresses)}" if addresses else f"{told}, without an address")


def _says(cluster: Cluster, found: Installation) -> Iterator[Answer]:
    """What the operator says of itself, by the API server's proxy to its Service."""
    path = f"/api/v1/namespaces/{found.namespace}/services/sluice-operator:8080/proxy/metrics"
    try:
        metrics = cluster.raw("GET", path).decode(errors="replace")
    except ClusterError as error:
        yield Answer("Prometheus", None if error.status in (401, 403) else False, str(error))
        return
    yield from said_by(metrics, found)


def said_by(metrics: str, found: Installation) -> Iterator[Answer]:
    """What an operator's metrics say of the Prometheus that it asks, and of the record that it keeps."""
    told = _UP.findall(metrics)
    away = [namespace or "all others" for namespace, up in told if up == "0"]
    url = found.environment.get("SLUICE_PROMETHEUS_URL", "")
    if away:
        to_do = f"see that {url or 'it'} answers the operator: until then nothing is promoted"
        yield Answer("Prometheus", False, f"that of {', '.join(away)} does not answer", to_do)
    else:
        yield Answer("Prometheus", True if told else None, url if told else "the operator says nothing of it")
    record = _RECORD.search(metrics)
    if record is None:
        return
    if record[1] == "1":
        yield Answer("record", True, "takes entries")
        return
    # Of several pods only the one that leads writes, and any of them may have answered.
    to_do = "see that its database answers the operator: until then nothing gets more traffic"
    yield Answer("record", False if found.wanted == 1 else None, "takes no entries", to_do)


def _right(cluster: Cluster, verb: str, resource: str, *, group: str = GROUP, needed: bool = False) -> Answer:
    asked = {"verb": verb, "group": group, "resource": resource, "namespace": cluster.namespace}
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": asked},
    }
    about = f"{verb} {resource}"
    try:
        said = cluster.ask("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body=body)
    except ClusterError as error:
        return Answer(about, None, str(error))
    if (said.get("status") or {}).get("allowed"):
        return Answer(about, True, "allowed")
    return Answer(about, False if needed else None, "not allowed", "ask for the role view" if needed else "")

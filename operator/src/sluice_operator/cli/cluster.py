"""The API server, asked with the user's own kubeconfig and rights, and nothing else.

The `kubernetes` package does what a kubeconfig asks for: certificates, tokens, plugins that make tokens, proxies.
Objects are plain dictionaries on the wire. Importing it takes time, so commands `connect` when they must.
Every failure is a ClusterError: one line that says what to do.
"""

import contextlib
import json
import math
import sys
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ..api import action, modelversion, policy
from ..api.base import GROUP, VERSION
from ..kube.resource import DEEPEST_JSON, Object, Resource
from .errors import ClusterError
from .kubeconfig import Target, configured
from .refusals import refusal, unreachable

if TYPE_CHECKING:
    from kubernetes.client import ApiClient
    from kubernetes.client.rest import RESTResponse

MODEL_VERSIONS = Resource(GROUP, VERSION, modelversion.PLURAL)
ROLLOUT_POLICIES = Resource(GROUP, VERSION, policy.PLURAL)
ROLLOUT_ACTIONS = Resource(GROUP, VERSION, action.PLURAL)
PODS = Resource("", "v1", "pods")
EVENTS = Resource("events.k8s.io", "v1", "events")

Found = Mapping[tuple[str, str], Object]
"""Objects by namespace and name."""

_CONNECT, _READ = 5.0, 30.0
"""Seconds."""
_WATCH = 60
"""Seconds after which a watch begins anew: a connection that died unseen is noticed by then."""
_PAGE = 500
_PAUSE = 1.0
_STARTS = 30.0
"""Seconds for which an API server that has just started may refuse what it allowed before."""
_REFUSALS = frozenset({400, 401, 403, 404})
"""Answers that asking again does not change, otherwise."""


class Cluster:
    """A cluster as its user sees it.

    Args:
        api: The client that the kubeconfig made.
        namespace: Where names are looked up.
        everywhere: Whether all namespaces are looked at instead.
        context: The kubeconfig's context, for what people are told.
    """

    def __init__(self, api: "ApiClient", *, namespace: str, everywhere: bool = False, context: str = "") -> None:
        self.api = api
        """For what is no plain request: a port-forward."""
        self.namespace = namespace
        self.everywhere = everywhere
        self.context = context

    @property
    def scope(self) -> str | None:
        """The namespace that is looked at; None for all."""
        return None if self.everywhere else self.namespace

    def get(self, resource: Resource, name: str, *, namespace: str | None) -> Object:
        """Read an object; one of the cluster as a whole where `namespace` is None."""
        return self.ask("GET", resource.path(namespace=namespace, name=name))

    def items(
        self, resource: Resource, *, namespace: str | None, query: Mapping[str, str] | None = None
    ) -> list[Object]:
        """All objects of a namespace, or of all of them (None)."""
        return self._listed(resource, namespace=namespace, query=query or {})[0]

    def create(self, resource: Resource, body: Object, *, namespace: str | None) -> Object:
        """Create an object. Never repeated: nobody knows what became of the first try."""
        path = resource.path(namespace=namespace)
        return self.ask("POST", path, query={"fieldManager": "kubectl-sluice"}, body=body)

    def ask(
        self, method: str, path: str, *, query: Mapping[str, str] | None = None, body: Object | None = None
    ) -> Object:
        """One exchange with the API server.

        Raises:
            ClusterError: there was none, or it refused.
        """
        raw = self.raw(method, path, query=query, body=body)
        with self._failures():
            read = json.loads(raw)
            if not isinstance(read, dict):
                raise ValueError("expected an object")
            return read

    def raw(
        self, method: str, path: str, *, query: Mapping[str, str] | None = None, body: Object | None = None
    ) -> bytes:
        """The same for what does not answer in JSON."""
        with self._failures():
            response = self._open(method, path, query=query or {}, body=body, seconds=_READ)
            raw: bytes = response.read() or b""
        if response.status >= 400:
            raise refusal(response.status, raw, path=path, context=self.context)
        return raw

    def follow(
        self,
        resource: Resource,
        *,
        namespace: str | None,
        query: Mapping[str, str] | None = None,
        seconds: float = math.inf,
    ) -> Iterator[Found]:
        """What is there, and again after every change, until `seconds` are over.

        A connection that breaks is made anew, for as long as there is time: only the first answer must come.

        Raises:
            ClusterError: it never came, or the API server refuses.
        """
        ends, asked = time.monotonic() + seconds, dict(query or {})
        objects, version = self._listed(resource, namespace=namespace, query=asked)
        found = {_key(obj): obj for obj in objects}
        yield dict(found)
        refused = math.inf
        while (left := ends - time.monotonic()) > 0:
            try:
                if not version:
                    objects, version = self._listed(resource, namespace=namespace, query=asked)
                    found, refused = {_key(obj): obj for obj in objects}, math.inf
                    yield dict(found)
                since, began = {**asked, "resourceVersion": version}, time.monotonic()
                for change, obj in self._changes(resource, namespace=namespace, query=since, seconds=left):
                    version = str(obj["metadata"].get("resourceVersion", ""))
                    if change == "BOOKMARK":
                        continue
                    found.pop(_key(obj), None)
                    if change != "DELETED":
                        found[_key(obj)] = obj
                    yield dict(found)
                if time.monotonic() < began + _PAUSE:
                    time.sleep(_PAUSE)  # whoever ends a watch at once would be asked without an end
            except ClusterError as error:
                if error.status in _REFUSALS:
                    refused = min(refused, time.monotonic())
                if time.monotonic() > refused + _STARTS:
                    raise
                version = ""
                time.sleep(min(_PAUSE, left))

    def _listed(
        self, resource: Resource, *, namespace: str | None, query: Mapping[str, str]
    ) -> tuple[list[Object], str]:
        """All objects, and the version of the collection that they are of."""
        found: list[Object] = []
        page: dict[str, str] = {}
        while True:
            asked = {**query, "limit": str(_PAGE), **page}
            answer = self.ask("GET", resource.path(namespace=namespace), query=asked)
            with self._failures():
                found += [_object(item) for item in answer.get("items") or []]
            meta = answer.get("metadata") or {}
            if not meta.get("continue"):
                return found, str(meta.get("resourceVersion", ""))
            page = {"continue": meta["continue"]}

    def _changes(
        self, resource: Resource, *, namespace: str | None, query: Mapping[str, str], seconds: float
    ) -> Iterator[tuple[str, Object]]:
        lasts = max(1, math.ceil(min(seconds, _WATCH)))
        asked = {**query, "watch": "true", "allowWatchBookmarks": "true", "timeoutSeconds": str(lasts)}
        path = resource.path(namespace=namespace)
        with self._failures():
            response = self._open("GET", path, query=asked, seconds=lasts + _CONNECT)
            try:
                if response.status >= 400:
                    raise refusal(response.status, response.read() or b"", path=path, context=self.context)
                for line in _lines(response):
                    change, obj = _event(line)
                    if change == "ERROR":
                        raise refusal(int(obj.get("code", 500)), line, path=path, context=self.context)
                    yield change, obj
            finally:
                response.response.close()

    def _open(
        self, method: str, path: str, *, query: Mapping[str, str], seconds: float, body: Object | None = None
    ) -> "RESTResponse":
        request = self.api.param_serialize(
            method,
            path,
            query_params=list(query.items()),
            header_params={"Accept": "application/json", "Content-Type": "application/json"},
            body=body,
            auth_settings=["BearerToken"],
        )
        return self.api.call_api(*request, _request_timeout=(_CONNECT, seconds))

    @contextlib.contextmanager
    def _failures(self) -> Iterator[None]:
        from kubernetes.client.exceptions import ApiException
        from urllib3.exceptions import HTTPError

        try:
            yield
        except (ApiException, HTTPError, OSError, ValueError, RecursionError) as error:
            raise unreachable(error, server=self.api.configuration.host, context=self.context) from error


def connect(target: Target) -> Cluster:
    """The cluster that a kubeconfig names; nothing is asked of it yet.

    Raises:
        ClusterError: there is no kubeconfig, or it does not say how the cluster is reached.
    """
    import urllib3
    from kubernetes.client import ApiClient

    sys.setrecursionlimit(DEEPEST_JSON)
    said = configured(target)
    if not said.client.verify_ssl:
        urllib3.disable_warnings()  # the user's kubeconfig says that it shall not be verified
    said.client.retries = False
    namespace = target.namespace or said.namespace
    return Cluster(ApiClient(said.client), namespace=namespace, everywhere=target.everywhere, context=said.context)


def _key(obj: Object) -> tuple[str, str]:
    meta = obj["metadata"]
    return str(meta.get("namespace", "")), str(meta["name"])


def _object(value: Any, *, named: bool = True) -> Object:
    """What a list or a watch tells of; ValueError where what is in between makes something else of it."""
    meta = value.get("metadata") if isinstance(value, dict) else None
    if not isinstance(meta, dict) or (named and not meta.get("name")):
        raise ValueError("expected an object with metadata and a name")
    found: Object = value
    return found


def _event(line: bytes) -> tuple[str, Object]:
    """A change that a watch tells of, and the object; that of an error is a Status."""
    event = json.loads(line)
    if not isinstance(event, dict) or not isinstance(event.get("object"), dict):
        raise ValueError("expected a change of an object")
    change, obj = str(event.get("type")), event["object"]
    return change, obj if change == "ERROR" else _object(obj, named=change != "BOOKMARK")


def _lines(response: "RESTResponse") -> Iterator[bytes]:
    """The lines of an answer as they come."""
    rest = b""
    for part in response.response.stream(amt=None, decode_content=False):
        *lines, rest = (rest + part).split(b"\n")
        yield from (line for line in lines if line.strip())

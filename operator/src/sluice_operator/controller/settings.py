"""The installation's settings, from the environment that the chart writes."""

import hashlib
import socket
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, Json, model_validator

from ..ledger import ON_VOLUME
from ..prometheus.access import Access, GatewayKind
from ..rollout.transitions import REASONS
from ..routing.addresses import Allowed, Gateway
from .notices import Format
from .webhook import Destination

_PREFIX = "SLUICE_"
_Url = Annotated[str, Field(pattern=r"^https?://")]
_Namespace = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")]
_HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")]
_HeaderValue = Annotated[str, Field(pattern=r"^[\t\x20-\x7e]*$")]


class PrometheusSettings(BaseModel):
    """How a Prometheus is reached, whole: nothing is taken from another, so that no credential goes astray."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: _Url
    ca_file: Path | None = None
    token_file: Path | None = None
    username_file: Path | None = None
    password_file: Path | None = None
    headers: dict[_HeaderName, _HeaderValue] = {}
    gateway: GatewayKind | None = None
    custom_queries: bool = False

    @property
    def access(self) -> Access:
        """The same for those who ask."""
        return Access(**dict(self))


class NotificationSettings(BaseModel):
    """A destination of notifications. Its address is a secret of its own: with Slack, who knows it may post."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: _Namespace
    format: Format = Format.PLAIN
    url_file: Path
    key_file: Path | None = None
    events: frozenset[str] = frozenset()

    @model_validator(mode="after")
    def _can_work(self) -> Self:
        if unknown := self.events - REASONS:
            raise ValueError(f"nobody is told of {', '.join(sorted(unknown))}")
        if (self.key_file is None) != (self.format is Format.SLACK):
            raise ValueError("plain is signed, and needs a key; slack knows no signature, and has none")
        return self

    @property
    def destination(self) -> Destination:
        """The same for who sends."""
        return Destination(
            name=self.name, form=self.format, url_file=self.url_file, key_file=self.key_file, events=self.events
        )


class Settings(BaseModel):
    """What the chart decides. Each field is an environment variable, in capitals after SLUICE_."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    prometheus_url: _Url
    prometheus_ca_file: Path | None = None
    prometheus_token_file: Path | None = None
    prometheus_username_file: Path | None = None
    prometheus_password_file: Path | None = None
    prometheus_headers: Json[dict[_HeaderName, _HeaderValue]] = {}
    """Sent with every question, as a JSON object."""
    prometheus_gateway: GatewayKind | None = None
    """The Gateway that it scrapes, so that requests which no pod answers are seen."""
    prometheus_custom_queries: bool = False
    """Whether it may be asked what versions write into their gates: they see all that it has."""
    prometheus_namespaces: Json[dict[_Namespace, PrometheusSettings]] = {}
    """The Prometheus of each namespace that has its own, as a JSON object."""
    gateway_name: Annotated[str, Field(min_length=1)]
    gateway_namespace: Annotated[str, Field(min_length=1)]
    gateway_names_versions: bool = True
    """Whether the Gateway knows filters on single backends, by which each answer names its version."""
    domain: Annotated[str, Field(min_length=1)]
    route_allowed: Json[tuple[Allowed, ...]] = ()
    """Host names and Gateways that policies may ask for, as a JSON array."""
    watch_namespaces: Json[tuple[_Namespace, ...]] = ()
    """The only namespaces that are looked at, as a JSON array; all where it is empty."""
    namespace: Annotated[str, Field(min_length=1)]
    """Where the operator runs, and where its Lease is."""
    lease_name: Annotated[str, Field(min_length=1)] = "sluice-operator"
    notifications: Json[tuple[NotificationSettings, ...]] = ()
    """Who is told of what becomes of versions, beside Events, as a JSON array."""
    default_runtime: str = ""
    acts_admitted: bool = False
    """Whether the admission policy for acts is installed."""
    interval: Annotated[float, Field(ge=1, le=60)] = 5.0
    """Seconds between two samples of Prometheus."""
    ledger_url: Annotated[str, Field(min_length=1)] = ON_VOLUME
    """The database of the record: SQLite, or PostgreSQL with its credentials."""
    writes_per_second: Annotated[float, Field(ge=1, le=1000)] = 40.0
    """Writes to the API server while many models move at once; rollbacks do not wait for it."""
    pod_name: Annotated[str, Field(min_length=1, default_factory=lambda: f"{socket.gethostname()}_{uuid.uuid4().hex}")]
    """Who holds the lease. In a pod a process is over before the next one starts, so that the next one may go on with
    its lease; no two processes that run at the same time may share a name."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Read the settings.

        Raises:
            pydantic.ValidationError: naming each setting that is missing or wrong.
        """
        values = {name: environment.get(_PREFIX + name.upper()) for name in cls.model_fields}
        return cls.model_validate({name: value for name, value in values.items() if value is not None})

    @property
    def digest(self) -> str:
        """A hash of all that two processes of one installation have in common, but for credentials."""
        text = self.model_dump_json(exclude={"pod_name", "ledger_url"})
        return "sha256:" + hashlib.sha256(text.encode()).hexdigest()

    @property
    def gateway(self) -> Gateway:
        """Where routes are attached."""
        return Gateway(
            name=self.gateway_name,
            namespace=self.gateway_namespace,
            domain=self.domain,
            names_versions=self.gateway_names_versions,
            allowed=self.route_allowed,
        )

    @property
    def prometheus(self) -> Access:
        """How Prometheus is reached."""
        return Access(
            url=self.prometheus_url,
            ca_file=self.prometheus_ca_file,
            token_file=self.prometheus_token_file,
            username_file=self.prometheus_username_file,
            password_file=self.prometheus_password_file,
            headers=self.prometheus_headers,
            gateway=self.prometheus_gateway,
            custom_queries=self.prometheus_custom_queries,
        )

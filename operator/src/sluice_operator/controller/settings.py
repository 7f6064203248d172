"""The installation's settings, from the environment that the chart writes."""

import socket
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, Json

from ..prometheus.access import Access

_PREFIX = "SLUICE_"
_HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")]
_HeaderValue = Annotated[str, Field(pattern=r"^[\t\x20-\x7e]*$")]


class Settings(BaseModel):
    """What the chart decides. Each field is an environment variable, in capitals after SLUICE_."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    prometheus_url: Annotated[str, Field(pattern=r"^https?://")]
    prometheus_ca_file: Path | None = None
    prometheus_token_file: Path | None = None
    prometheus_username_file: Path | None = None
    prometheus_password_file: Path | None = None
    prometheus_headers: Json[dict[_HeaderName, _HeaderValue]] = {}
    """Sent with every question, as a JSON object."""
    gateway_name: Annotated[str, Field(min_length=1)]
    gateway_namespace: Annotated[str, Field(min_length=1)]
    domain: Annotated[str, Field(min_length=1)]
    namespace: Annotated[str, Field(min_length=1)]
    """Where the operator runs, and where its Lease is."""
    lease_name: Annotated[str, Field(min_length=1)] = "sluice-operator"
    default_runtime: str = ""
    acts_admitted: bool = False
    """Whether the admission policy for acts is installed."""
    interval: Annotated[float, Field(ge=1, le=60)] = 5.0
    """Seconds between two samples of Prometheus."""
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
    def prometheus(self) -> Access:
        """How Prometheus is reached."""
        return Access(
            url=self.prometheus_url,
            ca_file=self.prometheus_ca_file,
            token_file=self.prometheus_token_file,
            username_file=self.prometheus_username_file,
            password_file=self.prometheus_password_file,
            headers=self.prometheus_headers,
        )

"""The installation's settings, from the environment that the chart writes."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

_PREFIX = "SLUICE_"


class Settings(BaseModel):
    """What the chart decides. Each field is an environment variable, in capitals after SLUICE_."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    prometheus_url: Annotated[str, Field(pattern=r"^https?://")]
    gateway_name: Annotated[str, Field(min_length=1)]
    gateway_namespace: Annotated[str, Field(min_length=1)]
    domain: Annotated[str, Field(min_length=1)]
    default_runtime: str = ""
    interval: Annotated[float, Field(ge=1, le=60)] = 5.0
    """Seconds between two samples of Prometheus."""
    pod_name: str = "sluice-operator"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Read the settings.

        Raises:
            pydantic.ValidationError: naming each setting that is missing or wrong.
        """
        values = {name: environment.get(_PREFIX + name.upper()) for name in cls.model_fields}
        return cls.model_validate({name: value for name, value in values.items() if value is not None})

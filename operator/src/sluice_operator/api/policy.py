"""RolloutPolicy: where models are reached, what their versions leave open, and what none of them may do without.

Its RBAC is the SRE's, not the author's. Of several policies that name a model the oldest applies.
"""

from typing import Annotated

from pydantic import ConfigDict, Field

from .base import ApiModel, Name, rules
from .settings import Approvals, RolloutSettings

KIND = "RolloutPolicy"
PLURAL = "rolloutpolicies"

ModelPattern = Annotated[str, Field(pattern=r"^([a-z]([-a-z0-9]*[a-z0-9])?|([a-z][-a-z0-9]*)?\*)$", max_length=40)]
"""A model's name, or the beginning of one and a star."""

_PART = r"([-A-Za-z0-9]|\{model\}|\{namespace\})+"
HostnamePattern = Annotated[str, Field(pattern=rf"^{_PART}(\.{_PART})*$", max_length=253)]
"""A host name; {model} and {namespace} stand for those of the model."""


class GatewayReference(ApiModel):
    """A Gateway of the Gateway API."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", max_length=253)]
    """Its name."""
    namespace: Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63)]
    """Its namespace."""


class PolicyRoute(ApiModel):
    """Where models are reached.

    The installation must allow their namespace what is not its own, and of two models that claim a host name the one
    that claimed it first has it.
    """

    model_config = ConfigDict(
        json_schema_extra=rules(("has(self.hostname) || has(self.gateway)", "hostname or gateway must be given"))
    )

    hostname: HostnamePattern | None = None
    """The host name, in which {model} and {namespace} stand for those of the model; {model} must be in it unless the
    policy names exactly one model. Otherwise {model}.{namespace} and the installation's domain. After a change the
    former host name goes on for a day."""
    gateway: GatewayReference | None = None
    """The Gateway that the route attaches to. Otherwise the installation's."""


class Require(ApiModel):
    """Floors: a version may ask for more, never for less."""

    approvals: Approvals | None = None
    """Who must agree, at least, before a candidate gets all traffic."""
    min_steps: Annotated[int, Field(ge=1, le=20)] | None = None
    """How many steps a rollout has at least; a strategy without steps is then refused."""
    gates: Annotated[list[Name], Field(max_length=8, json_schema_extra={"x-kubernetes-list-type": "set"})] = []
    """Gates that are always asked, as this policy's defaults (or the installation) have them. A version may only make
    them stricter, and strategy Replace, which asks no gate, is refused."""
    digest: bool = False
    """Whether a version must say its digest."""


class RolloutPolicySpec(ApiModel):
    """How the versions of some models are rolled out."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "!has(self.require) || !has(self.require.gates) || !has(self.defaults) || !has(self.defaults.analysis) "
                "|| !has(self.defaults.analysis.gates) "
                "|| self.require.gates.all(n, self.defaults.analysis.gates.exists(g, g.name == n))",
                "each gate of require.gates must be one of defaults.analysis.gates",
            ),
            (
                "!has(self.route) || !has(self.route.hostname) || self.route.hostname.contains('{model}') "
                "|| (self.models.size() == 1 && !self.models[0].endsWith('*'))",
                "route.hostname needs {model} unless models is the name of one model",
            ),
        )
    )

    models: Annotated[
        list[ModelPattern],
        Field(min_length=1, max_length=64, json_schema_extra={"x-kubernetes-list-type": "set"}),
    ]
    """The models this is about: names, or beginnings of names and a star."""
    route: PolicyRoute | None = None
    """Where they are reached, when not at {model}.{namespace} and the installation's domain."""
    defaults: RolloutSettings | None = None
    """What holds for versions that do not say otherwise."""
    require: Require | None = None
    """What holds whatever they say."""

    def names(self, model: str) -> bool:
        """Whether this policy is about a model."""
        return any(
            model.startswith(pattern[:-1]) if pattern.endswith("*") else model == pattern for pattern in self.models
        )

"""RolloutPolicy: what a team's versions leave open, and what no version may do without.

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


class Require(ApiModel):
    """Floors: a version may ask for more, never for less."""

    approvals: Approvals | None = None
    """Who must agree, at least, before a candidate gets all traffic."""
    min_steps: Annotated[int, Field(ge=1, le=20)] | None = None
    """How many steps a rollout has at least; a strategy without steps is then refused."""
    gates: Annotated[list[Name], Field(max_length=8, json_schema_extra={"x-kubernetes-list-type": "set"})] = []
    """Gates that are always asked, as this policy's defaults (or the installation) have them. A version may only lower
    their limits."""
    digest: bool = False
    """Whether a version must say its digest."""


class RolloutPolicySpec(ApiModel):
    """How the versions of some models are rolled out."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "!has(self.require) || !has(self.require.gates) || !has(self.defaults) || !has(self.defaults.analysis) "
                "|| self.require.gates.all(n, self.defaults.analysis.gates.exists(g, g.name == n))",
                "each gate of require.gates must be one of defaults.analysis.gates",
            )
        )
    )

    models: Annotated[
        list[ModelPattern],
        Field(min_length=1, max_length=64, json_schema_extra={"x-kubernetes-list-type": "set"}),
    ]
    """The models this is about: names, or beginnings of names and a star."""
    defaults: RolloutSettings | None = None
    """What holds for versions that do not say otherwise."""
    require: Require | None = None
    """What holds whatever they say."""

    def names(self, model: str) -> bool:
        """Whether this policy is about a model."""
        return any(
            model.startswith(pattern[:-1]) if pattern.endswith("*") else model == pattern for pattern in self.models
        )

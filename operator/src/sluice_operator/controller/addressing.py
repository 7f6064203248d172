"""Where a model is to be reached: where its policy wants it, if the installation allows that and nobody else is there.

Where that is not so, or where nobody can tell, it stays where it is, and people are told why.
"""

from dataclasses import dataclass

from ..kube.reflector import Key
from ..rollout.address import Address
from ..rollout.snapshot import Policy, Route
from ..routing.addresses import Gateway, RouteRefusedError
from .claims import Claims


@dataclass(frozen=True, slots=True)
class Addressing:
    """An address, or why there is none that is new."""

    address: Address | None = None
    problem: str | None = None
    """With the reason for the condition in front."""


def find_address(key: Key, policy: Policy | None, route: Route, *, gateway: Gateway, claims: Claims) -> Addressing:
    """Where a model is to be reached; the host name is claimed for it.

    Args:
        key: The model.
        policy: The policy that applies to it.
        route: Its route as it stands.
        gateway: What the installation gives and allows.
        claims: The host names of all models.
    """
    namespace, model = key
    if policy is not None and policy.spec is None:
        unknown = f"RouteRefused: the policy {policy.name} cannot be read, and may say where the model is reached"
        return Addressing(problem=None if route.addresses else unknown)
    asked = policy.spec.route if policy is not None and policy.spec is not None else None
    try:
        address = gateway.address(model=model, namespace=namespace, asked=asked)
    except RouteRefusedError as refused:
        claims.claim(key, None)
        return Addressing(problem=f"RouteRefused: {refused}")
    holder = claims.claim(key, address.hostname)
    if holder is None:
        return Addressing(address)
    taken = f"{address.hostname} is where model {holder[1]} of namespace {holder[0]} is reached"
    return Addressing(problem=f"HostnameTaken: {taken}")

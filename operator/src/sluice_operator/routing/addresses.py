"""Which address a model has: the installation's for it, or its policy's where the installation allows that.

Whoever writes policies decides about the models of a namespace, and must not reach for names or Gateways of others:
what the installation does not give to the namespace is refused, in words.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Annotated

from pydantic import Field

from ..api.policy import PolicyRoute
from ..rollout.address import HOSTNAME, Address

_HOSTNAME = re.compile(HOSTNAME)
_LONGEST = 253
_Pattern = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[-a-zA-Z0-9./*]+$")]


class RouteRefusedError(Exception):
    """A policy asks for an address that its namespace may not have; the message says so in a sentence."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """Addresses that some namespaces may have beside their own. A star stands for any characters, dots included."""

    namespaces: Annotated[tuple[_Pattern, ...], Field(min_length=1, max_length=64)]
    hostnames: Annotated[tuple[_Pattern, ...], Field(max_length=64)] = ()
    gateways: Annotated[tuple[_Pattern, ...], Field(max_length=64)] = ()
    """As namespace/name."""

    def permits(self, address: Address, *, namespace: str, own: Address) -> bool:
        """Whether a namespace may have an address; each part of `own` it may have anyway."""
        at, there = _gateway(address), _gateway(own)
        return (
            _matches(namespace, self.namespaces)
            and (address.hostname == own.hostname or _matches(address.hostname, self.hostnames))
            and (at == there or _matches(at, self.gateways))
        )


@dataclass(frozen=True, slots=True)
class Gateway:
    """Where the routes of this installation are attached."""

    name: str
    namespace: str
    domain: str
    """Models are reached at {model}.{namespace}.{domain}."""
    names_versions: bool = True
    """Whether each answer names the version that gave it, by a filter on each backend. Gateways need not know it."""
    allowed: tuple[Allowed, ...] = ()
    """What policies may ask for."""

    def address(self, *, model: str, namespace: str, asked: PolicyRoute | None) -> Address:
        """The address of a model.

        Args:
            model: The model.
            namespace: Its namespace.
            asked: What its policy asks for.

        Raises:
            RouteRefusedError: The namespace may not have that.
        """
        own = Address(f"{model}.{namespace}.{self.domain}".lower(), self.name, self.namespace)
        if asked is None:
            return own
        given = asked.hostname or own.hostname
        hostname = given.replace("{model}", model).replace("{namespace}", namespace).lower()
        if len(hostname) > _LONGEST or not _HOSTNAME.fullmatch(hostname):
            raise RouteRefusedError(f"{hostname} is no host name")
        at = asked.gateway
        address = Address(hostname, at.name, at.namespace) if at else Address(hostname, self.name, self.namespace)
        if address == own or any(rule.permits(address, namespace=namespace, own=own) for rule in self.allowed):
            return address
        raise RouteRefusedError(
            f"the installation does not allow namespace {namespace} the host name {hostname} "
            f"at Gateway {_gateway(address)}"
        )


def _gateway(address: Address) -> str:
    return f"{address.gateway_namespace}/{address.gateway}"


def _matches(text: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(text.lower(), pattern.lower()) for pattern in patterns)

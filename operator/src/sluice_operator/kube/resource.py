"""A kind as the API server's paths name it."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

DEEPEST_JSON = 12_000
"""The recursion limit of every program of ours: the API server takes objects nested up to 10,000 levels, and one that
cannot be read would hide all others. Reading them needs less than 2 MiB of the stack."""

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind as the API server's paths name it."""

    group: str
    version: str
    plural: str

    def path(self, *, namespace: str | None = None, name: str | None = None, sub: str | None = None) -> str:
        """The path of the collection, of an object, or of an object's subresource."""
        parts = ["apis", self.group, self.version] if self.group else ["api", self.version]
        if namespace is not None:
            parts += ["namespaces", quote(namespace, safe="")]
        parts.append(self.plural)
        if name is not None:
            parts.append(quote(name, safe=""))
        if sub is not None:
            parts.append(sub)
        return "/" + "/".join(parts)

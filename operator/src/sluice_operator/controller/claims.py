"""Which model has which host name: the older claim wins, and keeps it until its model has let go.

A claim is made when a model is looked at, before its route is written, so that of two models that ask at once one is
told before anything is written. What routes say outlives the operator: it is read back from them, former host names
included, for a name that still gets requests cannot be another's. Whoever waits longest has it next, and is told.
"""

from collections.abc import Callable, Collection
from datetime import datetime

from ..kube.reflector import Key


class Claims:
    """The host names of all models."""

    def __init__(self, granted: Callable[[Key], None] = lambda _key: None) -> None:
        """Begin with none. `granted` is told of a model that gets a host name that it has waited for."""
        self._granted = granted
        self._holder: dict[str, Key] = {}
        self._wished: dict[Key, str] = {}
        self._routed: dict[Key, tuple[datetime, frozenset[str]]] = {}
        self._waiting: dict[str, dict[Key, None]] = {}

    def follow(self, key: Key, hostnames: Collection[str], *, since: datetime) -> None:
        """Read back what the route of a model says; nothing where it is gone.

        Args:
            key: The model.
            hostnames: The host names of its route, in lower case.
            since: When the route was made: of two routes with one name, the older one counts.
        """
        _, before = self._routed.pop(key, (since, frozenset[str]()))
        if hostnames:
            self._routed[key] = (since, frozenset(hostnames))
        for name in hostnames:
            holder = self._holder.get(name)
            if holder is None or self._routed_since(holder, name, default=since) > since:
                self._holder[name] = key
        for name in before.difference(hostnames):
            self._let_go(key, name)

    def claim(self, key: Key, hostname: str | None) -> Key | None:
        """Claim a host name for a model, in place of the one that it claimed before.

        Args:
            key: The model.
            hostname: In lower case; None where it claims none.

        Returns:
            The model that has it, if that is another.
        """
        before = self._wished.pop(key, None)
        if hostname is not None:
            self._wished[key] = hostname
        if before is not None and before != hostname:
            self._waiting.get(before, {}).pop(key, None)
            self._let_go(key, before)
        if hostname is None:
            return None
        holder = self._holder.setdefault(hostname, key)
        if holder == key:
            return None
        self._waiting.setdefault(hostname, {})[key] = None
        return holder

    def _routed_since(self, key: Key, name: str, *, default: datetime) -> datetime:
        since, names = self._routed.get(key, (default, frozenset[str]()))
        return since if name in names else default

    def _let_go(self, key: Key, name: str) -> None:
        """Give a host name to whoever waits, unless the model still wants it or its route still has it."""
        _, routed = self._routed.get(key, (None, frozenset[str]()))
        if self._holder.get(name) != key or self._wished.get(key) == name or name in routed:
            return
        del self._holder[name]
        waiting = self._waiting.pop(name, {})
        following = next(iter(waiting), None)
        if following is None:
            return
        del waiting[following]
        if waiting:
            self._waiting[name] = waiting
        self._holder[name] = following
        self._granted(following)

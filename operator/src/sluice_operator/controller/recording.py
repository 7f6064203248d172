"""The record of what happens: whatever stands in an outbox is appended to the ledger, in groups, by one task.

Outboxes are read from the local copies, after a restart too, and entries carry ids: wherever this process ends,
nothing is lost and nothing is recorded twice. More traffic waits until what is to be said of it is in the ledger, for
as long as a reconcile can wait. Nothing else waits: a ledger that is away holds increases, and nothing that takes back.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import islice

from ..api.status import Phase
from ..kube.gateway import Object
from ..kube.reflector import Key, key_of
from ..ledger.entry import Entry
from ..ledger.errors import EntryError, LedgerError
from ..ledger.store import Ledger
from ..rollout.snapshot import ON_TRAFFIC
from .copies import Recorded
from .outboxes import end_of, entry_of, outbox, recordable
from .refusals import entry_of_act, is_told_by_itself
from .resources import model_of_version

log = logging.getLogger(__name__)

_GROUP = 500
"""Entries that are appended at once, at most."""
_PATIENCE = 5.0
"""Seconds that an increase waits for the ledger before it is tried again later."""
_PAUSE_BASE, _PAUSE_MAX = 1.0, 30.0
_ON_ITS_WAY = ON_TRAFFIC | {Phase.DEPLOYING, Phase.PREFLIGHT}
"""Phases in which a version may have to be told that it gets no more traffic, or that it may again."""

_Name = tuple[Key, str, str | None]
"""An object's namespace and name, its uid, and the id of an entry of its outbox.

Without an id it is what is told of the object itself: that a ModelVersion is no more, or what came of an act.
"""


class UnrecordedError(Exception):
    """What is to be said of an increase is not in the ledger, so that it is not made now."""


@dataclass(slots=True)
class _Waiting:
    """What is not known to be in the ledger."""

    entry: Callable[[], Entry]
    """Makes the entry."""
    stands: bool
    """Whether it stands in an outbox; not where the ModelVersion is no more."""


class Recorder:
    """Appends what stands in outboxes."""

    def __init__(
        self,
        *,
        ledger: Callable[[], Ledger],
        recorded: Recorded,
        versions: Callable[[], Iterable[Object]],
        acts: Callable[[], Iterable[tuple[Object, Object | None]]],
        changed: Callable[[Key | None], None],
        clock: Callable[[], datetime],
    ) -> None:
        """Append nothing yet.

        Args:
            ledger: Opens the ledger, or gives it where it is open; called from threads, it may raise LedgerError.
            recorded: Where reconciles look up what is in the ledger.
            versions: All ModelVersions.
            acts: All RolloutActions, each with the ModelVersion of the name that it gives.
            changed: Told of models that are to be looked at again.
            clock: The time, with a time zone.
        """
        self._ledger = ledger
        self._recorded = recorded
        self._versions = versions
        self._acts = acts
        self._changed = changed
        self._clock = clock
        self._at_work = False
        self._waiting: dict[_Name, _Waiting] = {}
        """The oldest first."""
        self._refused: set[Key] = set()
        """Models whose increases were not made."""
        self._news = asyncio.Event()
        self._tried = asyncio.Event()
        """Another one after each group that was appended, or was not."""

    @property
    def lag(self) -> float:
        """Seconds since the oldest thing happened that is not recorded; 0 where all is."""
        oldest = next(iter(self._waiting.values()), None)
        return max(0.0, (self._clock() - oldest.entry().time).total_seconds()) if oldest is not None else 0.0

    def see(self, obj: Object) -> None:
        """Take note of a ModelVersion as it is now, and have appended what is new in its outbox."""
        if not self._at_work:
            return
        key, standing = key_of(obj), dict(outbox(obj))
        known = self._recorded.ids.pop(key, frozenset()) & standing.keys()
        if known:
            self._recorded.ids[key] = known
        for entry_id, one in standing.items():
            name = (key, obj["metadata"]["uid"], entry_id)
            if entry_id not in known and name not in self._waiting:
                self._wait(name, _Waiting(partial(entry_of, obj, one), stands=True))

    def end(self, obj: Object) -> None:
        """A ModelVersion goes or is gone: what it leaves is appended all the same, and that it is no more."""
        if not self._at_work:
            return
        self.see(obj)
        name = (key_of(obj), obj["metadata"]["uid"], None)
        if name not in self._waiting:
            self._wait(name, _Waiting(partial(end_of, obj, self._clock()), stands=False))

    def see_act(self, act: Object, version: Object | None) -> None:
        """Take note of an act as it is now, and have appended what came of it where its version does not tell."""
        if self._at_work and is_told_by_itself(act, version):
            name = (key_of(act), act["metadata"]["uid"], None)
            self._wait(name, _Waiting(partial(entry_of_act, act, version), stands=False))

    def gone(self, obj: Object) -> None:
        """A ModelVersion is gone, and nobody asks for its outbox any more."""
        self.end(obj)
        self._recorded.ids.pop(key_of(obj), None)
        for name in self._names(obj) & self._waiting.keys():
            self._waiting[name].stands = False

    async def told(self, objects: Iterable[Object], *, of: Key) -> None:
        """Wait until all that is to be said of a model's versions is in the ledger.

        Raises:
            UnrecordedError: It is not, and nobody knows when it will be. The model is looked at again when it is.
        """
        names: set[_Name] = set()
        for obj in objects:
            self.see(obj)
            names |= self._names(obj)
        try:
            async with asyncio.timeout(_PATIENCE):
                while self._recorded.possible and names & self._waiting.keys():
                    await self._tried.wait()
        except TimeoutError:
            self._not_appended(f"no answer within {_PATIENCE:.0f} s")
        if names & self._waiting.keys():
            self._refused.add(of)
            raise UnrecordedError("LedgerUnavailable: an increase waits until it is recorded")

    def begin(self) -> None:
        """From now on take note of what is seen, and at first of all that there is."""
        self._at_work = True
        for obj in list(self._versions()):
            self.see(obj)
        for act, version in list(self._acts()):
            self.see_act(act, version)

    async def flush(self) -> None:
        """Wait until all is appended that can be."""
        while self._waiting and self._recorded.possible:
            await self._tried.wait()

    async def run(self) -> None:
        """Append for ever."""
        failures = 0
        while True:
            if not self._waiting:
                self._news.clear()
                await self._news.wait()
            group = dict(islice(self._waiting.items(), _GROUP))
            try:
                await asyncio.to_thread(self._append, list(group.values()))
            except LedgerError as error:
                self._not_appended(str(error))
            except Exception:
                log.exception("appending to the ledger failed")
                self._not_appended("see above")
            else:
                failures = 0
                self._appended(group)
                continue
            await asyncio.sleep(min(_PAUSE_MAX, _PAUSE_BASE * 2.0**failures))
            failures = min(failures + 1, 10)

    def _append(self, group: Sequence[_Waiting]) -> None:
        ledger, entries = self._ledger(), [waiting.entry() for waiting in group]
        try:
            ledger.append(entries)
        except EntryError:
            ledger.append([recordable(entry) for entry in entries])

    def _wait(self, name: _Name, waiting: _Waiting) -> None:
        self._waiting[name] = waiting
        self._news.set()

    @staticmethod
    def _names(obj: Object) -> set[_Name]:
        key, uid = key_of(obj), obj["metadata"]["uid"]
        return {(key, uid, None), *((key, uid, entry_id) for entry_id, _ in outbox(obj))}

    def _appended(self, group: dict[_Name, _Waiting]) -> None:
        for name, waiting in group.items():
            del self._waiting[name]
            key, _, entry_id = name
            if waiting.stands and entry_id is not None:
                self._recorded.ids[key] = self._recorded.ids.get(key, frozenset()) | {entry_id}
        if not self._recorded.possible:
            log.info("the ledger takes entries again")
        self._is_possible(True)

    def _not_appended(self, why: str) -> None:
        log.warning("the ledger takes no entries, so that no version gets more traffic: %s", why)
        self._is_possible(False)

    def _is_possible(self, possible: bool) -> None:
        """Let those who wait go on, and those look again for whom it makes a difference."""
        was, self._recorded.possible = self._recorded.possible, possible
        tried, self._tried = self._tried, asyncio.Event()
        tried.set()
        if was is not possible:
            for obj in list(self._versions()):
                if (obj.get("status") or {}).get("phase") in _ON_ITS_WAY:
                    self._changed(model_of_version(obj))
        if possible:
            for key in self._refused:
                self._changed(key)
            self._refused.clear()

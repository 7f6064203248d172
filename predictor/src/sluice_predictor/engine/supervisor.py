"""Keeps one engine process alive: starts it, gives it the version, notices its end, and starts another.

The first start is taken at its word: what cannot be loaded now cannot be loaded. Later the version was good, so a
few attempts are made before the server is told that the engine is lost for good. A process that dies soon after it
was ready is started again ever more slowly.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sluice_predictor.artifact import Artifact, ArtifactError
from sluice_predictor.engine.channel import Load, Loaded, LoadFailed, Ran
from sluice_predictor.engine.cpus import engine_slots
from sluice_predictor.engine.errors import EngineFailedError
from sluice_predictor.engine.link import Link
from sluice_predictor.engine.process import COMMAND, Process, start_process
from sluice_predictor.tasks.base import Description, PrecisionSetting

_ATTEMPTS = 4
_LOAD_SECONDS = 600
_FIRST_DELAY = 0.5
_LONGEST_DELAY = 30.0
_STEADY_SECONDS = 60.0
"""A process that has answered for this long starts afresh with the delays when it dies."""

Verify = Callable[[], Artifact]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StartOptions:
    """How the engine is started.

    `threads` is the number of CPUs it may use, `stuck_after` the seconds a batch may take before the process is
    killed. `process` is one that was started beforehand, for as many slots, to be used first.
    """

    precision: PrecisionSetting = "auto"
    threads: int = 1
    stuck_after: float = 120.0
    command: Sequence[str] = COMMAND
    process: Process | None = None


@dataclass(frozen=True, slots=True)
class _Loaded:
    process: Process
    link: Link
    description: Description
    since: float


class Supervisor:
    """Tells its owner when the engine is up, what it has answered, and when it is down."""

    def __init__(
        self,
        options: StartOptions,
        *,
        on_up: Callable[[Link, Description], None],
        on_ran: Callable[[int, Ran], None],
        on_down: Callable[[], None],
    ) -> None:
        """Prepare; nothing is started yet."""
        self._options = options
        self._on_up = on_up
        self._on_ran = on_ran
        self._on_down = on_down
        self._keeper: asyncio.Task[None] | None = None

    async def start(self, artifact: Artifact, *, verify_again: Verify) -> None:
        """Return when the engine is up; from then on keep it so.

        Raises:
            EngineFailedError: the version cannot be loaded.
        """
        first = await self._load(artifact, self._options.process or self._start_process())
        self._on_up(first.link, first.description)
        self._keeper = asyncio.create_task(self._keep(first, verify_again))

    async def failed(self) -> None:
        """Wait until the engine cannot be started any more; returns only by raising.

        Raises:
            EngineFailedError: that is so.
        """
        if self._keeper is not None:
            await asyncio.shield(self._keeper)

    async def close(self) -> None:
        """End the process."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait([self._keeper])

    async def _keep(self, current: _Loaded, verify_again: Verify) -> None:
        loop = asyncio.get_running_loop()
        delay = 0.0
        while True:
            try:
                await current.link.closed
            finally:
                self._on_down()
                current.link.close()
                how = current.process.end()
            steady = loop.time() - current.since > _STEADY_SECONDS
            delay = 0.0 if steady else min(_LONGEST_DELAY, max(_FIRST_DELAY, 2 * delay))
            log.error("the engine's process %s; it is started again", how)
            current = await self._start_again(verify_again, delay=delay)
            self._on_up(current.link, current.description)

    async def _start_again(self, verify_again: Verify, *, delay: float) -> _Loaded:
        reason = ""
        for _ in range(_ATTEMPTS):
            await asyncio.sleep(delay)
            try:
                artifact = await asyncio.to_thread(verify_again)
                return await self._load(artifact, self._start_process())
            except (ArtifactError, EngineFailedError) as error:
                reason = str(error)
                log.error("%s", reason)
            delay = max(_FIRST_DELAY, 2 * delay)
        raise EngineFailedError(f"the engine cannot be started any more: {reason}")

    def _start_process(self) -> Process:
        return start_process(self._options.command, slots=engine_slots(self._options.threads))

    async def _load(self, artifact: Artifact, process: Process) -> _Loaded:
        """Have the process load a version that was just verified."""
        link = await Link.over(process.links, on_ran=self._on_ran, stuck_after=self._options.stuck_after)
        link.load(Load(artifact=artifact, precision=self._options.precision, threads=self._options.threads))
        outcome = None
        try:
            async with asyncio.timeout(_LOAD_SECONDS):
                outcome = await asyncio.shield(link.loaded)
        except TimeoutError:
            raise EngineFailedError(f"the version was not loaded within {_LOAD_SECONDS} s") from None
        finally:
            if not isinstance(outcome, Loaded):
                link.close()
                how = process.end()
        if outcome is None:
            raise EngineFailedError(f"the engine's process {how} while it loaded the version")
        if isinstance(outcome, LoadFailed):
            raise EngineFailedError(outcome.reason)
        since = asyncio.get_running_loop().time()
        return _Loaded(process=process, link=link, description=outcome.description, since=since)

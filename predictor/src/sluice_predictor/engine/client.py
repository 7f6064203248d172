"""The engine as the server sees it: texts in, answers out, on the event loop, whatever happens to the process behind.

Every request that is submitted ends: with its answers, at its deadline, or at once when the process is lost. The
process has as many batches to run as it has slots, never more, so what it has not begun can still be taken back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from sluice_predictor.artifact import Artifact
from sluice_predictor.engine.batches import BatchQueue, Chunk
from sluice_predictor.engine.channel import Piece, Ran, Result, Run
from sluice_predictor.engine.cpus import engine_slots
from sluice_predictor.engine.errors import DeadlineExceededError, EngineError, EngineLostError, InputError, ModelError
from sluice_predictor.engine.link import Link
from sluice_predictor.engine.supervisor import StartOptions, Supervisor, Verify
from sluice_predictor.tasks.base import Answer, Description, InputProblem, Parameters


class Observer(Protocol):
    """Told of what the engine does, on the event loop."""

    def batch(self, texts: int) -> None:
        """A batch of this many texts is sent to the model."""

    def waited(self, seconds: float) -> None:
        """A request began to leave the queue after this time."""

    def lost(self) -> None:
        """The engine's process is gone; another is started."""


@dataclass(eq=False, slots=True)
class _Request:
    texts: Sequence[str]
    parameters: Parameters
    future: asyncio.Future[list[Answer]]
    queued_at: float
    answers: dict[int, Answer] = field(default_factory=dict)

    def fail(self, error: EngineError) -> None:
        if not self.future.done():
            self.future.set_exception(error)


class Engine:
    """Answers texts in a process of its own; use it from one event loop."""

    def __init__(self, *, options: StartOptions, observer: Observer, max_waiting_texts: int = 512) -> None:
        """Prepare; nothing is loaded yet.

        Args:
            options: how the process is started.
            observer: told of batches, waiting times and restarts.
            max_waiting_texts: bound of the queue; a request is always taken by an empty one.
        """
        self._observer = observer
        self._queue: BatchQueue[_Request] = BatchQueue(max_texts=max_waiting_texts)
        self._free = list(reversed(range(engine_slots(options.threads))))
        """Slots without a batch. The last to finish is the next to begin: what a thread used is still in its CPU."""
        self._running: dict[int, Sequence[Chunk[_Request]]] = {}
        self._dispatch_is_due = False
        self._link: Link | None = None
        self.description: Description
        """What the loaded version answers; there once `start` has returned."""
        self._supervisor = Supervisor(options, on_up=self._up, on_ran=self._ran, on_down=self._down)

    @property
    def ready(self) -> bool:
        """Whether a request would be answered now."""
        return self._link is not None

    @property
    def full(self) -> bool:
        """Whether the queue has no room for any request."""
        return self._queue.full

    async def start(self, artifact: Artifact, *, verify_again: Verify) -> None:
        """Load a version that was just verified, and return when it is warm.

        Args:
            artifact: the version.
            verify_again: verifies it anew, in a thread, for a process that has to replace a lost one.

        Raises:
            EngineFailedError: the version cannot be loaded.
        """
        await self._supervisor.start(artifact, verify_again=verify_again)

    async def failed(self) -> None:
        """Wait until the engine is lost for good; returns only by raising.

        Raises:
            EngineFailedError: the process cannot be started any more.
        """
        await self._supervisor.failed()

    async def close(self) -> None:
        """End the process; what still waits is told that the engine is lost."""
        await self._supervisor.close()

    def give_up(self, reason: str) -> None:
        """Tell every request that has no answer yet that it will get none here."""
        requests = {chunk.key for batch in self._running.values() for chunk in batch} | self._queue.clear()
        for request in requests:
            request.fail(EngineLostError(reason))

    async def submit(self, texts: Sequence[str], *, parameters: Parameters, deadline: float | None) -> list[Answer]:
        """Answer the texts of one request, at least one, in order.

        Cancelling the caller takes the request back.

        Args:
            texts: at least one.
            parameters: how to answer them.
            deadline: time of the event loop at which the caller gives up.

        Raises:
            QueueFullError: too much waits already.
            DeadlineExceededError: the deadline came first.
            EngineLostError: the process died, or is not back yet.
            ModelError: the model raised on these texts.
            InputError: a text or a parameter is refused.
        """
        if self._link is None:
            raise EngineLostError("the engine is being restarted; try again in a moment")
        loop = asyncio.get_running_loop()
        now = loop.time()
        if deadline is not None and deadline <= now:
            raise _late()
        request = _Request(texts=texts, parameters=parameters, future=loop.create_future(), queued_at=now)
        self._queue.put(request, texts)
        if not self._dispatch_is_due and self._free:
            # Requests that arrive in the same turn of the loop share a batch.
            self._dispatch_is_due = True
            loop.call_soon(self._dispatch)
        timer = None if deadline is None else loop.call_at(deadline, request.fail, _late())
        try:
            return await request.future
        finally:
            if timer is not None:
                timer.cancel()
            self._queue.discard(request)

    def _dispatch(self) -> None:
        """Give every free slot a batch."""
        self._dispatch_is_due = False
        while self._link is not None and len(self._queue) and self._free:
            chunks = self._queue.take(slots=len(self._free))
            slot = self._free.pop()
            now = asyncio.get_running_loop().time()
            for chunk in chunks:
                if chunk.start == 0:
                    self._observer.waited(now - chunk.key.queued_at)
            self._observer.batch(sum(chunk.stop - chunk.start for chunk in chunks))
            self._running[slot] = chunks
            self._link.run(slot, Run(pieces=[_piece(chunk) for chunk in chunks]))

    def _up(self, link: Link, description: Description) -> None:
        self._link = link
        self.description = description

    def _ran(self, slot: int, ran: Ran) -> None:
        self._free.append(slot)
        for chunk, result in zip(self._running.pop(slot), ran.results, strict=True):
            _deliver(chunk, result)
            if chunk.key.future.done():
                self._queue.discard(chunk.key)
        self._dispatch()

    def _down(self) -> None:
        """Tell everyone at once: a client can ask another replica, but not before it is told."""
        self._link = None
        self.give_up("the engine was lost; try again in a moment")
        self._free += self._running
        self._running.clear()
        self._observer.lost()


def _late() -> DeadlineExceededError:
    return DeadlineExceededError("the request's time was up before its answer was there")


def _piece(chunk: Chunk[_Request]) -> Piece:
    request = chunk.key
    return Piece(texts=request.texts[chunk.start : chunk.stop], parameters=request.parameters)


def _deliver(chunk: Chunk[_Request], result: Result) -> None:
    """Note a piece's answers, and give the request all of them once none is missing."""
    request = chunk.key
    if isinstance(result, str):
        request.fail(ModelError(f"the model failed on this input: {result}"))
        return
    for place, answer in enumerate(result, start=chunk.start):
        if isinstance(answer, InputProblem):
            request.fail(InputError(answer.message, place=place, parameter=answer.parameter))
            return
        prediction, tokens, labels = answer
        request.answers[place] = Answer(prediction=prediction, tokens=tokens, labels=labels)
    if len(request.answers) == len(request.texts) and not request.future.done():
        request.future.set_result([request.answers[place] for place in range(len(request.texts))])

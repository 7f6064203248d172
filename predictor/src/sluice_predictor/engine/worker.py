"""One thread runs every forward pass; the event loop only waits.

Requests that wait while a pass runs form the next batch, so a lone request is never delayed for the sake of others.
When a batch fails each of its requests is run again alone: a request fails for its own input only. The queue is
bounded by the number of texts that wait, since that is what the time to an answer depends on.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Protocol

from sluice_predictor.tasks import Answer


class QueueFullError(Exception):
    """So many texts wait that another request would only wait longer; nothing of it was run."""


class Observer(Protocol):
    """Told of what the worker does, from the worker's thread."""

    def batch(self, texts: int) -> None:
        """A forward pass over this many texts begins."""

    def waited(self, seconds: float) -> None:
        """A request left the queue after this time."""


@dataclass(frozen=True, slots=True)
class _Job:
    texts: Sequence[str]
    future: asyncio.Future[list[Answer]]
    loop: asyncio.AbstractEventLoop
    queued_at: float


class Worker:
    """Answers requests in a thread of its own; create it, then `submit` from any event loop."""

    def __init__(
        self,
        answer: Callable[[Sequence[str]], list[Answer]],
        *,
        observer: Observer,
        max_waiting_texts: int = 512,
        max_batch_texts: int = 32,
    ) -> None:
        """Start the thread.

        Args:
            answer: blocks until the texts are answered, in order.
            observer: told of batches and waiting times.
            max_waiting_texts: bound of the queue; a request is always taken by an empty one.
            max_batch_texts: requests are joined up to this many texts; one larger request runs alone.
        """
        self._answer = answer
        self._observer = observer
        self._max_waiting_texts = max_waiting_texts
        self._max_batch_texts = max_batch_texts
        self._jobs: deque[_Job] = deque()
        self._waiting_texts = 0
        self._changed = threading.Condition()
        threading.Thread(target=self._run, name="forward-pass", daemon=True).start()

    async def submit(self, texts: Sequence[str]) -> list[Answer]:
        """Answer the texts of one request, in order.

        Raises:
            QueueFullError: too many texts wait already.
            Exception: whatever the model raised for these texts.
        """
        loop = asyncio.get_running_loop()
        job = _Job(texts=texts, future=loop.create_future(), loop=loop, queued_at=time.perf_counter())
        with self._changed:
            if self._jobs and self._waiting_texts + len(texts) > self._max_waiting_texts:
                raise QueueFullError(f"{self._waiting_texts} texts are waiting already; try again later")
            self._jobs.append(job)
            self._waiting_texts += len(texts)
            self._changed.notify()
        return await job.future

    def _run(self) -> None:
        while True:
            batch = self._next_batch()
            now = time.perf_counter()
            for job in batch:
                self._observer.waited(now - job.queued_at)
            try:
                results = self._forward(batch)
            except Exception as error:  # each of the batch is tried alone before it is told of a failure
                results = [error] if len(batch) == 1 else [self._alone(job) for job in batch]
            for job, result in zip(batch, results, strict=True):
                _deliver(job, result)

    def _next_batch(self) -> list[_Job]:
        with self._changed:
            self._changed.wait_for(lambda: self._jobs)
            batch = [self._jobs.popleft()]
            size = len(batch[0].texts)
            while self._jobs and size + len(self._jobs[0].texts) <= self._max_batch_texts:
                batch.append(self._jobs.popleft())
                size += len(batch[-1].texts)
            self._waiting_texts -= size
            return batch

    def _forward(self, batch: Sequence[_Job]) -> list[list[Answer] | Exception]:
        texts = [text for job in batch for text in job.texts]
        self._observer.batch(len(texts))
        answers = self._answer(texts)
        ends = list(accumulate(len(job.texts) for job in batch))
        return [answers[end - len(job.texts) : end] for job, end in zip(batch, ends, strict=True)]

    def _alone(self, job: _Job) -> list[Answer] | Exception:
        try:
            return self._answer(job.texts)
        except Exception as error:
            return error


def _deliver(job: _Job, result: list[Answer] | Exception) -> None:
    def set_result() -> None:
        if job.future.done():
            return
        if isinstance(result, Exception):
            job.future.set_exception(result)
        else:
            job.future.set_result(result)

    try:
        job.loop.call_soon_threadsafe(set_result)
    except RuntimeError:
        # The loop closed while the pass ran: whoever waited has gone with it.
        return

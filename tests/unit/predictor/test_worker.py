"""One thread answers; what waits is joined, bounded, and fails apart."""

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from sluice_predictor.engine.worker import QueueFullError, Worker
from sluice_predictor.tasks import Answer


def answer_to(text: str) -> Answer:
    return Answer(prediction={"label": text, "score": 1.0, "entities": []}, tokens=1)


@dataclass
class Model:
    """Answers each text with itself; the first pass waits until it is released."""

    released: threading.Event = field(default_factory=threading.Event)
    started: threading.Event = field(default_factory=threading.Event)
    batches: list[list[str]] = field(default_factory=list)
    threads: set[int] = field(default_factory=set)

    def __call__(self, texts: Sequence[str]) -> list[Answer]:
        self.batches.append(list(texts))
        self.threads.add(threading.get_ident())
        self.started.set()
        self.released.wait()
        if "bad" in texts:
            raise IndexError("index out of range in self")
        return [answer_to(text) for text in texts]


@dataclass
class Seen:
    batches: list[int] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)

    def batch(self, texts: int) -> None:
        self.batches.append(texts)

    def waited(self, seconds: float) -> None:
        self.waits.append(seconds)


@pytest.fixture
def model() -> Model:
    return Model()


async def busy(worker: Worker, model: Model) -> asyncio.Task[list[Answer]]:
    """Send a first request and wait until its pass runs, so that others queue up behind it."""
    first = asyncio.create_task(worker.submit(["first"]))
    await asyncio.to_thread(model.started.wait)
    return first


async def queued(worker: Worker, *requests: Sequence[str]) -> list[asyncio.Task[list[Answer]]]:
    tasks = [asyncio.create_task(worker.submit(texts)) for texts in requests]
    await asyncio.sleep(0)
    return tasks


async def test_requests_that_wait_form_one_batch_and_get_their_own_answers(model: Model) -> None:
    seen = Seen()
    worker = Worker(model, observer=seen)
    first = await busy(worker, model)
    second, third = await queued(worker, ["a", "b"], ["c"])
    model.released.set()

    assert await first == [answer_to("first")]
    assert await second == [answer_to("a"), answer_to("b")]
    assert await third == [answer_to("c")]
    assert seen.batches == [1, 3]
    assert len(seen.waits) == 3
    assert threading.get_ident() not in model.threads
    assert len(model.threads) == 1


async def test_a_batch_stays_within_its_limit_but_a_large_request_is_not_split(model: Model) -> None:
    worker = Worker(model, observer=Seen(), max_batch_texts=2)
    first = await busy(worker, model)
    rest = await queued(worker, ["a"], ["b"], ["c"], ["d", "e", "f"], ["g"])
    model.released.set()
    await asyncio.gather(first, *rest)

    assert model.batches == [["first"], ["a", "b"], ["c"], ["d", "e", "f"], ["g"]]


async def test_a_request_that_fails_does_not_fail_the_others_of_its_batch(model: Model) -> None:
    worker = Worker(model, observer=Seen())
    first = await busy(worker, model)
    before, bad, after = await queued(worker, ["a"], ["bad", "b"], ["c"])
    model.released.set()

    assert await first == [answer_to("first")]
    assert await before == [answer_to("a")]
    with pytest.raises(IndexError):
        await bad
    assert await after == [answer_to("c")]
    assert await worker.submit(["later"]) == [answer_to("later")]


async def test_a_full_queue_refuses_and_takes_requests_again_when_it_has_room(model: Model) -> None:
    worker = Worker(model, observer=Seen(), max_waiting_texts=3)
    first = await busy(worker, model)
    (waiting,) = await queued(worker, ["a", "b"])

    with pytest.raises(QueueFullError, match="2 texts are waiting already"):
        await worker.submit(["c", "d"])

    (last,) = await queued(worker, ["e"])
    model.released.set()
    assert [len(answers) for answers in await asyncio.gather(first, waiting, last)] == [1, 2, 1]
    assert await worker.submit(["c", "d"]) == [answer_to("c"), answer_to("d")]


async def test_a_request_larger_than_the_queue_is_taken_when_nothing_waits(model: Model) -> None:
    model.released.set()
    worker = Worker(model, observer=Seen(), max_waiting_texts=1)

    assert len(await worker.submit(["a", "b", "c"])) == 3


async def test_a_request_whose_client_has_gone_disturbs_nobody(model: Model) -> None:
    worker = Worker(model, observer=Seen())
    first = await busy(worker, model)
    gone, stays = await queued(worker, ["a"], ["b"])
    gone.cancel()
    model.released.set()

    assert await first == [answer_to("first")]
    assert await stays == [answer_to("b")]

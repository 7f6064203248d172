"""Every request that is submitted ends: with its answers, its own failure, its deadline, or the engine's death."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest

from sluice_predictor.artifact import Artifact
from sluice_predictor.engine import Engine, StartOptions
from sluice_predictor.engine.errors import (
    DeadlineExceededError,
    EngineFailedError,
    EngineLostError,
    InputError,
    ModelError,
    QueueFullError,
)
from sluice_predictor.tasks.base import Answer, Parameters

COMMAND = (sys.executable, str(Path(__file__).with_name("fake_engine.py")))


def version(kind: str = "good") -> Artifact:
    return Artifact(directory=Path(), manifest=SimpleNamespace(), digest=kind)


@dataclass
class Seen:
    batches: list[int] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    losses: int = 0

    def batch(self, texts: int) -> None:
        self.batches.append(texts)

    def waited(self, seconds: float) -> None:
        self.waits.append(seconds)

    def lost(self) -> None:
        self.losses += 1


@dataclass
class Running:
    engine: Engine
    seen: Seen
    directory: Path

    def submit(self, *texts: str, deadline: float | None = None) -> asyncio.Task[list[Answer]]:
        return asyncio.create_task(self.engine.submit(texts, parameters=Parameters(), deadline=deadline))

    async def hold(self, name: str = "gate") -> asyncio.Task[list[Answer]]:
        """Submit a text that is answered when it is released, and wait until the model has it."""
        held = self.submit(f"wait:{self.directory / name}")
        await until(lambda: Path(f"{self.directory / name}.begun").exists())
        return held

    def release(self, name: str = "gate") -> None:
        (self.directory / name).touch()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110  # what is waited for is in another process
            await asyncio.sleep(0.005)


def echoes(answers: Sequence[Answer]) -> list[str]:
    return [answer.prediction["echo"] for answer in answers]


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    seen = Seen()
    engine = Engine(options=StartOptions(threads=1, command=COMMAND), observer=seen, max_waiting_texts=40)
    await engine.start(version(), verify_again=version)
    yield Running(engine, seen, tmp_path)
    await engine.close()


async def test_texts_are_answered_in_order_with_the_parameters_of_their_request(running: Running) -> None:
    answers = await running.engine.submit(["b", "a"], parameters=Parameters(max_tokens=7), deadline=None)

    assert echoes(answers) == ["b", "a"]
    assert answers[0] == Answer(prediction={"echo": "b"}, tokens=7, labels=[("a", 0.5)])
    assert running.engine.description.engine == "fake"


async def test_requests_that_wait_share_a_batch_and_get_their_own_answers(running: Running) -> None:
    held = await running.hold()
    second, third = running.submit("a", "b"), running.submit("c")
    await asyncio.sleep(0)
    running.release()

    assert [echoes(await second), echoes(await third)] == [["a", "b"], ["c"]]
    await held
    assert running.seen.batches == [1, 3]
    assert len(running.seen.waits) == 3


async def test_a_large_request_is_put_together_again(running: Running) -> None:
    texts = [str(number) for number in range(100)]

    assert echoes(await running.submit(*texts)) == texts
    assert running.seen.batches == [32, 32, 32, 4]
    assert len(running.seen.waits) == 1


async def test_a_request_fails_for_its_own_input_only(running: Running) -> None:
    held = await running.hold()
    before, bad, refused, after = (
        running.submit("a"),
        running.submit("b", "bad"),
        running.submit("c", "refused"),
        running.submit("d"),
    )
    await asyncio.sleep(0)
    running.release()
    await held

    assert echoes(await before) == ["a"]
    with pytest.raises(ModelError, match=r"^the model failed on this input: IndexError: index out of range$"):
        await bad
    with pytest.raises(InputError, match="too many tokens") as problem:
        await refused
    assert (problem.value.place, problem.value.parameter) == (1, "truncation")
    assert echoes(await after) == ["d"]


async def test_a_full_queue_refuses_and_has_room_again_later(running: Running) -> None:
    held = await running.hold()
    waiting = running.submit(*["a"] * 40)
    await asyncio.sleep(0)

    with pytest.raises(QueueFullError, match="40 texts are waiting already"):
        await running.submit("b")
    running.release()
    await asyncio.gather(held, waiting)
    assert echoes(await running.submit("b")) == ["b"]


async def test_the_deadline_ends_a_request_that_waits_and_one_that_runs(running: Running) -> None:
    soon = asyncio.get_running_loop().time() + 0.05
    running_one = running.submit(f"wait:{running.directory / 'gate'}", deadline=soon)
    waiting_one = running.submit("a", deadline=soon)

    for late in (running_one, waiting_one):
        with pytest.raises(DeadlineExceededError):
            await late
    running.release()
    assert echoes(await running.submit("b")) == ["b"]
    assert running.seen.batches in ([1, 1], [2, 1])


async def test_a_deadline_that_has_passed_costs_nothing(running: Running) -> None:
    with pytest.raises(DeadlineExceededError):
        await running.submit("a", deadline=asyncio.get_running_loop().time() - 1)
    assert running.seen.batches == []


async def test_a_cancelled_request_leaves_the_queue(running: Running) -> None:
    held = await running.hold()
    gone, stays = running.submit("a"), running.submit("b")
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.wait([gone])
    running.release()

    assert echoes(await stays) == ["b"]
    await held
    assert running.seen.batches == [1, 1]


async def test_a_death_is_told_at_once_and_another_process_takes_over(running: Running) -> None:
    held = await running.hold()
    deadly, waiting = running.submit("die"), running.submit("a")
    await asyncio.sleep(0)
    running.release()

    assert echoes(await held) == [f"wait:{running.directory / 'gate'}"]
    for lost in (deadly, waiting):
        with pytest.raises(EngineLostError):
            await lost
    assert not running.engine.ready
    with pytest.raises(EngineLostError, match="try again in a moment"):
        await running.submit("b")
    await until(lambda: running.engine.ready)
    assert echoes(await running.submit("c")) == ["c"]
    assert running.seen.losses == 1


async def test_a_process_that_answers_no_more_is_replaced(tmp_path: Path) -> None:
    options = StartOptions(threads=1, command=COMMAND, stuck_after=0.2)
    engine = Engine(options=options, observer=Seen())
    await engine.start(version(), verify_again=version)

    with pytest.raises(EngineLostError):
        await engine.submit([f"wait:{tmp_path / 'never'}"], parameters=Parameters(), deadline=None)
    await until(lambda: engine.ready)
    assert echoes(await engine.submit(["a"], parameters=Parameters(), deadline=None)) == ["a"]
    await engine.close()


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("unfit", "config.json: hidden_size: missing"),
        ("broken", "the version could not be loaded: ValueError: what nobody expected"),
        ("deadly", "the engine's process exited with status 3 while it loaded the version"),
    ],
)
async def test_a_version_that_cannot_be_loaded_is_told_in_one_line(kind: str, reason: str) -> None:
    engine = Engine(options=StartOptions(command=COMMAND), observer=Seen())

    with pytest.raises(EngineFailedError) as failure:
        await engine.start(version(kind), verify_again=version)
    assert str(failure.value) == reason


async def test_an_engine_that_cannot_be_replaced_has_failed_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sluice_predictor.engine.supervisor._FIRST_DELAY", 0.001)
    engine = Engine(options=StartOptions(command=COMMAND), observer=Seen())
    await engine.start(version(), verify_again=lambda: version("unfit"))

    with pytest.raises(EngineLostError):
        await engine.submit(["die"], parameters=Parameters(), deadline=None)
    with pytest.raises(EngineFailedError, match=r"cannot be started any more: config\.json: hidden_size: missing"):
        await engine.failed()
    await engine.close()


async def test_giving_up_tells_who_still_waits_and_the_engine_lives_on(running: Running) -> None:
    held = await running.hold()
    waiting = running.submit("a")
    await asyncio.sleep(0)

    running.engine.give_up("the server has shut down")

    for request in (held, waiting):
        with pytest.raises(EngineLostError, match="the server has shut down"):
            await request
    running.release()
    assert echoes(await running.submit("b")) == ["b"]
    assert running.seen.losses == 0


async def test_closing_tells_who_still_waits(running: Running) -> None:
    held = await running.hold()

    await running.engine.close()

    with pytest.raises(EngineLostError):
        await held


async def test_the_signals_that_stop_a_server_do_not_stop_its_engine(running: Running) -> None:
    held = await running.hold()
    (child,) = children()
    os.kill(child, signal.SIGTERM)
    os.kill(child, signal.SIGINT)
    running.release()

    assert echoes(await held) == [f"wait:{running.directory / 'gate'}"]
    assert running.seen.losses == 0


def children() -> list[int]:
    """Return this process' engines; a test before may have left a child of another kind."""
    every = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    return [int(child) for child in every if b"fake_engine" in Path(f"/proc/{child}/cmdline").read_bytes()]

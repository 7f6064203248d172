"""Work that goes on while a block runs, and ends with it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from typing import Any


@contextlib.asynccontextmanager
async def beside(*work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run these while the block does.

    What the block raises stays as it is, with a note of what had gone wrong beside it; otherwise that is raised itself.
    """
    tasks = [asyncio.create_task(one) for one in work]
    try:
        yield
    except BaseException as error:
        for failure in await _ended(tasks):
            error.add_note(f"beside it had failed: {failure!r}")
        raise
    for failure in await _ended(tasks):
        raise failure


async def _ended(tasks: list[asyncio.Task[None]]) -> list[Exception]:
    for task in tasks:
        task.cancel()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    return [one for one in ended if isinstance(one, Exception)]

"""What every test stands on."""

import asyncio
import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings

# How long an example takes says how busy the machine is, and nothing about what is tested.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session", autouse=True)
def no_terminal() -> None:
    """What a command prints does not depend on the terminal of whoever tests."""
    os.environ.pop("COLUMNS", None)


@pytest.fixture(scope="session", autouse=True)
def ctrl_c() -> None:
    """A shell has what it runs in the background ignore Ctrl-C, and so would every program under test."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def main_loop() -> Iterator[None]:
    """Own the main thread's event loop: pytest-asyncio asks for it, and on Python 3.11 would leave it open."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    asyncio.set_event_loop(None)
    loop.close()

"""Clients of one model: they ask on while a block runs, and what they were answered is kept."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable

from examples.sms import messages
from hack.cluster.kind import GATEWAY_PORT
from hack.demo.record import Answer
from hack.demo.traffic import Target, Traffic
from tests.e2e.model import Model

_KNOWN_WITHIN_S = 30


@contextlib.asynccontextmanager
async def clients(
    model: Model, *, hostname: str = "", rate: float = 35.0, most: int = 60_000
) -> AsyncIterator[Traffic]:
    """Ask a model so many times a second while the block runs; a hundred have been answered before it begins.

    Args:
        model: The model.
        hostname: Where they think that it is reached; where it is without a policy, if none is given.
        rate: Requests a second.
        most: Requests in all.
    """
    async with Traffic(_target(model, hostname=hostname, rate=rate, most=most), _texts()) as traffic:
        await answering(traffic)
        traffic.start()
        await traffic.more(100)
        yield traffic


async def answering(traffic: Traffic) -> None:
    """Wait until the Gateway has heard of the model's route."""
    async with asyncio.timeout(_KNOWN_WITHIN_S):
        while not (await traffic.probe()).ok:  # noqa: ASYNC110 - what changes is in Envoy
            await asyncio.sleep(0.2)


def failed(answers: Iterable[Answer]) -> list[Answer]:
    """What was not answered as it should have been."""
    return [answer for answer in answers if not answer.ok]


def _target(model: Model, *, hostname: str, rate: float, most: int) -> Target:
    host = hostname or f"{model.name}.{model.cluster.namespace}.sluice.local"
    url = f"http://127.0.0.1:{GATEWAY_PORT}/v1/models/{model.name}:predict"
    return Target(url, host=host, rate=rate, requests=most)


def _texts() -> Iterable[str]:
    return (message.text for message in messages.stream(seed=1))

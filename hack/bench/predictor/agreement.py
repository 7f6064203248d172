"""Whether a server answers what transformers answers in fp32: the same label, and how far its probabilities are off.

The texts are asked as a crowd would ask them, so that what is compared came out of batches.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp

from hack.bench.errors import BenchError
from hack.bench.predictor.inputs import Reference, request_body
from hack.bench.predictor.running import Running

CLIENTS = 8
TIMEOUT_S = 60
_JSON = {"content-type": "application/json"}


@dataclass(frozen=True, slots=True)
class Agreement:
    """How a server compares with the reference.

    Attributes:
        texts: How many were compared.
        labels: Share of the texts that got the same label.
        difference: Largest difference between two probabilities of the same text and label.
    """

    server: str
    texts: int
    labels: float
    difference: float


async def agreement(server: Running, reference: Reference) -> Agreement:
    """Ask a server all texts and compare.

    Raises:
        BenchError: A text is not answered 200.
    """
    top_k = len(reference.labels) if server.kind.names_all else None
    answers: list[Any] = [None] * len(reference.texts)
    places = iter(range(len(reference.texts)))

    async def client(session: aiohttp.ClientSession) -> None:
        for place in places:
            body = request_body([reference.texts[place]], top_k=top_k)
            async with session.post(server.url, data=body, headers=_JSON) as response:
                if response.status != 200:
                    problem = (await response.text())[:200]
                    raise BenchError(f"{server.kind.title}: status {response.status} on text {place}: {problem}")
                answers[place] = await response.json()

    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    try:
        async with aiohttp.ClientSession(timeout=timeout) as session, asyncio.TaskGroup() as group:
            for _ in range(CLIENTS):
                group.create_task(client(session))
    except ExceptionGroup as errors:
        first = errors.exceptions[0]
        raise BenchError(f"{server.kind.title}: {first}") from first
    return compare([named(answer) for answer in answers], reference, server=server.kind.key)


def named(answer: Any) -> dict[str, float]:
    """Return the labels of an answer to one text, best first, with their probabilities."""
    (prediction,) = answer["predictions"] if isinstance(answer, dict) else answer
    return {one["label"]: one["score"] for one in prediction.get("labels") or [prediction]}


def compare(answers: Sequence[Mapping[str, float]], reference: Reference, *, server: str) -> Agreement:
    """Compare the named labels of each text, best first, with the reference."""
    same, difference = 0, 0.0
    for place, answer in enumerate(answers):
        expected = reference.expected(place)
        same += next(iter(answer)) == max(expected, key=expected.__getitem__)
        difference = max(difference, *(abs(score - expected[label]) for label, score in answer.items()))
    return Agreement(
        server=server, texts=len(answers), labels=round(same / len(answers), 5), difference=round(difference, 5)
    )

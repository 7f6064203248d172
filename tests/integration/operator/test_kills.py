"""The operator killed in the middle of rollouts: the next one goes on to the same end, no rule is broken, and each
transition is recorded once."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator

import pytest

from hack.testbed.background import beside
from tests.integration.operator.record import until_recorded
from tests.integration.operator.stage import Stage

KILLS = 20
KILLS_OF_A_SOAK = 200
MOST_CHANGES_BETWEEN_KILLS = 12
PATIENCE = 240.0
"""Seconds for what an operator is to bring about that is killed every two of them."""
MODELS = 3
"""Each has one rollout of each story under way at a time."""


async def test_killed_anywhere_it_comes_to_the_same_end(stage: Stage) -> None:
    await _rollouts_under_kills(stage, kills=KILLS, seed=5)


@pytest.mark.soak
@pytest.mark.timeout(3600)
async def test_killed_200_times_it_comes_to_the_same_end(stage: Stage) -> None:
    await _rollouts_under_kills(stage, kills=KILLS_OF_A_SOAK, seed=11)


async def _rollouts_under_kills(stage: Stage, *, kills: int, seed: int) -> None:
    """Roll versions out, wave after wave, until the operator was killed so often; the end is as without kills."""
    killer = Killer(stage, moments=random.Random(seed), kills=kills)
    models = [f"model-{number}" for number in range(MODELS)]
    wave = 0
    while not killer.is_done:
        wave += 1
        async with killer.at_work():
            await asyncio.gather(*(_promoted(stage, model, wave) for model in models))
            await asyncio.gather(*(_taken_back(stage, model, wave) for model in models))
    for model in models:
        for earlier in range(1, wave + 1):
            await stage.reaches(f"{model}-{earlier}.0.0", "Stable" if earlier == wave else "Superseded")
            await stage.reaches(f"{model}-{earlier}.1.0", "RolledBack")
    await until_recorded(stage)


async def _promoted(stage: Stage, model: str, wave: int) -> None:
    name = f"{model}-{wave}.0.0"
    await stage.apply(model, f"{wave}.0.0")
    await stage.reaches(name, "Stable", within=PATIENCE)
    await stage.has_weight(name, 100, within=PATIENCE)


async def _taken_back(stage: Stage, model: str, wave: int) -> None:
    bad = f"{model}-{wave}.1.0"
    await stage.apply(model, f"{wave}.1.0")
    await stage.has_weight(bad, 10, within=PATIENCE)
    stage.prometheus.break_version(model, f"{wave}.1.0")
    await stage.reaches(bad, "RolledBack", within=PATIENCE)
    await stage.has_weight(f"{model}-{wave}.0.0", 100, within=PATIENCE)


class Killer:
    """Kills after so many more changes of any object, and starts the next operator at once."""

    def __init__(self, stage: Stage, *, moments: random.Random, kills: int) -> None:
        self._stage = stage
        self._moments = moments
        self._left = kills

    @property
    def is_done(self) -> bool:
        return self._left == 0

    @contextlib.asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Kill while the block runs, until it has killed as often as it is to."""
        async with beside(self._kill()):
            yield

    async def _kill(self) -> None:
        while self._left:
            await self._stage.observer.more(self._moments.randint(0, MOST_CHANGES_BETWEEN_KILLS))
            self._stage.operator.kill()
            self._left -= 1
            self._stage.operator.start()

"""The pace of writes: bursts pass, storms are spread out, and nothing that was begun is held up."""

import asyncio

import pytest

from sluice_operator.kube.pace import Pace

pytestmark = pytest.mark.looptime

PER_SECOND, BURST = 40.0, 100


def pace():
    return Pace(PER_SECOND, clock=asyncio.get_running_loop().time)


async def test_a_burst_passes_without_waiting(looptime):
    writes = pace()
    for _ in range(BURST):
        writes.wrote()
    await writes.keep()

    assert looptime == 0


async def test_over_a_minute_of_storm_no_more_is_written_than_the_pace_and_one_burst_allow(looptime):
    writes, written = pace(), 0
    while looptime < 60:
        await writes.keep()
        for _ in range(4):
            writes.wrote()
            written += 1

    assert written == pytest.approx(60 * PER_SECOND + BURST, abs=8)


async def test_time_without_writes_saves_up_one_burst_and_no_more(looptime):
    writes = pace()
    await asyncio.sleep(3600)
    for _ in range(BURST + int(PER_SECOND)):
        writes.wrote()
    before = float(looptime)
    await writes.keep()

    assert looptime - before == pytest.approx(1)

"""What alerts go by is seen from outside: the operator's metrics, while Prometheus is away and when it is back."""

import asyncio

from hack.testbed.prometheus import Fault
from tests.integration.operator.stage import ROLLOUT, SECONDS, Stage


async def until_up_is(stage: Stage, wanted: float) -> None:
    async with asyncio.timeout(SECONDS):
        while stage.operator.metrics().get('sluice_prometheus_up{for_namespace=""}') != wanted:  # noqa: ASYNC110 - another process's
            await asyncio.sleep(0.1)


async def test_a_prometheus_that_is_away_is_seen_and_so_is_its_return(stage: Stage) -> None:
    await stage.serves("sms", "1.0.0")
    await stage.apply("sms", "1.1.0", rollout={**ROLLOUT, "steps": [{"weight": 10, "hold": "30m"}]})
    await stage.reaches("sms-1.1.0", "Canary")
    await until_up_is(stage, 1.0)

    stage.prometheus.fail(Fault.DOWN)
    await until_up_is(stage, 0.0)

    stage.prometheus.fail(None)
    await until_up_is(stage, 1.0)

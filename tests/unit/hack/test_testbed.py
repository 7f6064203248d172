"""The parts of the test stand that other tests rely on to tell the truth."""

import asyncio
import shutil
from pathlib import Path

import aiohttp
import pytest

from hack.testbed.background import beside
from hack.testbed.client import ROUTES, Object
from hack.testbed.controlplane import ControlPlane
from hack.testbed.observer import weights
from hack.testbed.prometheus import Fault, Prometheus


async def ask(prometheus: Prometheus, query: str) -> tuple[int, Object]:
    async with aiohttp.ClientSession() as session:
        form = {"query": query, "time": "9999999999"}
        async with session.post(f"{prometheus.url}/api/v1/query", data=form) as answer:
            return answer.status, await answer.json(content_type=None) if answer.status == 200 else {}


def selector(metric: str, model: str) -> str:
    matchers = f'traffic="live",namespace=~"default",sluice_model=~"{model}",sluice_version=~"1\\\\.0"'
    return f"{metric}{{{matchers}}}[9999999999s]"


async def test_prometheus_answers_for_those_asked_for_with_the_predictors_series():
    async with Prometheus().serving() as prometheus:
        prometheus.traffic("sms", "1.0")
        prometheus.traffic("other", "1.0")
        prometheus.traffic("sms", "1x0")

        _, answer = await ask(prometheus, selector("sluice_requests_total", "sms|third"))

    series = answer["data"]["result"]
    assert {(one["metric"]["sluice_model"], one["metric"]["sluice_version"]) for one in series} == {("sms", "1.0")}
    assert len(series) == 21


async def test_a_version_that_breaks_shows_it_in_the_next_answer():
    async with Prometheus().serving() as prometheus:
        traffic = prometheus.break_version("sms", "1.0")
        assert traffic.shown_at is None
        _, answer = await ask(prometheus, selector("sluice_requests_total", "sms"))

    codes = {one["metric"]["code"]: one["values"][-1][1] for one in answer["data"]["result"][:7]}
    assert (codes["500"], codes["200"]) == ("9000", "1000")
    assert traffic.shown_at is not None


async def test_buckets_are_cumulative():
    async with Prometheus().serving() as prometheus:
        prometheus.traffic("sms", "1.0").slow = 0.1
        prometheus.break_version("sms", "1.0")
        _, answer = await ask(prometheus, selector("sluice_request_duration_seconds_bucket", "sms"))

    counts = [float(one["values"][-1][1]) for one in answer["data"]["result"]]
    assert counts == sorted(counts)
    assert counts[-1] == 10_000
    assert counts[5] == 9000


async def test_what_it_does_not_understand_it_refuses():
    async with Prometheus().serving() as prometheus:
        status, _ = await ask(prometheus, "sum(rate(sluice_requests_total[1m]))")

    assert status == 400


async def test_its_faults_are_seen_by_whoever_asks():
    async with Prometheus().serving() as prometheus:
        prometheus.traffic("sms", "1.0")
        query = selector("sluice_requests_total", "sms")
        prometheus.fail(Fault.ERROR)
        assert (await ask(prometheus, query))[0] == 500
        prometheus.fail(Fault.EMPTY)
        assert (await ask(prometheus, query))[1]["data"]["result"] == []
        prometheus.fail(Fault.NAN)
        assert (await ask(prometheus, query))[1]["data"]["result"][0]["values"][0][1] == "NaN"
        prometheus.fail(Fault.DOWN)
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await ask(prometheus, query)


async def test_what_fails_beside_a_block_is_raised_after_it():
    async def fails() -> None:
        raise ValueError("beside")

    with pytest.raises(ValueError, match="beside"):
        async with beside(fails()):
            await asyncio.sleep(0)
            await asyncio.sleep(0)


async def test_what_a_block_raises_stays_as_it_is():
    async def waits() -> None:
        await asyncio.Event().wait()

    with pytest.raises(KeyError):
        async with beside(waits()):
            raise KeyError


def test_weights_go_by_the_inference_service():
    route: Object = {
        "spec": {"rules": [{"backendRefs": [{"name": "a-predictor", "weight": 3}, {"name": "b-predictor"}]}]}
    }

    assert ROUTES.api_version == "gateway.networking.k8s.io/v1"
    assert weights(route) == {"a": 3, "b": 1}


@pytest.mark.parametrize("left", ["", '{"verb":"ge'], ids=["whole", "torn"])
def test_an_audit_log_has_whole_events_also_after_an_api_server_was_killed(tmp_path, left):
    program = shutil.which("true")
    assert program is not None
    plane = ControlPlane(program=Path(program), directory=tmp_path)
    plane.audit_log.write_text('{"verb":"list"}\n' + left)

    plane.start_api_server()

    assert plane.audit_log.read_text() == '{"verb":"list"}\n'
    plane.kill_api_server()

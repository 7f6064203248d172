"""Whatever answers in Prometheus' place, the operator takes it for evidence or for nothing, and goes on."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from sluice_operator.prometheus import client as client_module
from sluice_operator.prometheus.access import Access
from sluice_operator.prometheus.client import PrometheusClient, PrometheusError, Series
from sluice_operator.prometheus.predictor import Target, read_evidence

NOW = 1_800_000_000.0
NOTHING = {"status": "success", "data": {"resultType": "matrix", "result": []}}


@asynccontextmanager
async def answering(text: str, **headers: str) -> AsyncIterator[PrometheusClient]:
    """A client of something that always answers so; its own clock says NOW."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=text, headers=headers)

    app = web.Application()
    app.router.add_post("/api/v1/query", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with aiohttp.ClientSession() as session:
            access = Access(url=f"http://127.0.0.1:{runner.addresses[0][1]}")
            yield PrometheusClient(access=access, session=session, clock=lambda: NOW)
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("date", ["Fri, 15 Jan 2027 07:59:29 GMT", "Fri, 15 Jan 2027 09:00:00 GMT"])
async def test_evidence_by_a_clock_that_differs_from_the_operators_is_none(date):
    async with answering(json.dumps(NOTHING), Date=date) as client:
        with pytest.raises(PrometheusError, match=r"its clock and the operator's differ by (31|3600) s"):
            await client.matrix("up[1m]", at=NOW)


@pytest.mark.parametrize("date", ["Fri, 15 Jan 2027 08:00:29 GMT", "Fri, 15 Jan 2027 07:59:31 GMT", "today", "-1"])
async def test_clocks_need_not_be_equal_and_need_not_be_told(date):
    async with answering(json.dumps(NOTHING), Date=date) as client:
        assert await client.matrix("up[1m]", at=NOW) == []


async def test_an_answer_that_has_no_end_is_not_read_to_its_end(monkeypatch):
    monkeypatch.setattr(client_module, "_MOST_BYTES", 1 << 20)
    async with answering(json.dumps(NOTHING) + " " * (1 << 20), Date="never") as client:
        with pytest.raises(PrometheusError, match="an answer of more than 1 MiB"):
            await client.matrix("up[1m]", at=NOW)


async def test_an_answer_nested_deeper_than_anybody_reads_is_none():
    async with answering('{"error": ' + "[" * 200_000, Date="never") as client:
        with pytest.raises(PrometheusError, match="not JSON"):
            await client.matrix("up[1m]", at=NOW)


LABELS = ["namespace", "sluice_model", "sluice_version", "pod", "code", "le"]
NUMBERS = st.floats() | st.sampled_from(["NaN", "+Inf", "-1", "1e999", 10**400, "0x1", "", None]) | st.integers()
ANYTHING = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(LABELS) | st.text(), inner, max_size=3),
    max_leaves=6,
)
LABEL_SETS = st.dictionaries(st.sampled_from(LABELS), st.sampled_from(["default", "sms", "1", "500", "0.25", "+Inf"]))
SAMPLES = st.lists(st.tuples(NUMBERS, NUMBERS), max_size=5)
SERIES = st.fixed_dictionaries({"metric": LABEL_SETS | ANYTHING, "values": SAMPLES | ANYTHING}) | ANYTHING
BODIES = ANYTHING | st.fixed_dictionaries(
    {
        "status": st.just("success") | ANYTHING,
        "data": st.fixed_dictionaries(
            {"resultType": st.just("matrix") | ANYTHING, "result": st.lists(SERIES, max_size=4) | ANYTHING}
        )
        | ANYTHING,
    }
)
TARGET = Target("default", "sms", "1")


@given(BODIES, BODIES)
def test_whatever_is_answered_is_evidence_or_nothing(requests, buckets):
    found = read_evidence(read(requests), read(buckets), targets=[TARGET], edges={0.25}, since=NOW - 60)

    assert found.keys() == {TARGET}


def read(body: object) -> list[Series]:
    answer = client_module._read_answer(json.dumps(body).encode())
    try:
        return [] if isinstance(answer, str) else client_module._series(answer)
    except PrometheusError:
        return []

"""Raw samples are asked for by target labels, and only live traffic counts."""

import pytest
from aiohttp import web

from hack.demo.prometheus import Prometheus, PrometheusError


def series(values, **labels):
    return {"metric": {"pod": "p", **labels}, "values": [[at, str(value)] for at, value in values]}


class Server:
    """A Prometheus that knows what a test tells it, by the metric's name."""

    def __init__(self):
        self.queries = []
        self.known = {}
        self.failure = None

    async def query(self, request):
        query = (await request.post())["query"]
        self.queries.append(query)
        if self.failure:
            return web.json_response({"status": "error", "error": self.failure}, status=400)
        return web.json_response({"status": "success", "data": {"result": self.known.get(query.split("{")[0], [])}})


@pytest.fixture
async def server():
    return Server()


@pytest.fixture
async def prometheus(server, serve):
    return Prometheus(await serve("/api/v1/query", server.query), "default", "sms")


async def test_errors_are_answers_with_a_servers_status(server, prometheus):
    server.known["sluice_requests_total"] = [
        series([(1, 10), (3, 12)], code="200"),
        series([(1, 0), (3, 4)], code="500"),
        series([(3, 1)], code="400"),
    ]

    counts = await prometheus.errors("1.1.0", since=0)

    assert counts.bad == [[(1, 0), (3, 4)]]
    assert len(counts.total) == 3


async def test_the_series_are_those_of_one_version_and_of_live_traffic(server, prometheus):
    await prometheus.errors("1.1.0", since=0)

    selector = 'sluice_requests_total{namespace="default",sluice_model="sms",sluice_version="1.1.0",traffic="live"}'
    assert server.queries[0].startswith(selector + "[")


async def test_slow_requests_are_those_above_the_edge(server, prometheus):
    server.known["sluice_request_duration_seconds_count"] = [series([(1, 10), (3, 30)])]
    server.known["sluice_request_duration_seconds_bucket"] = [
        series([(1, 9), (3, 20)], le="0.25"),
        series([(1, 10), (3, 29)], le="0.5"),
        series([(1, 10), (3, 30)], le="+Inf"),
    ]

    counts = await prometheus.slow("1.2.0", since=0, slower_than=0.25)

    assert counts.bad == [[(1, 1), (3, 10)]]
    assert counts.total == [[(1, 10), (3, 30)]]


async def test_an_edge_that_the_histogram_lacks_is_named(server, prometheus):
    server.known["sluice_request_duration_seconds_count"] = [series([(1, 10)])]
    server.known["sluice_request_duration_seconds_bucket"] = [series([(1, 9)], le="0.5")]

    with pytest.raises(PrometheusError, match=r"no bucket that ends at 0\.25 s"):
        await prometheus.slow("1.2.0", since=0, slower_than=0.25)


async def test_what_prometheus_refuses_is_said_with_its_own_words(server, prometheus):
    server.failure = "parse error"

    with pytest.raises(PrometheusError, match="parse error"):
        await prometheus.errors("1.1.0", since=0)


async def test_a_prometheus_that_does_not_answer_is_named():
    with pytest.raises(PrometheusError, match=r"http://127\.0\.0\.1:1 does not answer"):
        await Prometheus("http://127.0.0.1:1", "default", "sms").errors("1.1.0", since=0)

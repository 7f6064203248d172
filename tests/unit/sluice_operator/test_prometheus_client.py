"""Only a whole answer of Prometheus counts; the sampler asks two questions, and only while something is watched."""

import asyncio
import base64
import json
import os
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from hack.testbed.certificates import Authority
from sluice_operator.prometheus.access import Access, Trust
from sluice_operator.prometheus.client import PrometheusClient, PrometheusError
from sluice_operator.prometheus.predictor import Question, Target
from sluice_operator.prometheus.sampler import Sampler

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def prometheus(
    answer: Answer, *, patience: float = 2.0, tls: ssl.SSLContext | None = None, **access_to: object
) -> AsyncIterator[PrometheusClient]:
    app = web.Application()
    app.router.add_post("/api/v1/query", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    scheme, port = "https" if tls else "http", runner.addresses[0][1]
    try:
        async with aiohttp.ClientSession() as session:
            access = Access(url=f"{scheme}://127.0.0.1:{port}/", **access_to)
            yield PrometheusClient(access=access, session=session, timeout=patience)
    finally:
        await runner.cleanup()


def matrix(*series, **fields):
    return {"status": "success", "data": {"resultType": "matrix", "result": list(series)}, **fields}


def always(body, *, status=200, kind="application/json"):
    text = body if isinstance(body, str) else json.dumps(body)

    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=text, status=status, content_type=kind)

    return answer


async def test_raw_samples_are_read_with_the_times_they_were_scraped_at():
    asked = {}

    async def answer(request: web.Request) -> web.Response:
        asked.update(await request.post())
        return web.json_response(matrix({"metric": {"pod": "p"}, "values": [[1.5, "10"], [6.5, "NaN"]]}))

    async with prometheus(answer) as client:
        (series,) = await client.matrix("up[1m]", at=1700000000.25)

    assert asked == {"query": "up[1m]", "time": "1700000000.250"}
    assert series.labels == {"pod": "p"}
    assert series.samples[0] == (1.5, 10.0)
    assert series.samples[1][1] != series.samples[1][1], "NaN is passed on as it is; counting leaves it out"


async def test_counters_that_say_the_same_are_each_there():
    same, other = [[1.5, "0"], [6.5, "0"]], [[1.5, "0"], [6.5, "3"]]
    told = [{"metric": {"code": code}, "values": values} for code, values in (("200", other), ("4", same), ("5", same))]

    async with prometheus(always(matrix(*told))) as client:
        series = await client.matrix("up[1m]", at=0)

    assert [(one.labels["code"], one.samples[1][1]) for one in series] == [("200", 3.0), ("4", 0.0), ("5", 0.0)]


async def test_no_series_is_an_answer_too():
    async with prometheus(always(matrix())) as client:
        assert await client.matrix("up[1m]", at=0) == []


@pytest.mark.parametrize(
    "answer",
    [
        always({"status": "error", "error": "query timed out"}, status=503),
        always("<html>bad gateway</html>", status=502, kind="text/html"),
        always("", status=200),
        always("null"),
        always([]),
        always({"status": "success", "data": {"resultType": "vector", "result": []}}),
        always({"status": "success", "data": {"resultType": "matrix", "result": [{"metric": {}}]}}),
        always(matrix({"metric": {}, "values": [["soon", "many"]]})),
        always(matrix(warnings=["store unreachable"])),
        always(matrix(), status=500),
    ],
    ids=["error", "html", "empty", "null", "list", "vector", "no-values", "no-numbers", "partial", "500"],
)
async def test_anything_but_a_whole_answer_is_an_error(answer):
    async with prometheus(answer) as client:
        with pytest.raises(PrometheusError):
            await client.matrix("up[1m]", at=0)


async def test_what_a_proxy_in_between_answers_is_told_by_its_status():
    async with prometheus(always("<html>bad gateway</html>", status=502, kind="text/html")) as client:
        with pytest.raises(PrometheusError, match="HTTP 502 with an answer that is not JSON"):
            await client.matrix("up[1m]", at=0)


async def test_an_answer_that_does_not_come_is_not_waited_for():
    over = asyncio.Event()

    async def late(_: web.Request) -> web.Response:
        await over.wait()
        return web.Response()

    async with prometheus(late, patience=0.05) as client, asyncio.timeout(5):
        with pytest.raises(PrometheusError, match="Timeout"):
            await client.matrix("up[1m]", at=0)
        over.set()


async def test_one_failure_is_asked_again():
    answers = [always("<html>", status=502), always(matrix())]

    async def answer(request: web.Request) -> web.StreamResponse:
        return await answers.pop(0)(request)

    async with prometheus(answer) as client:
        assert await client.matrix("up[1m]", at=0) == []
    assert answers == []


async def test_nobody_listening_is_an_error():
    async with aiohttp.ClientSession() as session:
        client = PrometheusClient(access=Access(url="http://127.0.0.1:9"), session=session)
        with pytest.raises(PrometheusError):
            await client.matrix("up[1m]", at=0)


def answering(*answers):
    """Answers in turn, and how many were given."""
    given = []

    async def answer(request: web.Request) -> web.StreamResponse:
        given.append(request)
        return await answers[min(len(given), len(answers)) - 1](request)

    return answer, given


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_what_passes_is_asked_again(status):
    answer, given = answering(always("<html>", status=status), always("<html>", status=status), always(matrix()))
    async with prometheus(answer, patience=10) as client:
        assert await client.matrix("up[1m]", at=0) == []
    assert len(given) == 3


async def test_it_is_not_asked_for_ever():
    answer, given = answering(always({"status": "error", "error": "too busy"}, status=503))
    async with prometheus(answer, patience=10) as client:
        with pytest.raises(PrometheusError, match="HTTP 503: too busy"):
            await client.matrix("up[1m]", at=0)
    assert len(given) == 3


@pytest.mark.parametrize(
    "refusal",
    [
        always({"status": "error", "error": "parse error"}, status=400),
        always("", status=401),
        always("", status=404),
        always(matrix(warnings=["store unreachable"])),
    ],
    ids=["400", "401", "404", "partial"],
)
async def test_what_stays_wrong_is_not_asked_again(refusal):
    answer, given = answering(refusal)
    async with prometheus(answer) as client:
        with pytest.raises(PrometheusError):
            await client.matrix("up[1m]", at=0)
    assert len(given) == 1


async def test_it_says_how_long_to_wait_and_nobody_waits_longer_than_the_sample_may_take():
    async def busy(_: web.Request) -> web.Response:
        return web.Response(status=429, headers={"Retry-After": "60"})

    answer, given = answering(busy)
    async with prometheus(answer) as client, asyncio.timeout(5):
        with pytest.raises(PrometheusError, match="HTTP 429"):
            await client.matrix("up[1m]", at=0)
    assert len(given) == 1


# How it is reached


async def shown(**access_to):
    """The headers that Prometheus sees."""
    answer, given = answering(always(matrix()))
    async with prometheus(answer, **access_to) as client:
        await client.matrix("up[1m]", at=0)
    return given[0].headers


async def test_a_token_is_read_anew_for_every_question(tmp_path):
    token = tmp_path / "token"
    answer, given = answering(always(matrix()))
    async with prometheus(answer, token_file=token) as client:
        for text in ("first\n", "second"):
            token.write_text(text)
            await client.matrix("up[1m]", at=0)

    assert [request.headers["Authorization"] for request in given] == ["Bearer first", "Bearer second"]


async def test_name_and_password_are_shown_as_basic_authentication(tmp_path):
    name, password = tmp_path / "username", tmp_path / "password"
    name.write_text("sluice")
    password.write_text("pass:wörd\n")
    headers = await shown(username_file=name, password_file=password)

    kind, encoded = headers["Authorization"].split()
    assert (kind, base64.b64decode(encoded).decode()) == ("Basic", "sluice:pass:wörd")


async def test_headers_are_sent_along():
    assert (await shown(headers={"X-Scope-OrgID": "team-a"}))["X-Scope-OrgID"] == "team-a"


async def test_without_credentials_none_are_shown():
    assert "Authorization" not in await shown()


@pytest.mark.parametrize("token", [None, b"two\nlines", b"\xff\xfe"], ids=["missing", "lines", "bytes"])
async def test_a_token_that_cannot_be_shown_is_an_error_that_does_not_tell_it(tmp_path, token):
    file = tmp_path / "token"
    if token is not None:
        file.write_bytes(token)
    async with prometheus(always(matrix()), token_file=file) as client:
        with pytest.raises(PrometheusError) as caught:
            await client.matrix("up[1m]", at=0)
    assert "two" not in str(caught.value)


async def test_credentials_do_not_follow_a_redirect(tmp_path):
    token = tmp_path / "token"
    token.write_text("secret")

    async def elsewhere(_: web.Request) -> web.Response:
        raise web.HTTPTemporaryRedirect("http://127.0.0.1:9/api/v1/query")

    async with prometheus(elsewhere, token_file=token) as client:
        with pytest.raises(PrometheusError, match="HTTP 307"):
            await client.matrix("up[1m]", at=0)


def served_by(authority, folder):
    """The server's side of TLS, signed by an authority."""
    signed = authority.server()
    (folder / "server.crt").write_text(signed.certificate)
    (folder / "server.key").write_text(signed.key)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "server.crt", folder / "server.key")
    return context


async def test_a_certificate_is_checked_against_the_given_authority_as_its_file_now_is(tmp_path):
    ours, other, file = Authority(), Authority(), tmp_path / "ca.crt"
    file.write_text(other.certificate)
    async with prometheus(always(matrix()), tls=served_by(ours, tmp_path), ca_file=file) as client:
        with pytest.raises(PrometheusError, match="certificate verify failed"):
            await client.matrix("up[1m]", at=0)
        file.write_text(ours.certificate)
        os.utime(file, ns=(1, 1))
        assert await client.matrix("up[1m]", at=0) == []


async def test_without_an_authority_of_its_own_an_unknown_certificate_is_refused(tmp_path):
    async with prometheus(always(matrix()), tls=served_by(Authority(), tmp_path)) as client:
        with pytest.raises(PrometheusError, match="certificate verify failed"):
            await client.matrix("up[1m]", at=0)


def test_a_context_is_made_once_for_a_file(tmp_path):
    file = tmp_path / "ca.crt"
    file.write_text(Authority().certificate)
    trust = Trust(file)

    assert trust.context() is trust.context()


@pytest.mark.parametrize("text", [None, "none"], ids=["missing", "no-certificate"])
async def test_an_authority_that_cannot_be_read_is_an_error(tmp_path, text):
    file = tmp_path / "ca.crt"
    if text is not None:
        file.write_text(text)
    async with prometheus(always(matrix()), ca_file=file) as client:
        with pytest.raises(PrometheusError):
            await client.matrix("up[1m]", at=0)


# The sampler


class Recorded:
    """A client that remembers what it was asked."""

    def __init__(self, *, fails: bool = False) -> None:
        self.asked: list[str] = []
        self._fails = fails

    async def matrix(self, query: str, *, at: float) -> list[object]:
        del at
        self.asked.append(query)
        if self._fails:
            raise PrometheusError("connection refused")
        return []


def asks(seconds):
    return Question(seconds=seconds, edges=frozenset())


async def sampled(client, watched, *, answers):
    """Run a sampler for some answers; it is given back."""
    done = asyncio.Event()
    count = 0

    def answered() -> None:
        nonlocal count
        count += 1
        if count >= answers:
            done.set()

    sampler = Sampler(client=client, interval=5, watched=lambda: watched, answered=answered, clock=lambda: 1000.0)
    task = asyncio.create_task(sampler.run())
    try:
        async with asyncio.timeout(100):
            await done.wait()
    except TimeoutError:
        pass
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    return sampler


@pytest.mark.looptime
async def test_nothing_is_asked_while_nothing_is_watched(looptime):
    client = Recorded()
    await sampled(client, {}, answers=1)

    assert client.asked == []
    assert looptime == 100


@pytest.mark.looptime
@pytest.mark.parametrize("rollouts", [1, 40])
async def test_two_questions_an_interval_however_many_rollouts(looptime, rollouts):
    client = Recorded()
    watched = {Target("ns", f"m{n}", "1"): asks(60) for n in range(rollouts)}
    await sampled(client, watched, answers=4)

    assert len(client.asked) == 8
    assert looptime == 15


@pytest.mark.looptime
async def test_the_longest_window_is_fetched_with_a_minute_before_it():
    client = Recorded()
    sampler = await sampled(client, {Target("ns", "a", "1"): asks(60), Target("ns", "b", "1"): asks(300)}, answers=1)

    assert all(query.endswith("[360s]") for query in client.asked)
    assert {seen.errors.since for seen in sampler.last.evidence.values()} == {640.0}


@pytest.mark.looptime
async def test_without_an_answer_the_evidence_is_gone_and_the_reason_is_kept():
    sampler = await sampled(Recorded(fails=True), {Target("ns", "a", "1"): asks(60)}, answers=1)

    assert sampler.last.evidence == {}
    assert sampler.last.problem == "connection refused"

"""Versions are asked alone: real requests to pods that are small servers here."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from sluice_operator.api.preflight import Preflight
from sluice_operator.api.status import Verdict
from sluice_operator.controller.preflight import Preflights, Subject
from sluice_operator.controller.preflight_pod import MAX_ANSWER_BYTES, Questions
from sluice_operator.rollout.snapshot import PreflightResult
from sluice_operator.serving.pods import PodAddress

KEY = ("default", "sms")
DIGEST = "sha256:" + "a" * 64
BEGUN = PreflightResult(attempt=1, verdict=None, message="")
ASKED = {"body": {"instances": ["hello"]}, "expect": {"predictions": [{"label": "other"}]}}
ASKED_V2 = {"body": {"inputs": [{"name": "text"}]}, "expect": {"model_name": "sms"}}
EXAMPLES = [{"instance": f"text {n}", "prediction": {"label": "other", "score": 0.5}} for n in range(20)]


class FakePod:
    """A pod that answers as it is told."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.requests: list[web.Request] = []
        self.bodies: list[Any] = []
        self.prediction: dict[str, Any] = {"label": "other", "score": 0.51}
        self.calibration: Any = None
        self.statuses: list[int] = []
        """Of the next answers to inference, before it answers as it should."""
        self.calibration_statuses: list[int] = []
        """Of the next answers about its calibration."""
        self.raw: bytes | None = None
        self.breaks_off = 0
        """Requests that it leaves without an answer, before it gives one."""
        self.gate = asyncio.Event()
        """It answers inference when this is set."""
        self.gate.set()
        self.came = asyncio.Event()
        self.port = 0

    @property
    def address(self) -> PodAddress:
        return PodAddress(pod=self.name, url=f"http://127.0.0.1:{self.port}")

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator["FakePod"]:
        app = web.Application()
        app.router.add_get("/v2/models/sms/calibration", self._calibration)
        app.router.add_post("/v1/models/sms:predict", self._infer)
        app.router.add_post("/v2/models/sms/infer", self._infer)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            self.port = runner.addresses[0][1]
            yield self
        finally:
            self.gate.set()
            await runner.cleanup()

    async def _calibration(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        if self.calibration_statuses:
            return web.json_response({"error": "no"}, status=self.calibration_statuses.pop(0))
        if self.calibration is None:
            return web.json_response({"error": "no such path"}, status=404)
        return web.json_response(self.calibration)

    async def _infer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        body = await request.json()
        self.bodies.append(body)
        self.came.set()
        await self.gate.wait()
        if self.breaks_off and request.transport is not None:
            self.breaks_off -= 1
            request.transport.abort()
        if self.statuses:
            return web.json_response({"error": "busy\x1b[31m"}, status=self.statuses.pop(0))
        if self.raw is not None:
            return web.Response(body=self.raw, content_type="application/json")
        if "inputs" in body:
            return web.json_response({"model_name": "sms", "outputs": []})
        return web.json_response({"predictions": [self.prediction for _ in body["instances"]]})


class Stand:
    """What asks, with the pods that there are to be asked."""

    def __init__(self, *pods: FakePod) -> None:
        self.pods = list(pods)
        self.told: asyncio.Queue[PreflightResult] = asyncio.Queue()
        self.preflights = Preflights(pods=lambda _: tuple(pod.address for pod in self.pods), changed=self._changed)

    def _changed(self, key: tuple[str, str]) -> None:
        assert key == KEY
        (result,) = self.preflights.results.values()
        self.told.put_nowait(result)

    def subject(self, *, attempt: int = 1, digest: str | None = None, **settings: Any) -> Subject:
        questions = Questions(
            model="sms",
            version="1.1.0",
            digest=digest,
            settings=Preflight.model_validate({"timeout": "1m", **settings}),
        )
        return Subject(key=KEY, uid="uid", attempt=attempt, backend="sms-be", questions=questions)

    async def until(self, met: Callable[[PreflightResult], bool]) -> PreflightResult:
        async with asyncio.timeout(20):
            while not met(result := await self.told.get()):
                pass
        return result

    async def comes_to(self, *, digest: str | None = None, **settings: Any) -> PreflightResult:
        """Ask, and wait for the result."""
        self.preflights.keep(KEY, [self.subject(digest=digest, **settings)])
        return await self.until(lambda result: result.verdict is not None)


@pytest.fixture
async def pod() -> AsyncIterator[FakePod]:
    async with FakePod("sms-0").serving() as made:
        yield made


@pytest.fixture
async def stand(pod: FakePod) -> AsyncIterator[Stand]:
    made = Stand(pod)
    running = asyncio.create_task(made.preflights.run())
    yield made
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def calibrated(**changes: Any) -> dict[str, Any]:
    return {"model_version": "1.1.0", "digest": DIGEST, "tolerance": 0.02, "examples": EXAMPLES, **changes}


async def test_a_pod_that_answers_as_expected_passes(stand: Stand, pod: FakePod) -> None:
    result = await stand.comes_to(artifact=False, requests=[ASKED, ASKED_V2])

    assert result.verdict is Verdict.PASS
    assert result.message == "its pod answered 2 requests as expected"
    assert [request.path for request in pod.requests] == ["/v1/models/sms:predict", "/v2/models/sms/infer"]
    assert pod.bodies == [ASKED["body"], ASKED_V2["body"]]


async def test_what_it_is_asked_is_never_taken_for_live_traffic(stand: Stand, pod: FakePod) -> None:
    pod.calibration = calibrated()

    await stand.comes_to(requests=[ASKED, ASKED_V2])

    assert {request.headers["x-sluice-traffic"] for request in pod.requests} == {"synthetic"}
    assert len(pod.requests) == 5


async def test_an_answer_that_differs_fails_at_once_and_is_told(stand: Stand, pod: FakePod) -> None:
    pod.prediction = {"label": "debit"}

    result = await stand.comes_to(artifact=False, requests=[ASKED_V2, ASKED])

    assert result.verdict is Verdict.FAIL
    assert result.message == 'sms-0: requests[1]: predictions[0].label is "debit", expected "other"'


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"<html>", "the answer is not JSON of at most 1 MiB"),
        (b"[" * 100_000, "the answer is not JSON of at most 1 MiB"),
        (b'"' + b"a" * (MAX_ANSWER_BYTES + 1) + b'"', "the answer is not JSON of at most 1 MiB"),
        (b"[]", "the answer is a list of 0, expected an object"),
    ],
    ids=["no JSON", "deep", "large", "a list"],
)
async def test_whatever_else_a_pod_answers_is_wrong(stand: Stand, pod: FakePod, raw: bytes, words: str) -> None:
    pod.raw = raw

    result = await stand.comes_to(artifact=False, requests=[ASKED])

    assert (result.verdict, result.message) == (Verdict.FAIL, f"sms-0: requests[0]: {words}")


async def test_a_refusal_is_wrong_and_told_in_words_that_can_be_printed(stand: Stand, pod: FakePod) -> None:
    pod.statuses = [400]

    result = await stand.comes_to(artifact=False, requests=[ASKED])

    assert (result.verdict, result.message) == (Verdict.FAIL, "sms-0: requests[0]: HTTP 400: busy?[31m")


@pytest.mark.parametrize("status", [429, 503, 504])
async def test_who_is_busy_is_asked_again(stand: Stand, pod: FakePod, status: int) -> None:
    pod.statuses = [status]

    result = await stand.comes_to(artifact=False, requests=[ASKED])

    assert result.verdict is Verdict.PASS
    assert len(pod.requests) == 2


async def test_when_the_time_is_over_it_is_told_what_was_waited_for(stand: Stand, pod: FakePod) -> None:
    pod.statuses = [503] * 100

    result = await stand.comes_to(artifact=False, requests=[ASKED], timeout="1s")

    assert result.verdict is Verdict.FAIL
    assert result.message == "not over within 1s: 0 of 1 pods have answered; sms-0: HTTP 503"


async def test_a_pod_that_takes_no_connection_is_told_of(stand: Stand) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        nobody = FakePod("sms-1")
        nobody.port = free.getsockname()[1]
    stand.pods = [nobody]

    result = await stand.comes_to(artifact=False, requests=[ASKED], timeout="1s")

    assert result.message == "not over within 1s: 0 of 1 pods have answered; sms-1: it takes no connection"


async def test_a_pod_that_breaks_off_is_asked_again(stand: Stand, pod: FakePod) -> None:
    pod.breaks_off = 1

    result = await stand.comes_to(artifact=False, requests=[ASKED])

    assert result.verdict is Verdict.PASS
    assert len(pod.requests) == 2


async def test_what_goes_wrong_in_the_asking_itself_neither_passes_nor_takes_a_version_back(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stand, "pods", None)
    stand.preflights.keep(KEY, [stand.subject()])

    result = await stand.until(lambda result: "log" in result.message)

    assert result.verdict is None


async def test_so_many_versions_are_asked_at_once_and_the_time_of_others_does_not_run(pod: FakePod) -> None:
    preflights = Preflights(pods=lambda _: (pod.address,), changed=lambda _: changed.set())
    changed = asyncio.Event()
    running = asyncio.create_task(preflights.run())
    pod.gate.clear()
    questions = Stand(pod).subject(artifact=False, requests=[ASKED]).questions
    for number in range(40):
        key = (f"team-{number % 4}", f"m{number}")
        preflights.keep(key, [Subject(key=key, uid=f"u{number}", attempt=1, backend="b", questions=questions)])

    async def until(met: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not met():
                changed.clear()
                await changed.wait()

    await until(lambda: sum("are asked first" in one.message for one in preflights.results.values()) == 8)
    pod.gate.set()
    await until(lambda: [one.verdict for one in preflights.results.values()] == [Verdict.PASS] * 40)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert preflights.results == {}


async def test_a_namespace_whose_pods_never_answer_keeps_no_other_from_its_turn(pod: FakePod) -> None:
    told: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
    preflights = Preflights(
        pods=lambda subject: (pod.address,) if subject.key[0] == "good" else (), changed=told.put_nowait
    )
    running = asyncio.create_task(preflights.run())
    questions = Stand(pod).subject(artifact=False, requests=[ASKED], timeout="1h").questions
    keys = [*(("evil", f"m{number}") for number in range(40)), ("good", "m")]
    for key in keys:
        preflights.keep(key, [Subject(key=key, uid="-".join(key), attempt=1, backend="b", questions=questions)])

    async with asyncio.timeout(20):
        while preflights.results.get(("good-m", 1), BEGUN).verdict is None:
            await told.get()

    waiting = [one.message for one in preflights.results.values() if "asked first" in one.message]
    assert waiting == ["16 other versions of its namespace are asked first"] * 24
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_without_pods_it_waits_until_there_are_some(stand: Stand, pod: FakePod) -> None:
    stand.pods = []
    stand.preflights.keep(KEY, [stand.subject(artifact=False, requests=[ASKED])])
    waits = await stand.until(lambda result: "none of its pods" in result.message)
    assert waits.verdict is None

    stand.pods = [pod]

    assert (await stand.until(lambda result: result.verdict is not None)).verdict is Verdict.PASS


async def test_a_pod_that_is_gone_is_not_waited_for(stand: Stand, pod: FakePod) -> None:
    pod.statuses = [503] * 100
    stand.preflights.keep(KEY, [stand.subject(artifact=False, requests=[ASKED])])
    await stand.until(lambda result: "HTTP 503" in result.message)

    async with FakePod("sms-1").serving() as other:
        stand.pods = [other]
        result = await stand.until(lambda result: result.verdict is not None)

    assert result.verdict is Verdict.PASS
    assert len(other.requests) == 1


async def test_every_pod_is_asked_and_one_that_answers_wrongly_is_enough(stand: Stand, pod: FakePod) -> None:
    async with FakePod("sms-1").serving() as other, FakePod("sms-2").serving() as third:
        stand.pods = [pod, other, third]
        right = await stand.comes_to(artifact=False, requests=[ASKED])
        assert right.message == "its 3 pods answered 1 request as expected"
        assert [len(one.requests) for one in stand.pods] == [1, 1, 1]

        other.prediction = {"label": "debit"}
        stand.preflights.keep(KEY, [])
        wrong = await stand.comes_to(artifact=False, requests=[ASKED])

    assert wrong.verdict is Verdict.FAIL
    assert wrong.message.startswith("sms-1: ")


# What the version was calibrated with


async def test_a_version_that_reproduces_its_calibration_passes_and_its_digest_is_known(
    stand: Stand, pod: FakePod
) -> None:
    pod.calibration = calibrated()

    result = await stand.comes_to(digest=DIGEST)

    assert (result.verdict, result.digest) == (Verdict.PASS, DIGEST)
    assert result.message == "its pod answered 20 calibration inputs as expected"
    assert [len(body["instances"]) for body in pod.bodies] == [16, 4]


async def test_a_prediction_beyond_the_tolerance_fails(stand: Stand, pod: FakePod) -> None:
    pod.calibration = calibrated(examples=[*EXAMPLES, {"instance": "t", "prediction": {"score": 0.54}}])

    result = await stand.comes_to()

    assert result.verdict is Verdict.FAIL
    assert result.message == "sms-0: calibration example 20: score is 0.51, expected 0.54 (tolerance 0.02)"


async def test_fewer_predictions_than_inputs_fail(stand: Stand, pod: FakePod) -> None:
    pod.calibration = calibrated()
    pod.raw = b'{"predictions": []}'

    result = await stand.comes_to()

    assert result.verdict is Verdict.FAIL
    assert result.message == "sms-0: calibration examples 0 to 15: expected 16 predictions"


async def test_another_digest_than_the_versions_fails_before_anything_is_asked(stand: Stand, pod: FakePod) -> None:
    other = "sha256:" + "b" * 64
    pod.calibration = calibrated()

    result = await stand.comes_to(digest=other)

    assert result.verdict is Verdict.FAIL
    assert result.message == f"sms-0: it serves the digest {DIGEST}, expected {other}"
    assert pod.bodies == []


async def test_pods_that_serve_different_digests_fail(stand: Stand, pod: FakePod) -> None:
    async with FakePod("sms-1").serving() as other:
        stand.pods = [pod, other]
        pod.calibration, other.calibration = calibrated(), calibrated(digest="sha256:" + "b" * 64)
        result = await stand.comes_to()

    assert result.verdict is Verdict.FAIL
    assert "it serves another digest than the other pods" in result.message


async def test_another_version_than_its_own_fails(stand: Stand, pod: FakePod) -> None:
    pod.calibration = calibrated(model_version="1.0.0")

    result = await stand.comes_to()

    assert (result.verdict, result.message) == (Verdict.FAIL, "sms-0: it serves version 1.0.0")


@pytest.mark.parametrize("status", [404, 405, 501])
async def test_a_runtime_that_tells_no_calibration_is_not_asked_for_any(
    stand: Stand, pod: FakePod, status: int
) -> None:
    pod.calibration_statuses = [status]

    result = await stand.comes_to(requests=[ASKED])

    assert (result.verdict, result.digest) == (Verdict.PASS, None)
    assert result.message == "its pod answered 1 request as expected; its runtime tells no calibration inputs"


@pytest.mark.parametrize("settings", [{"requests": [ASKED]}, {"artifact": False, "requests": [ASKED]}])
async def test_a_digest_that_the_runtime_does_not_tell_is_said_to_be_unverified(
    stand: Stand, settings: dict[str, Any]
) -> None:
    result = await stand.comes_to(digest=DIGEST, **settings)

    assert (result.verdict, result.digest) == (Verdict.PASS, None)
    assert result.message.endswith("; its digest was not verified")


@pytest.mark.parametrize("status", [302, 400, 403, 500, 502])
async def test_a_calibration_that_cannot_be_told_is_wrong(stand: Stand, pod: FakePod, status: int) -> None:
    pod.calibration = calibrated()
    pod.calibration_statuses = [status]

    result = await stand.comes_to(requests=[ASKED])

    assert result.verdict is Verdict.FAIL
    assert result.message == f"sms-0: what it was calibrated with: HTTP {status}"
    assert pod.bodies == []


@pytest.mark.parametrize("status", [503, 504])
async def test_a_calibration_that_cannot_be_told_yet_is_asked_for_again(
    stand: Stand, pod: FakePod, status: int
) -> None:
    pod.calibration = calibrated()
    pod.calibration_statuses = [status, status]

    result = await stand.comes_to(digest=DIGEST)

    assert (result.verdict, result.digest) == (Verdict.PASS, DIGEST)


@pytest.mark.parametrize(
    "told",
    [[], {}, {"digest": "x"}, calibrated(digest="sha256:no"), calibrated(examples=[1]), "<html>"],
    ids=lambda told: json.dumps(told)[:40],
)
async def test_a_calibration_that_cannot_be_read_is_wrong(stand: Stand, pod: FakePod, told: Any) -> None:
    pod.calibration = told

    result = await stand.comes_to(digest=DIGEST, requests=[ASKED])

    assert result.verdict is Verdict.FAIL
    assert result.message.startswith("sms-0: what it was calibrated with ")
    assert pod.bodies == []


async def test_where_there_is_nothing_to_ask_it_says_so(stand: Stand) -> None:
    result = await stand.comes_to()

    assert result.verdict is Verdict.PASS
    assert result.message == "there is nothing to ask; its runtime tells no calibration inputs"


# What is asked when


async def test_an_attempt_is_asked_once_for_as_long_as_it_is_wanted(stand: Stand, pod: FakePod) -> None:
    subject = stand.subject(artifact=False, requests=[ASKED])
    stand.preflights.keep(KEY, [subject])
    await stand.until(lambda result: result.verdict is not None)

    stand.preflights.keep(KEY, [subject])
    assert stand.preflights.results["uid", 1].verdict is Verdict.PASS
    stand.preflights.keep(KEY, [])
    assert stand.preflights.results == {}
    assert len(pod.requests) == 1

    stand.preflights.keep(KEY, [replace(subject, attempt=2)])
    await stand.until(lambda result: result.verdict is not None)
    assert len(pod.requests) == 2


async def test_who_is_no_longer_wanted_is_no_longer_asked(stand: Stand, pod: FakePod) -> None:
    pod.gate.clear()
    stand.preflights.keep(KEY, [stand.subject(artifact=False, requests=[ASKED])])
    async with asyncio.timeout(20):
        await pod.came.wait()

    stand.preflights.keep(KEY, [])
    pod.gate.set()

    assert stand.preflights.results == {}
    assert (await stand.comes_to(artifact=False, requests=[ASKED_V2])).verdict is Verdict.PASS
    assert len(pod.requests) == 2

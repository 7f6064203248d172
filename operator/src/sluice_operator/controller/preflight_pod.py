"""Asking one pod what a version is to answer before it gets any traffic.

The pod is asked itself, in the words of its clients, and every request is marked as synthetic, so that it is never
evidence. A connection that fails, 429, 503 and 504 pass: the same is asked again, for as long as the caller waits. Any
other answer is final. What comes back is bounded, and only compared.
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import aiohttp
from pydantic import BaseModel, Field, ValidationError
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, wait_random_exponential

from ..api.preflight import Preflight
from ..rollout.answers import THOUSANDTH, Closeness, first_gap, printable
from ..routing.httproute import TRAFFIC_HEADER

MAX_ANSWER_BYTES = 1 << 20
_REQUEST_SECONDS = 60.0
_CONNECT_SECONDS = 5.0
_PASSING = frozenset({429, 503, 504})
_NONE_TO_TELL = frozenset({404, 405, 501})
"""What a runtime answers that knows no calibration inputs. Anything else is one that should tell them and cannot."""
_CALIBRATION = "what it was calibrated with"
_BATCH = 16
"""Examples in a request: as many as the predictor itself tried at once when it was loaded."""
_WORDS = 120
_PAUSE = wait_random_exponential(multiplier=0.2, max=5)
_HEADERS = {TRAFFIC_HEADER: "synthetic", "Accept": "application/json", "Accept-Encoding": "identity"}


class WrongAnswerError(Exception):
    """A pod did not answer as it should; the message says where, what came and what was expected."""


class NoAnswerError(Exception):
    """A pod did not answer; it may when it is asked again."""


@dataclass(frozen=True, slots=True)
class Questions:
    """What is asked."""

    model: str
    version: str
    digest: str | None
    """The digest that the version must have, if anybody said."""
    settings: Preflight


@dataclass(frozen=True, slots=True)
class Answered:
    """What a pod that answered as it should has answered."""

    digest: str | None = None
    """The digest that it says it serves."""
    examples: int | None = None
    """How many calibration inputs it reproduced; None where its runtime has none to tell."""


class _Example(BaseModel):
    instance: Any
    prediction: dict[str, Any]


class _Calibration(BaseModel):
    """What the predictor says it was calibrated with."""

    model_version: Annotated[str, Field(max_length=63)]
    digest: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
    tolerance: Annotated[float, Field(ge=0, le=1)]
    examples: Annotated[list[_Example], Field(max_length=256)]


class Pod:
    """One pod that is asked.

    Args:
        url: Where it answers.
        session: What it is asked with.
        there: Whether it is still there to be asked again.
        trouble: Told of each time that it did not answer.
    """

    def __init__(
        self, url: str, *, session: aiohttp.ClientSession, there: Callable[[], bool], trouble: Callable[[str], None]
    ) -> None:
        self._url = url
        self._session = session
        self._there = there
        self._trouble = trouble

    async def answer(self, questions: Questions) -> Answered:
        """Ask everything, in order.

        Raises:
            WrongAnswerError: at the first answer that is not as it should be.
            NoAnswerError: when it did not answer, and is no longer there.
        """
        answered = await self._calibration(questions) if questions.settings.artifact else Answered()
        for number, request in enumerate(questions.settings.requests):
            place = f"requests[{number}]"
            path = f"/v1/models/{questions.model}:predict"
            if "inputs" in request.body:
                path = f"/v2/models/{questions.model}/infer"
            answer = await self._infer(path, request.body, place=place)
            gap = first_gap(request.expect, answer, near=THOUSANDTH)
            if gap is not None:
                raise WrongAnswerError(f"{place}: {gap}")
        return answered

    async def _calibration(self, questions: Questions) -> Answered:
        status, raw = await self._ask("GET", f"/v2/models/{questions.model}/calibration")
        if status in _NONE_TO_TELL:
            return Answered()
        if status != 200:
            raise WrongAnswerError(f"{_CALIBRATION}: HTTP {status}")
        answer = _parsed(raw)
        if not isinstance(answer, dict):
            raise WrongAnswerError(f"{_CALIBRATION} is not a JSON object of at most {MAX_ANSWER_BYTES >> 20} MiB")
        try:
            told = _Calibration.model_validate(answer)
        except ValidationError as error:
            first = error.errors(include_input=False)[0]
            place = ".".join(map(str, first["loc"]))
            raise WrongAnswerError(f"{_CALIBRATION} cannot be read: {place}: {first['msg']}") from None
        if told.model_version != questions.version:
            raise WrongAnswerError(f"it serves version {printable(told.model_version, 63)}")
        if questions.digest is not None and told.digest != questions.digest:
            raise WrongAnswerError(f"it serves the digest {told.digest}, expected {questions.digest}")
        for start in range(0, len(told.examples), _BATCH):
            await self._reproduce(told, start, model=questions.model)
        return Answered(digest=told.digest, examples=len(told.examples))

    async def _reproduce(self, told: _Calibration, start: int, *, model: str) -> None:
        batch = told.examples[start : start + _BATCH]
        body = {"instances": [example.instance for example in batch]}
        place = f"calibration examples {start} to {start + len(batch) - 1}"
        answer = await self._infer(f"/v1/models/{model}:predict", body, place=place)
        predictions = answer.get("predictions") if isinstance(answer, dict) else None
        if not isinstance(predictions, list) or len(predictions) != len(batch):
            raise WrongAnswerError(f"{place}: expected {len(batch)} predictions")
        near = Closeness(absolute=told.tolerance)
        for number, (example, prediction) in enumerate(zip(batch, predictions, strict=True), start=start):
            gap = first_gap(example.prediction, prediction, near=near)
            if gap is not None:
                raise WrongAnswerError(f"calibration example {number}: {gap} (tolerance {told.tolerance:g})")

    async def _infer(self, path: str, body: Any, *, place: str) -> Any:
        status, raw = await self._ask("POST", path, body)
        answer = _parsed(raw)
        if status != 200:
            said = answer.get("error") if isinstance(answer, dict) else None
            words = f": {printable(said, _WORDS)}" if isinstance(said, str) else ""
            raise WrongAnswerError(f"{place}: HTTP {status}{words}")
        if answer is None:
            raise WrongAnswerError(f"{place}: the answer is not JSON of at most {MAX_ANSWER_BYTES >> 20} MiB")
        return answer

    async def _ask(self, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
        """The status and the body of an answer; one that is too large is empty."""
        retrying = AsyncRetrying(
            retry=retry_if_exception(lambda error: isinstance(error, NoAnswerError) and self._there()),
            wait=_PAUSE,
            before_sleep=self._tell,
            reraise=True,
        )
        async for attempt in retrying:
            with attempt:
                return await self._once(method, path, body)
        raise AssertionError("tenacity ends with a result or an error")

    def _tell(self, state: RetryCallState) -> None:
        self._trouble(str(state.outcome.exception() if state.outcome else ""))

    async def _once(self, method: str, path: str, body: Any) -> tuple[int, bytes]:
        limit = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS)
        try:
            asking = self._session.request(
                method, self._url + path, json=body, headers=_HEADERS, timeout=limit, allow_redirects=False
            )
            # Not aiohttp's own total: a cancellation that comes at the moment in which that is over gets lost.
            async with asyncio.timeout(_REQUEST_SECONDS), asking as response:
                if response.status in _PASSING:
                    raise NoAnswerError(f"HTTP {response.status}")
                return response.status, await _bounded(response)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise NoAnswerError(_why(error)) from error


def _why(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        return "it takes no connection"
    return "it does not answer in time" if isinstance(error, TimeoutError) else "it broke off"


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    raw = bytearray()
    async for chunk in response.content.iter_any():
        raw += chunk
        if len(raw) > MAX_ANSWER_BYTES:
            return b""
    return bytes(raw)


def _parsed(raw: bytes) -> Any:
    """The answer, None where it is not JSON."""
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return None

"""Asking queries of one's own, beside the shared questions and apart from them: a slow one delays nobody but its like.

A few are asked at a time, each once an interval, with little patience and for a short answer. Each is evaluated at
whole multiples of the interval, so that an operator that starts again finds the same numbers.
"""

import asyncio
import logging
import math
from collections.abc import Callable, Mapping

from ..analysis.counts import History
from ..analysis.gates import Missing, Values
from .client import PrometheusClient, PrometheusError
from .custom import Answer, longer, read_answer, read_custom
from .history import MOST_BACK, OVERLAP
from .predictor import Question, Target

log = logging.getLogger(__name__)

_AT_ONCE = 4
_SECONDS = 2.0
"""How long one query may take."""
_WORDS = 300


class OwnQueries:
    """The queries that the gates of the watched versions have of their own."""

    def __init__(
        self,
        *,
        client: PrometheusClient,
        interval: float,
        watched: Callable[[], Mapping[Target, Question]],
        clock: Callable[[], float],
    ) -> None:
        """Ask every `interval` seconds what is watched; `clock` is the time in Unix seconds."""
        self._client = client
        self._interval = interval
        self._step = max(1, math.ceil(interval))
        self._watched = watched
        self._clock = clock
        self._answers: dict[str, Answer] = {}
        self._turn = asyncio.Semaphore(_AT_ONCE)

    async def run(self) -> None:
        """Ask for ever. Nothing is asked while nothing is watched."""
        while True:
            await self.ask()
            await asyncio.sleep(self._interval)

    async def ask(self) -> None:
        """Ask each query once; those that are no longer watched are forgotten."""
        wanted: dict[str, float] = {}
        now = self._clock()
        for question in self._watched().values():
            further = 0.0 if question.since is None else min(now - question.since, MOST_BACK)
            for custom in question.custom:
                for text in custom.texts:
                    seconds = max(custom.seconds + custom.looks * self._step, further)
                    wanted[text] = max(seconds, wanted.get(text, 0.0))
        self._answers = {text: answer for text, answer in self._answers.items() if text in wanted}
        await asyncio.gather(*(self._refresh(text, seconds) for text, seconds in wanted.items()))

    def said(self, question: Question) -> dict[str, History | Values | Missing]:
        """What the queries of a version's gates gave, by the name of the gate."""
        return {custom.gate: read_custom(custom, self._answers) for custom in question.custom}

    async def _refresh(self, text: str, seconds: float) -> None:
        async with self._turn:
            now = self._clock()
            until = math.floor(now / self._step) * self._step
            start = first = math.floor((now - seconds) / self._step - 1) * self._step
            known = self._answers.get(text)
            if known is not None and (known.problem is not None or not known.since <= first <= known.until <= until):
                known = None
            if known is not None:
                start = max(first, math.floor((known.until - OVERLAP) / self._step) * self._step)
            try:
                series = await self._client.over_time(text, start=start, end=until, step=self._step, seconds=_SECONDS)
            except PrometheusError as error:
                self._answers[text] = Answer(start, until, problem=f"Prometheus says: {str(error)[:_WORDS]}")
                return
            except Exception as error:
                log.exception("the answer to a query could not be read")
                self._answers[text] = Answer(start, until, problem=f"its answer cannot be read: {type(error).__name__}")
                return
            news = read_answer(series, since=start, until=until)
            self._answers[text] = longer(known, news, since=first) if known is not None else news

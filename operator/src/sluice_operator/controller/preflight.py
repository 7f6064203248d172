"""Preflight: versions are asked alone, beside the reconciles, which only look at how far that has come.

One task for each attempt of a version asks every pod that answers, also those that come meanwhile, until all have
passed, one has failed, or the time is over. Results live in memory, for as long as reconciles want them; who forgets
asks again. Only so many versions are asked at once, and half as many of one namespace, so that one whose pods never
answer keeps no other from its turn. The time of a version that waits for it does not run.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

import aiohttp

from ..api.base import format_duration
from ..api.status import Verdict
from ..kube.reflector import Key
from ..rollout.plan import Plan
from ..rollout.preflight import BEGUN
from ..rollout.snapshot import PreflightResult, Snapshot
from ..serving.pods import PodAddress
from .preflight_pod import Answered, NoAnswerError, Pod, Questions, WrongAnswerError

log = logging.getLogger(__name__)

_AT_ONCE = 32
_AT_ONCE_OF_NAMESPACE = 16
_PODS_AT_ONCE = 4
_LOOK_SECONDS = 1.0
"""Between two looks for pods while there are none."""

Attempt = tuple[str, int]
"""A version's uid and its attempt."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A version that is to be asked."""

    key: Key
    """Namespace and model."""
    uid: str
    attempt: int
    backend: str
    questions: Questions


@dataclass(slots=True)
class _Progress:
    """How far the asking of a version has come."""

    passed: dict[PodAddress, Answered] = field(default_factory=dict)
    pods: int = 0
    trouble: str = ""

    def __str__(self) -> str:
        if not self.pods:
            return "none of its pods is available"
        if not self.passed and not self.trouble:
            return BEGUN
        have = f"{len(self.passed)} of {self.pods} pods have answered"
        return f"{have}; {self.trouble}" if self.trouble else have


class Preflights:
    """All versions that are being asked."""

    def __init__(self, *, pods: Callable[[Subject], Sequence[PodAddress]], changed: Callable[[Key], None]) -> None:
        """Ask nobody yet.

        Args:
            pods: The pods that answer a subject's requests now.
            changed: Told of the model whenever there is something new.
        """
        self._pods = pods
        self._changed = changed
        self._results: dict[Attempt, PreflightResult] = {}
        self._tasks: dict[Key, dict[Attempt, asyncio.Task[None]]] = {}
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._turns_of: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        """By namespace, for as long as somebody has or awaits a turn."""

    @property
    def results(self) -> Mapping[Attempt, PreflightResult]:
        """What has come of the attempts that are or were asked."""
        return self._results

    def keep(self, key: Key, subjects: Sequence[Subject]) -> None:
        """Ask these versions of a model, unless they are or were asked in that attempt, and forget its others."""
        wanted = {(subject.uid, subject.attempt): subject for subject in subjects}
        known = self._tasks.pop(key, {})
        for attempt in known.keys() - wanted.keys():
            known.pop(attempt).cancel()
            self._results.pop(attempt, None)
        for attempt in wanted.keys() - known.keys():
            known[attempt] = asyncio.create_task(self._run(wanted[attempt]))
        if known:
            self._tasks[key] = known

    async def run(self) -> None:
        """Let what is asked be answered until this is cancelled; everything is forgotten then."""
        try:
            await asyncio.Event().wait()
        finally:
            for key in list(self._tasks):
                self.keep(key, ())

    async def _run(self, subject: Subject) -> None:
        own = self._turns_of.setdefault(subject.key[0], asyncio.Semaphore(_AT_ONCE_OF_NAMESPACE))
        if own.locked():
            self._say(subject, None, f"{_AT_ONCE_OF_NAMESPACE} other versions of its namespace are asked first")
        elif self._turns.locked():
            self._say(subject, None, f"{_AT_ONCE} other versions are asked first")
        async with own, self._turns:
            try:
                await self._judge(subject)
            except Exception:
                log.exception("a preflight failed", extra={"namespace": subject.key[0], "model": subject.key[1]})
                self._say(subject, None, "it cannot be asked; the operator's log says why")

    async def _judge(self, subject: Subject) -> None:
        settings = subject.questions.settings
        progress = _Progress()
        try:
            async with asyncio.timeout(settings.timeout.total_seconds()):
                answered = await self._ask_all(subject, progress)
        except TimeoutError:
            self._say(subject, Verdict.FAIL, f"not over within {format_duration(settings.timeout)}: {progress}")
        except WrongAnswerError as wrong:
            self._say(subject, Verdict.FAIL, str(wrong))
        else:
            told = _told(subject.questions, answered)
            self._say(subject, Verdict.PASS, told, digest=answered[0].digest)

    async def _ask_all(self, subject: Subject, progress: _Progress) -> list[Answered]:
        """Ask until every pod that answers has answered as it should."""
        # A session of its own: no cookie and no connection outlives it.
        async with aiohttp.ClientSession(auto_decompress=False) as session:
            while True:
                pods = self._pods(subject)
                progress.pods = len(pods)
                waiting = [pod for pod in pods if pod not in progress.passed]
                if pods and not waiting:
                    return [progress.passed[pod] for pod in pods]
                self._say(subject, None, str(progress))
                if not pods:
                    await asyncio.sleep(_LOOK_SECONDS)
                asking = [self._ask(subject, pod, session, progress) for pod in waiting[:_PODS_AT_ONCE]]
                await _all_or_first_error(asking)

    async def _ask(
        self, subject: Subject, address: PodAddress, session: aiohttp.ClientSession, progress: _Progress
    ) -> None:
        def there() -> bool:
            return address in self._pods(subject)

        def trouble(what: str) -> None:
            progress.trouble = f"{address.pod}: {what}"
            self._say(subject, None, str(progress))

        pod = Pod(address.url, session=session, there=there, trouble=trouble)
        try:
            answered = await pod.answer(subject.questions)
        except NoAnswerError:
            return  # it is gone: those that are there now are asked
        except WrongAnswerError as wrong:
            raise WrongAnswerError(f"{address.pod}: {wrong}") from wrong
        if any(answered.digest != other.digest for other in progress.passed.values()):
            raise WrongAnswerError(f"{address.pod}: it serves another digest than the other pods")
        progress.passed[address] = answered

    def _say(self, subject: Subject, verdict: Verdict | None, message: str, *, digest: str | None = None) -> None:
        attempt = (subject.uid, subject.attempt)
        result = PreflightResult(attempt=subject.attempt, verdict=verdict, message=message, digest=digest)
        if self._results.get(attempt) != result:
            self._results[attempt] = result
            self._changed(subject.key)


def subjects(snapshot: Snapshot, plan: Plan) -> list[Subject]:
    """What a plan wants to have asked of whom."""
    found = []
    for version in snapshot.versions:
        settings = plan.statuses[version.name].effective_rollout if version.name in plan.preflight else None
        if settings is None:
            continue
        questions = Questions(
            model=snapshot.model,
            version=version.spec.version,
            digest=version.spec.source.digest,
            settings=settings.preflight,
        )
        subject = Subject(
            key=(snapshot.namespace, snapshot.model),
            uid=version.uid,
            attempt=plan.statuses[version.name].attempt or 1,
            backend=version.backend.name,
            questions=questions,
        )
        found.append(subject)
    return found


async def _all_or_first_error(asking: Sequence[Coroutine[None, None, None]]) -> None:
    """Wait for all, or until one of them fails; the others are cancelled then."""
    try:
        async with asyncio.TaskGroup() as group:
            for one in asking:
                group.create_task(one)
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None


def _told(questions: Questions, answered: Sequence[Answered]) -> str:
    """What has passed, in words, and what has not been asked."""
    settings, inputs = questions.settings, answered[0].examples
    asked = [f"{inputs} calibration inputs"] if inputs else []
    if settings.requests:
        asked.append(f"{len(settings.requests)} request{'s' if len(settings.requests) > 1 else ''}")
    pods = "its pod" if len(answered) == 1 else f"its {len(answered)} pods"
    told = f"{pods} answered {' and '.join(asked)} as expected" if asked else "there is nothing to ask"
    if settings.artifact and not inputs:
        told = f"{told}; its runtime tells no calibration inputs"
    unverified = questions.digest is not None and answered[0].digest is None
    return f"{told}; its digest was not verified" if unverified else told

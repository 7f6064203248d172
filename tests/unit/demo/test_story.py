"""The story ends well only if each version comes to the end that it must have, for the reason that it must have."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from hack.demo.kube import MODEL_VERSIONS, ROUTES
from hack.demo.observe import Observer
from hack.demo.record import Answer, Chapter
from hack.demo.story import Narrator, Stage, StoryError, tell

STORY = (
    Chapter("1.0.0", "Stable"),
    Chapter("1.1.0", "RolledBack", gate="errors"),
    Chapter("1.3.0", "Stable"),
)


class FakeOperator:
    """A cluster where an applied version comes to a given end at once, and a client that is always answered."""

    def __init__(self, ends):
        self.ends = ends
        self.stable = ""
        self.events = {MODEL_VERSIONS: asyncio.Queue(), ROUTES: asyncio.Queue()}
        self.applied = []
        self.started_after = None
        self.answer = Answer(0.0, 0.01, 200, "1.0.0")

    async def watch(self, resource):
        while True:
            yield "MODIFIED", await self.events[resource].get()

    async def apply(self, manifest):
        version = manifest["version"]
        self.applied.append(version)
        starting = {"type": "Ready", "status": "False", "reason": "Starting", "message": "pulling"}
        self.say(version, phase="Deploying", conditions=[starting])
        end = self.ends.get(version)
        if end is None:
            return
        if end["phase"] == "Stable":
            if self.stable:
                self.say(self.stable, phase="Superseded")
            self.stable = version
        self.say(version, **end)
        self.events[ROUTES].put_nowait(
            {"metadata": {"name": "sms"}, "spec": {"rules": [{"backendRefs": [{"name": f"{self.stable}-predictor"}]}]}}
        )

    def say(self, version, **status):
        self.events[MODEL_VERSIONS].put_nowait(
            {
                "metadata": {"name": f"sms-{version}"},
                "spec": {"model": "sms", "version": version},
                "status": {"inferenceService": version, **status},
            }
        )

    def start(self):
        self.started_after = list(self.applied)

    async def probe(self):
        return self.answer

    async def more(self, count):
        pass


GOOD = {
    "1.0.0": {"phase": "Stable"},
    "1.1.0": {"phase": "RolledBack", "decision": {"gate": "errors", "reason": "7 of 20 requests failed"}},
    "1.3.0": {"phase": "Stable"},
}


@asynccontextmanager
async def stage_of(operator, *, deadline=5.0):
    marks = []
    observer = Observer(model="sms", on_change=Narrator(marks.append))
    stage = Stage(
        apply=operator.apply,
        manifest=lambda version: {"version": version},
        observer=observer,
        traffic=operator,
        announce=marks.append,
        deadline=deadline,
    )
    async with observer.watching(operator):
        yield stage, marks


async def otherwise(ends):
    """What the story says when versions come to these ends."""
    async with stage_of(FakeOperator(GOOD | ends), deadline=0.2) as (stage, _):
        with pytest.raises(StoryError) as caught:
            await tell(stage, STORY)
    return str(caught.value)


async def test_versions_are_applied_one_after_another_and_the_client_starts_once_the_first_serves():
    operator = FakeOperator(GOOD)
    async with stage_of(operator) as (stage, _):
        await tell(stage, STORY)

    assert operator.applied == ["1.0.0", "1.1.0", "1.3.0"]
    assert operator.started_after == ["1.0.0"]


async def test_every_turn_is_announced_as_it_happens():
    async with stage_of(FakeOperator(GOOD)) as (stage, marks):
        await tell(stage, STORY)

    told = [(one.kind, one.text) for one in marks if one.version == "1.1.0"]
    assert sorted(told) == [
        ("apply", "applied"),
        ("decision", "7 of 20 requests failed"),
        ("phase", "Deploying"),
        ("phase", "RolledBack"),
    ]


async def test_a_version_that_comes_to_another_end_is_named_with_its_own_words():
    conditions = [
        {"type": "Ready", "status": "True", "reason": "Stable", "message": "all gates pass"},
        {"type": "Stalled", "status": "False", "reason": "None", "message": ""},
    ]

    line = await otherwise({"1.1.0": {"phase": "Stable", "message": "all gates pass", "conditions": conditions}})

    assert line == (
        "1.1.0 was expected RolledBack, is Stable: all gates pass; Stalled=False (None: ); "
        "look at: kubectl describe mv sms-1.1.0"
    )


async def test_a_version_that_was_taken_back_for_another_reason_is_named():
    line = await otherwise({"1.1.0": {"phase": "RolledBack", "decision": {"gate": "slow", "reason": "too slow"}}})

    assert line.startswith("1.1.0 was expected to be taken back by gate errors, was by slow: too slow")


async def test_a_version_that_comes_to_no_end_is_named_at_the_deadline_with_its_conditions():
    line = await otherwise({"1.3.0": None})

    assert line.startswith("1.3.0 was expected Stable, is Deploying: Ready=False (Starting: pulling) after 0 s")
    assert line.endswith("look at: kubectl describe mv sms-1.3.0")


async def test_a_gateway_that_does_not_serve_is_named():
    operator = FakeOperator(GOOD)
    operator.answer = Answer(0.0, 0.01, 503, None, "no healthy upstream")

    async with stage_of(operator, deadline=0.1) as (stage, _):
        with pytest.raises(StoryError, match="the gateway does not serve sms: no healthy upstream"):
            await tell(stage, STORY)

"""Telling of an event never delays or fails what it tells of."""

import asyncio
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from sluice_operator.kube.errors import ConflictError, NotFoundError, UnavailableError
from sluice_operator.kube.events import Event, EventRecorder, render_event

NOW = datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)


def event(note="it was rolled back", name="sms-1-1-0"):
    about = {
        "apiVersion": "sluice.dev/v1alpha1",
        "kind": "ModelVersion",
        "metadata": {"name": name, "namespace": "default", "uid": "u", "resourceVersion": "7"},
    }
    return Event(about=about, kind="Warning", reason="RolledBack", action="Rollback", note=note)


class Api:
    """Fails as it is told to, then works."""

    def __init__(self, *failures):
        self.failures = list(failures)
        self.written = []
        self.counted = []

    async def create(self, resource, *, namespace, body):
        del resource, namespace
        if self.failures:
            raise self.failures.pop(0)
        self.written.append(body)

    async def merge_patch(self, resource, *, namespace, name, body):
        assert (resource.plural, namespace) == ("events", "default")
        if self.failures:
            raise self.failures.pop(0)
        self.counted.append((name, body["series"]["count"]))


async def flushed(api, *events):
    recorder = EventRecorder(gateway=api, instance="sluice-0")
    task = asyncio.create_task(recorder.run())
    for one in events:
        recorder.record(one)
    async with asyncio.timeout(5):
        await recorder.flush()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_events_are_written_in_order():
    api = Api()
    await flushed(api, event("one"), event("two"))

    assert [body["note"] for body in api.written] == ["one", "two"]


async def test_an_event_that_is_refused_does_not_stop_the_next():
    api = Api(UnavailableError(503, "later"), ConflictError(409, "there"))
    await flushed(api, event("one"), event("two"), event("three"))

    assert [body["note"] for body in api.written] == ["three"]


async def test_when_nobody_writes_them_events_are_dropped_and_not_waited_for():
    recorder = EventRecorder(gateway=Api(), instance="sluice-0")
    for _ in range(5000):
        recorder.record(event())


def test_an_event_says_about_what_by_whom_and_when():
    body = render_event(event(), instance="sluice-0", now=NOW)

    assert body["regarding"] == {
        "apiVersion": "sluice.dev/v1alpha1",
        "kind": "ModelVersion",
        "name": "sms-1-1-0",
        "namespace": "default",
        "uid": "u",
    }
    assert (body["reportingController"], body["reportingInstance"]) == ("sluice.dev/operator", "sluice-0")
    assert body["eventTime"] == "2026-01-01T12:00:00.123456Z"
    assert (body["type"], body["reason"], body["action"]) == ("Warning", "RolledBack", "Rollback")


@given(st.text(max_size=3000), st.from_regex(r"[a-z0-9]([-a-z0-9.]{0,250}[a-z0-9])?", fullmatch=True))
def test_an_event_keeps_within_what_the_api_server_takes(note, name):
    body = render_event(event(note, name), instance="i" * 500, now=NOW)

    assert len(body["note"].encode()) <= 1024
    assert note.startswith(body["note"])
    assert len(body["metadata"]["name"]) <= 253
    assert len(body["reportingInstance"]) <= 128


async def test_what_is_told_again_is_counted_in_one_event():
    api = Api()
    await flushed(api, event(), event(), event("something else"), event())

    assert [body["note"] for body in api.written] == ["it was rolled back", "something else"]
    name = api.written[0]["metadata"]["name"]
    assert api.counted == [(name, 2), (name, 3)]
    assert "series" not in api.written[0], "one is no series"


class Expired(Api):
    """Its Events are gone before they are counted."""

    async def merge_patch(self, resource, *, namespace, name, body):
        del resource, namespace, body
        raise NotFoundError(404, name)


async def test_an_event_that_has_expired_is_written_anew_with_its_count():
    api = Expired()
    await flushed(api, event(), event())

    assert [body.get("series", {}).get("count") for body in api.written] == [None, 2]
    assert len({body["metadata"]["name"] for body in api.written}) == 2


async def test_an_event_whose_writing_failed_is_written_when_it_is_told_again():
    api = Api(UnavailableError(503, "later"))
    await flushed(api, event(), event())

    assert [body["series"]["count"] for body in api.written] == [2]
    assert api.counted == []


async def test_one_object_cannot_flood_the_api_server():
    api = Api()
    await flushed(api, *(event(f"note {n}") for n in range(900)))

    assert len(api.written) == 25

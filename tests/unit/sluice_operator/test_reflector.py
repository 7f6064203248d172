"""A local copy follows the API server through every kind of failure, and never hammers it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from scripted_api import WIDGETS, ScriptedApi, page, refuses, says, serving, streams, widget

from sluice_operator.kube import reflector as reflector_module
from sluice_operator.kube.errors import GoneError, UnavailableError
from sluice_operator.kube.reflector import Reflector


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr(reflector_module, "_PAUSE_BASE", 0.001)


class Follower:
    """A reflector and what it said had changed."""

    def __init__(self, gateway, **fields):
        self.changed: list[str] = []
        self.objects = []
        self.stood = []
        self._news = asyncio.Event()
        self.copy = Reflector(
            gateway=gateway,
            resource=WIDGETS,
            changed=self._note,
            index=lambda obj: ("default", obj["metadata"].get("labels", {}).get("group", "none")),
            **fields,
        )

    def _note(self, obj):
        self.changed.append(obj["metadata"]["name"])
        self.objects.append(obj)
        self.stood.append(self.copy.get((obj["metadata"]["namespace"], obj["metadata"]["name"])) is not None)
        self._news.set()

    def names(self):
        return sorted(obj["metadata"]["name"] for obj in self.copy.all())

    async def until(self, condition):
        async with asyncio.timeout(5):
            while not condition():
                self._news.clear()
                await self._news.wait()


@asynccontextmanager
async def following(api: ScriptedApi, **fields) -> AsyncIterator[Follower]:
    """A reflector that runs against a scripted API server."""
    async with serving(api) as gateway:
        follower = Follower(gateway, **fields)
        task = asyncio.create_task(follower.copy.run())
        try:
            yield follower
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def event(kind, name, version, **meta):
    return {"type": kind, "object": widget(name, version, **meta)}


@asynccontextmanager
async def scripted(*answers, **fields):
    """Follow through these answers; the last one is a watch that stays open."""
    over = asyncio.Event()
    api = ScriptedApi([*answers, streams(then=over.wait)])
    async with following(api, **fields) as follower:
        try:
            yield api, follower
        finally:
            over.set()


async def test_a_collection_is_listed_in_pages_and_then_watched_from_there():
    pages = [page(widget("a", 1), version=7, more="next"), page(widget("b", 2), version=7)]
    async with scripted(*pages, streams(event("ADDED", "c", 8))) as (api, follower):
        await follower.until(lambda: follower.names() == ["a", "b", "c"])

    first, second, watch = api.asked[:3]
    assert first.query == {"limit": "500"}
    assert second.query == {"limit": "500", "continue": "next"}
    assert watch.query["resourceVersion"] == "7"
    assert watch.query["allowWatchBookmarks"] == "true"


async def test_the_copy_is_in_sync_only_after_the_whole_list():
    async with scripted(refuses(503), page(widget("a", 1))) as (_, follower):
        assert not follower.copy.synced.is_set()
        async with asyncio.timeout(5):
            await follower.copy.synced.wait()
        assert follower.names() == ["a"]


async def test_changes_come_through_and_managed_fields_do_not():
    changes = [event("MODIFIED", "a", 2, managedFields=[{"manager": "m"}]), event("ADDED", "b", 3)]
    async with scripted(page(widget("a", 1)), streams(*changes)) as (_, follower):
        await follower.until(lambda: follower.names() == ["a", "b"])

    assert follower.changed == ["a", "a", "b"]
    assert "managedFields" not in follower.copy.get(("default", "a"))["metadata"]


async def test_what_is_deleted_leaves_the_copy_and_its_index():
    labelled = widget("a", 1, labels={"group": "g"})
    async with scripted(page(labelled), streams({"type": "DELETED", "object": labelled})) as (_, follower):
        await follower.until(lambda: follower.changed == ["a", "a"])

    assert follower.copy.get(("default", "a")) is None
    assert list(follower.copy.indexed(("default", "g"))) == []


async def test_an_object_whose_index_changes_is_found_under_the_new_one_alone_and_both_are_told():
    before, after = widget("a", 1, labels={"group": "g"}), widget("a", 2, labels={"group": "h"})
    moved, gone = {"type": "MODIFIED", "object": after}, {"type": "DELETED", "object": after}
    async with scripted(page(before), streams(moved)) as (_, follower):
        await follower.until(lambda: len(follower.changed) == 3)
        assert list(follower.copy.indexed(("default", "g"))) == []
        assert [obj["metadata"]["name"] for obj in follower.copy.indexed(("default", "h"))] == ["a"]
    assert [obj["metadata"]["labels"]["group"] for obj in follower.objects] == ["g", "h", "g"]

    async with scripted(page(before), streams(moved, gone)) as (_, follower):
        await follower.until(lambda: len(follower.changed) == 4)
        assert list(follower.copy.indexed(("default", "h"))) == []
    assert [obj["metadata"]["labels"]["group"] for obj in follower.objects] == ["g", "h", "g", "h"]


async def test_objects_are_found_by_their_index():
    items = [widget("a", 1, labels={"group": "g"}), widget("b", 2, labels={"group": "g"}), widget("c", 3)]
    async with scripted(page(*items)) as (_, follower):
        await follower.copy.synced.wait()

    assert [obj["metadata"]["name"] for obj in follower.copy.indexed(("default", "g"))] == ["a", "b"]


@pytest.mark.parametrize("cut", [True, False])
async def test_a_watch_that_ends_is_resumed_where_it_was(cut):
    bookmark = {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "9"}}}
    first, second = streams(event("ADDED", "b", 8), bookmark), streams(event("ADDED", "c", 10), cut=cut)
    async with scripted(page(widget("a", 1), version=7), first, second) as (api, follower):
        await follower.until(lambda: follower.names() == ["a", "b", "c"])
        asked = list(api.asked)

    assert [a.query.get("resourceVersion") for a in asked[1:3]] == ["7", "9"]
    assert sum("watch" not in a.query for a in asked) == 1, "the list is not repeated"


async def test_a_watch_that_is_cut_does_not_show_the_past_as_news():
    seen = asyncio.Event()
    first = streams(event("ADDED", "b", 8), then=seen.wait, cut=True)
    async with scripted(page(widget("a", 1), version=7), first, streams(event("ADDED", "c", 9))) as (api, follower):
        await follower.until(lambda: follower.names() == ["a", "b"])
        seen.set()
        await follower.until(lambda: follower.names() == ["a", "b", "c"])
        asked = list(api.asked)

    assert [a.query.get("resourceVersion") for a in asked[1:3]] == ["7", "8"]


GONE_EVENT = {"type": "ERROR", "object": {"kind": "Status", "code": 410, "message": "too old"}}


@pytest.mark.parametrize("gone", [refuses(410), streams(GONE_EVENT)], ids=["status", "event"])
async def test_when_history_is_gone_the_list_is_read_again_and_what_vanished_is_told(gone):
    before, after = page(widget("a", 1), widget("b", 2)), page(widget("b", 3), version=50)
    async with scripted(before, gone, after) as (_, follower):
        await follower.until(lambda: follower.names() == ["b"])

    assert follower.changed[:2] == ["a", "b"]
    assert "a" in follower.changed[2:], "whoever looked after it must look again"


async def test_an_object_that_was_made_anew_meanwhile_is_another_one_and_the_first_is_told_to_be_gone():
    before, after = page(widget("a", 1, uid="first")), page(widget("a", 3, uid="second"), version=50)
    async with scripted(before, refuses(410), after) as (_, follower):
        await follower.until(lambda: len(follower.objects) == 3)

    assert [obj["metadata"]["uid"] for obj in follower.objects] == ["first", "first", "second"]
    assert follower.stood == [True, False, True]


@pytest.mark.parametrize(
    "trouble",
    [
        says("<html>bad gateway</html>", status=503),
        refuses(429),
        refuses(403),
        streams({"type": "ERROR", "object": {"code": 500, "message": "etcd"}}),
        streams(event("ADDED", "b", 8), cut=True),
    ],
    ids=["html", "busy", "forbidden", "error-event", "cut"],
)
async def test_trouble_passes_and_nothing_is_lost(trouble):
    async with scripted(page(widget("a", 1), version=7), trouble, streams(event("ADDED", "c", 9))) as (_, follower):
        await follower.until(lambda: "c" in follower.names())

    assert "a" in follower.names()


async def test_a_silent_watch_is_dead_and_begun_again(monkeypatch):
    monkeypatch.setattr(reflector_module, "_IDLE", 0.05)
    over = asyncio.Event()
    silent = streams(then=over.wait)
    async with scripted(page(widget("a", 1), version=7), silent, streams(event("ADDED", "b", 8))) as (_, follower):
        await follower.until(lambda: follower.names() == ["a", "b"])
        over.set()


async def test_only_what_is_selected_is_asked_for():
    async with scripted(page(), label_selector="sluice.dev/model") as (api, follower):
        await follower.copy.synced.wait()

    assert api.asked[0].query["labelSelector"] == "sluice.dev/model"


async def test_each_namespace_is_followed_by_itself_and_the_copy_is_whole_when_all_are():
    over = asyncio.Event()
    held = asyncio.Event()
    listed = {"a": page(widget("x", 1, namespace="a")), "b": page(widget("x", 1, namespace="b"))}

    async def answer(request):
        namespace = request.path.split("/namespaces/")[1].split("/")[0]
        if "watch" in request.query:
            return await streams(then=over.wait)(request)
        if namespace == "b":
            await held.wait()
        return await listed[namespace](request)

    api = ScriptedApi([answer])
    async with following(api, namespaces=("a", "b")) as follower:
        await follower.until(lambda: follower.changed == ["x"])
        assert not follower.copy.synced.is_set()
        held.set()
        await follower.copy.synced.wait()
        assert sorted(key for key in [("a", "x"), ("b", "x")] if follower.copy.get(key)) == [("a", "x"), ("b", "x")]
        over.set()
    assert {one.path for one in api.asked} == {f"/apis/demo.example.com/v1/namespaces/{n}/widgets" for n in "ab"}


async def test_what_is_gone_from_one_namespace_is_not_gone_from_another():
    over = asyncio.Event()
    lists = {"a": [page(widget("x", 1, namespace="a")), page()], "b": [page(widget("x", 1, namespace="b"))]}

    async def answer(request):
        namespace = request.path.split("/namespaces/")[1].split("/")[0]
        if "watch" not in request.query:
            return await lists[namespace].pop(0)(request)
        if lists[namespace]:
            return await refuses(410)(request)
        return await streams(then=over.wait)(request)

    async with following(ScriptedApi([answer]), namespaces=("a", "b")) as follower:
        await follower.until(lambda: len(follower.changed) == 3)
        assert follower.copy.get(("a", "x")) is None
        assert follower.copy.get(("b", "x")) is not None
        over.set()


# How often it asks, in virtual time


class Failing:
    """A gateway that counts what it is asked, and fails in one way for ever."""

    def __init__(self, *, watch_error=None, list_error=None):
        self.lists = self.watches = 0
        self._watch_error, self._list_error = watch_error, list_error

    async def list(self, resource, query, *, namespace):
        del resource, query, namespace
        self.lists += 1
        if self._list_error is not None:
            raise self._list_error
        return {"metadata": {"resourceVersion": "1"}, "items": []}

    @asynccontextmanager
    async def watch(self, resource, query, *, idle, namespace):
        del resource, query, idle, namespace
        self.watches += 1
        if self._watch_error is not None:
            raise self._watch_error

        async def nothing():
            return
            yield

        yield nothing()


@pytest.mark.looptime
@pytest.mark.parametrize(
    "gateway",
    [
        Failing(list_error=UnavailableError(0, "refused")),
        Failing(watch_error=UnavailableError(503, "busy")),
        Failing(watch_error=GoneError(410, "gone")),
        Failing(),
    ],
    ids=["no-list", "no-watch", "always-gone", "closed-at-once"],
)
async def test_an_api_server_in_trouble_is_asked_less_and_less(gateway, monkeypatch):
    monkeypatch.setattr(reflector_module, "_PAUSE_BASE", 0.2)
    task = asyncio.create_task(Follower(gateway).copy.run())
    await asyncio.sleep(60)
    first = gateway.lists + gateway.watches
    await asyncio.sleep(3600)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert first <= 30
    assert gateway.lists + gateway.watches - first <= 2 * 3600 / 15 + 10


@pytest.mark.looptime
async def test_an_api_server_that_says_when_to_come_back_is_not_asked_before():
    gateway = Failing(list_error=UnavailableError(429, "busy", retry_after=20))
    task = asyncio.create_task(Follower(gateway).copy.run())
    await asyncio.sleep(90)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert 3 <= gateway.lists <= 5

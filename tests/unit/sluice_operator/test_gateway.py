"""What goes to the API server, and what its refusals become."""

import asyncio
import json

import pytest
import yaml
from aiohttp import web
from hypothesis import example, given
from hypothesis import strategies as st
from kubernetes.aio.client import ApiClient, Configuration
from scripted_api import WIDGETS, ScriptedApi, page, refuses, says, serving, streams, widget

from sluice_operator.kube import gateway as gateway_module
from sluice_operator.kube.errors import (
    ApiError,
    ConflictError,
    GoneError,
    InvalidError,
    NotFoundError,
    NotLeaderError,
    UnavailableError,
)
from sluice_operator.kube.gateway import Gateway, Resource

BODY = {"metadata": {"name": "w", "namespace": "default"}, "spec": {"a": 1}}


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, InvalidError),
        (403, InvalidError),
        (404, NotFoundError),
        (409, ConflictError),
        (410, GoneError),
        (422, InvalidError),
        (429, UnavailableError),
        (500, UnavailableError),
        (503, UnavailableError),
    ],
)
async def test_a_refusal_carries_the_servers_own_words(status, error):
    async with serving(ScriptedApi([refuses(status, "spec.model is immutable")])) as gateway:
        with pytest.raises(error, match=f"^{status} spec.model is immutable$"):
            await gateway.apply(WIDGETS, BODY)


async def test_what_a_proxy_answers_is_told_by_its_beginning():
    async with serving(ScriptedApi([says("<html>bad gateway</html>" + "x" * 1000, status=502)])) as gateway:
        with pytest.raises(UnavailableError, match="<html>bad gateway") as caught:
            await gateway.get(WIDGETS, namespace="default", name="w")
    assert len(str(caught.value)) < 300


async def test_an_answer_that_is_not_json_is_none():
    async with serving(ScriptedApi([says("<html>welcome</html>")])) as gateway:
        with pytest.raises(UnavailableError, match="JSON"):
            await gateway.get(WIDGETS, namespace="default", name="w")


async def test_an_answer_in_no_encoding_is_none():
    async def garbage(_):
        return web.Response(body=b"\x80\xff\x00", content_type="application/json")

    async with serving(ScriptedApi([garbage])) as gateway:
        with pytest.raises(UnavailableError, match="DecodeError"):
            await gateway.get(WIDGETS, namespace="default", name="w")


async def test_nobody_listening_is_unavailable():
    async with ApiClient(Configuration(host="http://127.0.0.1:9")) as client:
        with pytest.raises(UnavailableError):
            await Gateway(client).get(WIDGETS, namespace="default", name="w")


async def test_spec_and_status_are_applied_in_the_name_of_two_managers():
    api = ScriptedApi([says(BODY)])
    async with serving(api) as gateway:
        await gateway.apply(WIDGETS, BODY)
        await gateway.apply(WIDGETS, BODY, sub="status")

    spec, status = api.asked
    assert (spec.method, spec.path) == ("PATCH", "/apis/demo.example.com/v1/namespaces/default/widgets/w")
    assert spec.query == {"fieldManager": "sluice", "force": "true"}
    assert spec.content_type == "application/apply-patch+yaml; charset=utf-8"
    assert spec.body == BODY
    assert status.path.endswith("/widgets/w/status")
    assert status.query["fieldManager"] == "sluice-status"


async def test_objects_are_created_patched_and_deleted_where_they_belong():
    api = ScriptedApi([says(BODY)])
    async with serving(api) as gateway:
        await gateway.create(WIDGETS, namespace="default", body=BODY)
        await gateway.merge_patch(WIDGETS, namespace="default", name="w", body={"metadata": {"finalizers": []}})
        await gateway.delete(WIDGETS, widget("w", 7, uid="u"))

    assert [(a.method, a.path.removeprefix("/apis/demo.example.com/v1")) for a in api.asked] == [
        ("POST", "/namespaces/default/widgets"),
        ("PATCH", "/namespaces/default/widgets/w"),
        ("DELETE", "/namespaces/default/widgets/w"),
    ]
    assert api.asked[1].content_type == "application/merge-patch+json"
    assert [asked.query for asked in api.asked] == [{"fieldManager": "sluice"}] * 2 + [{}]


async def test_only_the_object_that_was_looked_at_is_deleted_never_another_that_took_its_name():
    api = ScriptedApi([refuses(409, "the UID in the precondition does not match")])
    async with serving(api) as gateway:
        with pytest.raises(ConflictError):
            await gateway.delete(WIDGETS, widget("w", 7, uid="u"))

    assert api.asked[0].body["preconditions"] == {"uid": "u", "resourceVersion": "7"}


@pytest.mark.parametrize("name", ["../secrets", "a/b", "a?b=c", "a#b", "%2e%2e"])
async def test_a_name_cannot_reach_another_path(name):
    path = WIDGETS.path(namespace="default", name=name)

    assert path.startswith("/apis/demo.example.com/v1/namespaces/default/widgets/")
    assert path.count("/") == 7
    assert "?" not in path
    assert "#" not in path


def test_the_core_group_has_a_path_of_its_own():
    assert Resource("", "v1", "pods").path() == "/api/v1/pods"


async def test_a_watch_gives_events_as_they_come():
    came, went = {"type": "ADDED", "object": widget("a", 1)}, {"type": "DELETED", "object": widget("a", 2)}
    api = ScriptedApi([streams(came, went)])
    async with serving(api) as gateway, gateway.watch(WIDGETS, {"watch": "true"}, idle=5) as events:
        seen = [event["type"] async for event in events]

    assert seen == ["ADDED", "DELETED"]
    assert api.asked[0].query == {"watch": "true"}


async def test_a_watch_that_is_silent_too_long_ends():
    over = asyncio.Event()
    async with serving(ScriptedApi([streams(then=over.wait)])) as gateway:
        with pytest.raises(UnavailableError):
            async with gateway.watch(WIDGETS, {}, idle=0.05) as events:
                async for _ in events:
                    pass
        over.set()


async def test_a_watch_that_is_cut_is_an_error_of_ours():
    api = ScriptedApi([streams({"type": "ADDED", "object": widget("a", 1)}, cut=True)])
    async with serving(api) as gateway:
        with pytest.raises(UnavailableError):
            async with gateway.watch(WIDGETS, {}, idle=5) as events:
                async for _ in events:
                    pass


async def test_a_watch_that_is_refused_says_why():
    async with serving(ScriptedApi([refuses(410, "too old")])) as gateway:
        with pytest.raises(GoneError, match="too old"):
            async with gateway.watch(WIDGETS, {}, idle=5):
                raise AssertionError("it was refused")


async def test_a_page_is_asked_for_as_it_is():
    api = ScriptedApi([page(widget("a", 1))])
    async with serving(api) as gateway:
        found = await gateway.list(WIDGETS, {"limit": "500", "continue": "abc"})

    assert [item["metadata"]["name"] for item in found["items"]] == ["a"]
    assert api.asked[0].query == {"limit": "500", "continue": "abc"}


# Reads are repeated, writes are not


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
async def test_a_read_that_failed_in_passing_is_asked_again(status):
    api = ScriptedApi([refuses(status), says("<html>", status=502), says(BODY)])
    async with serving(api) as gateway:
        assert await gateway.get(WIDGETS, namespace="default", name="w") == BODY

    assert len(api.asked) == 3


async def test_a_list_is_asked_again_with_the_same_question():
    api = ScriptedApi([refuses(503), page(widget("a", 1))])
    async with serving(api) as gateway:
        await gateway.list(WIDGETS, {"limit": "500"})

    assert [asked.query for asked in api.asked] == [{"limit": "500"}] * 2


async def test_a_read_is_not_asked_for_ever():
    api = ScriptedApi([refuses(503, "later")])
    async with serving(api) as gateway:
        with pytest.raises(UnavailableError, match="later"):
            await gateway.get(WIDGETS, namespace="default", name="w")

    assert len(api.asked) == 4


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 410, 422])
async def test_a_read_that_was_refused_is_not_asked_again(status):
    api = ScriptedApi([refuses(status)])
    async with serving(api) as gateway:
        with pytest.raises(ApiError):
            await gateway.get(WIDGETS, namespace="default", name="w")

    assert len(api.asked) == 1


def busy(seconds):
    async def answer(_):
        return web.json_response({"message": "busy"}, status=429, headers={"Retry-After": seconds})

    return answer


@pytest.fixture
def slept(monkeypatch):
    """What was slept, without sleeping it."""
    seconds, really = [], asyncio.sleep

    async def sleep(delay, *rest):
        seconds.append(delay)
        await really(0, *rest)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    return seconds


async def test_the_server_says_how_long_to_wait(slept):
    api = ScriptedApi([busy("7"), says(BODY)])
    async with serving(api) as gateway:
        await gateway.get(WIDGETS, namespace="default", name="w")

    waited = max(slept)
    assert 7 <= waited < 8


@pytest.mark.parametrize("seconds", ["31", "9" * 400])
async def test_a_wait_beyond_the_budget_is_not_begun(seconds):
    api = ScriptedApi([busy(seconds)])
    async with serving(api) as gateway:
        with pytest.raises(UnavailableError, match="busy") as caught:
            await gateway.get(WIDGETS, namespace="default", name="w")

    assert len(api.asked) == 1
    assert caught.value.retry_after > 30


@pytest.mark.parametrize("seconds", ["", "soon", "-1", "1.5", "²", "Wed, 21 Oct 2026 07:28:00 GMT"])
async def test_a_wait_that_cannot_be_read_is_none(seconds):
    api = ScriptedApi([busy(seconds), says(BODY)])
    async with serving(api) as gateway, asyncio.timeout(5):
        assert await gateway.get(WIDGETS, namespace="default", name="w") == BODY


WRITES = {
    "create": lambda gateway: gateway.create(WIDGETS, namespace="default", body=BODY),
    "replace": lambda gateway: gateway.replace(WIDGETS, BODY),
    "apply": lambda gateway: gateway.apply(WIDGETS, BODY),
    "status": lambda gateway: gateway.apply(WIDGETS, BODY, sub="status"),
    "merge_patch": lambda gateway: gateway.merge_patch(WIDGETS, namespace="default", name="w", body=BODY),
    "delete": lambda gateway: gateway.delete(WIDGETS, widget("w", 7, uid="u")),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
async def test_a_write_is_never_repeated_blindly(write):
    api = ScriptedApi([refuses(503), says(BODY)])
    async with serving(api) as gateway:
        with pytest.raises(UnavailableError):
            await write(gateway)

    assert len(api.asked) == 1


# Who does not lead writes nothing


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
async def test_every_write_asks_for_leave_right_before_it_is_sent(write):
    api, leads = ScriptedApi([says(BODY)]), [True, False]
    async with serving(api, may_write=lambda: leads.pop(0)) as gateway:
        await write(gateway)
        with pytest.raises(NotLeaderError):
            await write(gateway)

    assert len(api.asked) == 1


async def test_who_does_not_lead_still_reads_and_watches():
    api = ScriptedApi([says(BODY), page(widget("a", 1)), streams()])
    async with serving(api, may_write=lambda: False) as gateway:
        await gateway.get(WIDGETS, namespace="default", name="w")
        await gateway.list(WIDGETS, {})
        async with gateway.watch(WIDGETS, {}, idle=5):
            pass

    assert [asked.method for asked in api.asked] == ["GET"] * 3


async def test_every_request_is_counted_by_its_outcome():
    told = []
    api = ScriptedApi([says(BODY), refuses(409), refuses(410)])
    async with serving(api, asked=lambda method, code: told.append((method, code))) as gateway:
        await gateway.get(WIDGETS, namespace="default", name="w")
        with pytest.raises(ConflictError):
            await gateway.apply(WIDGETS, BODY)
        with pytest.raises(GoneError):
            async with gateway.watch(WIDGETS, {}, idle=5):
                raise AssertionError("it was refused")
    async with ApiClient(Configuration(host="http://127.0.0.1:9")) as client:
        with pytest.raises(UnavailableError):
            await Gateway(client, asked=lambda *what: told.append(what)).apply(WIDGETS, BODY)

    assert told == [("GET", "200"), ("PATCH", "409"), ("GET", "410"), ("PATCH", "<error>")]


async def test_what_the_server_says_is_bounded():
    async with serving(ScriptedApi([refuses(422, "x" * 100_000)])) as gateway:
        with pytest.raises(InvalidError) as caught:
            await gateway.apply(WIDGETS, BODY)
    assert len(str(caught.value)) < 3000


@given(st.dictionaries(st.text(max_size=5), st.text(), max_size=5))
@example({"reason": "\U0001f680 \x00\x07\x1b\x7f\x85\x9f\u2028\u2029\ufeff\ufffe\uffff \\ud83d \"'#: -"})
def test_what_is_applied_is_read_as_yaml_as_it_was_meant(words):
    assert yaml.safe_load(gateway_module._as_yaml(words)) == words


def test_half_a_character_that_somebody_answered_does_not_keep_the_rest_from_being_written():
    assert yaml.safe_load(gateway_module._as_yaml({"message": json.loads('"no \\ud800"')})) == {"message": "no ?"}

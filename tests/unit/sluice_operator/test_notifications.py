"""Notices on their way: signed, tried again, never to where a redirect leads, and never in anybody's way."""

import asyncio
import json
import logging
import re
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web

from sluice_operator.api.status import ModelVersionStatus, Phase
from sluice_operator.controller.metrics import Metrics
from sluice_operator.controller.notices import Format
from sluice_operator.controller.notifications import WAITING, Notifications, Outcome
from sluice_operator.controller.webhook import Destination, UndeliveredError, key_of, signature
from sluice_operator.rollout.transitions import Transition

KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SECRET_PATH = "/services/T000/a-secret"
ABOUT = {"metadata": {"namespace": "payments", "name": "sms-1-1-0"}, "spec": {"model": "sms", "version": "1.1.0"}}
STATUS = ModelVersionStatus(phase=Phase.ROLLING_BACK, attempt=2)
TAKEN_BACK = Transition(kind="Warning", reason="RollbackStarted", action="Rollback", note="8 % of requests bad")
PROMOTED = Transition(kind="Normal", reason="Promoted", action="Promote", note="all gates passed")


@dataclass
class Receiver:
    """Somebody's server; answers as it is told to, then with 204."""

    answers: list[web.Response] = field(default_factory=list)
    got: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    port: int = 0
    stalls: asyncio.Event | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{SECRET_PATH}"

    def reasons(self) -> list[str]:
        return [json.loads(content)["data"]["reason"] for _, _, content in self.got]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.got.append((request.path, dict(request.headers), await request.read()))
        if self.stalls is not None:
            await self.stalls.wait()
        return self.answers.pop(0) if self.answers else web.Response(status=204)


@pytest.fixture
async def receiver():
    found = Receiver()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", found.handle)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    found.port = runner.addresses[0][1]
    yield found
    await runner.cleanup()


@pytest.fixture
def destination(receiver, tmp_path):
    return made(tmp_path, url=receiver.url)


def made(folder, *, url, key=KEY, name="oncall", **fields):
    for called, content in (("url", url), ("key", key)):
        (folder / called).write_text(f"{content}\n")
    files = {"url_file": folder / "url", "key_file": folder / "key"}
    return Destination(**{"name": name, "form": Format.PLAIN, **files, **fields})


class Counts(dict):
    def __call__(self, destination, outcome):
        self[destination, outcome] = self.get((destination, outcome), 0) + 1


@asynccontextmanager
async def telling(*destinations, counts=None, tried_seconds=60.0):
    """Notifications at work, that wait no longer than they are asked to before they try again."""
    found = Notifications(
        destinations,
        count=counts if counts is not None else Counts(),
        wait=lambda _state: 0.001,
        tried_seconds=tried_seconds,
    )
    task = asyncio.create_task(found.run())
    yield found
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def told(notifications, *transitions):
    for one in transitions:
        notifications.tell(ABOUT, one, STATUS)
    async with asyncio.timeout(20):
        await notifications.flush()


def test_the_signature_is_the_published_one():
    """The example that the libraries of Standard Webhooks are tested with."""
    content = b'{"test": 2432232314}'

    found = signature(key_of(KEY), id_="msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp=1614265330, content=content)

    assert found == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("text", ["", "whsec_c2hvcnQ=", KEY.removeprefix("whsec_"), "whsec_not base64"])
def test_what_is_no_key_is_refused_without_being_said(text):
    with pytest.raises(UndeliveredError) as refused:
        key_of(text)
    assert not text or text not in str(refused.value)


async def test_a_notice_comes_with_a_signature_that_its_receiver_can_check(receiver, destination):
    counts = Counts()
    async with telling(destination, counts=counts) as notifications:
        await told(notifications, TAKEN_BACK)

    ((path, headers, content),) = receiver.got
    assert path == SECRET_PATH
    document = json.loads(content)
    assert (document["type"], document["data"]["message"]) == ("rollout.RollbackStarted", "8 % of requests bad")
    assert {name: document["data"][name] for name in ("namespace", "name", "model", "version", "phase", "attempt")} == {
        "namespace": "payments",
        "name": "sms-1-1-0",
        "model": "sms",
        "version": "1.1.0",
        "phase": "RollingBack",
        "attempt": 2,
    }
    again = signature(
        key_of(KEY), id_=headers["webhook-id"], timestamp=int(headers["webhook-timestamp"]), content=content
    )
    assert headers["webhook-signature"] == again
    assert headers["Content-Type"] == "application/json"
    assert counts == {("oncall", Outcome.DELIVERED): 1}


async def test_slack_gets_its_own_form_and_no_signature(receiver, tmp_path):
    async with telling(made(tmp_path, url=receiver.url, form=Format.SLACK, key_file=None)) as notifications:
        await told(notifications, TAKEN_BACK)

    ((_, headers, content),) = receiver.got
    assert json.loads(content)["text"].endswith("payments/sms 1.1.0: RollbackStarted\n8 % of requests bad")
    assert not [name for name in headers if name.lower().startswith("webhook-")]


async def test_only_the_events_that_a_destination_wants_are_told_there(receiver, tmp_path):
    async with telling(made(tmp_path, url=receiver.url, events=frozenset({"Promoted"}))) as notifications:
        await told(notifications, TAKEN_BACK, PROMOTED)

    assert receiver.reasons() == ["Promoted"]


@pytest.mark.parametrize("status", [408, 429, 500, 503])
async def test_what_passes_is_tried_again_with_the_same_id(receiver, destination, status):
    receiver.answers = [web.Response(status=status), web.Response(status=status)]
    async with telling(destination) as notifications:
        await told(notifications, TAKEN_BACK, PROMOTED)

    assert receiver.reasons() == ["RollbackStarted", "RollbackStarted", "RollbackStarted", "Promoted"]
    ids = [headers["webhook-id"] for _, headers, _ in receiver.got]
    assert ids[0] == ids[1] == ids[2] != ids[3]


@pytest.mark.parametrize("status", [301, 307, 400, 401, 404, 410])
async def test_what_will_not_pass_is_given_up_and_no_redirect_is_followed(receiver, destination, status):
    receiver.answers = [web.Response(status=status, headers={"Location": receiver.url + "/elsewhere"})]
    counts = Counts()
    async with telling(destination, counts=counts) as notifications:
        await told(notifications, TAKEN_BACK, PROMOTED)

    assert receiver.reasons() == ["RollbackStarted", "Promoted"]
    assert counts == {("oncall", Outcome.FAILED): 1, ("oncall", Outcome.DELIVERED): 1}


async def test_one_that_is_away_is_given_up_after_a_while_and_holds_up_no_other(destination, tmp_path):
    away = tmp_path / "away"
    away.mkdir()
    counts = Counts()
    gone = made(away, url="http://127.0.0.1:9/nobody-listens", name="away")
    async with telling(gone, destination, counts=counts, tried_seconds=0.05) as notifications:
        await told(notifications, TAKEN_BACK)

    assert counts == {("away", Outcome.FAILED): 1, ("oncall", Outcome.DELIVERED): 1}


async def test_of_more_than_can_wait_the_oldest_are_dropped_and_counted(receiver, destination):
    receiver.stalls = asyncio.Event()
    counts = Counts()
    async with telling(destination, counts=counts) as notifications:
        notifications.tell(ABOUT, TAKEN_BACK, STATUS)
        async with asyncio.timeout(20):
            while not receiver.got:  # noqa: ASYNC110 - what changes is at the receiver
                await asyncio.sleep(0)
        for _ in range(WAITING):
            notifications.tell(ABOUT, TAKEN_BACK, STATUS)
        notifications.tell(ABOUT, PROMOTED, STATUS)
        receiver.stalls.set()
        async with asyncio.timeout(60):
            await notifications.flush()

    assert counts == {("oncall", Outcome.DROPPED): 1, ("oncall", Outcome.DELIVERED): WAITING + 1}
    assert receiver.reasons()[-1] == "Promoted"


async def test_a_secret_that_comes_late_or_changes_is_seen(receiver, destination):
    content = destination.url_file.read_text()
    destination.url_file.unlink()
    async with telling(destination) as notifications:
        notifications.tell(ABOUT, TAKEN_BACK, STATUS)
        destination.url_file.write_text(content)
        async with asyncio.timeout(20):
            await notifications.flush()
        destination.key_file.write_text("whsec_" + "A" * 44)
        await told(notifications, PROMOTED)

    assert receiver.reasons() == ["RollbackStarted", "Promoted"]
    _, headers, content = receiver.got[1]
    timestamp = int(headers["webhook-timestamp"])
    assert headers["webhook-signature"] == signature(
        bytes(33), id_=headers["webhook-id"], timestamp=timestamp, content=content
    )


@pytest.mark.parametrize(
    "url", ["", "ftp://127.0.0.1/a-secret", "http://[a-secret", "not a url a-secret", "http://127.0.0.1:9/a-secret"]
)
async def test_no_address_and_no_key_is_ever_logged(tmp_path, caplog, url):
    counts = Counts()
    with caplog.at_level(logging.DEBUG):
        async with telling(made(tmp_path, url=url), counts=counts, tried_seconds=0.01) as notifications:
            await told(notifications, TAKEN_BACK)

    assert counts == {("oncall", Outcome.FAILED): 1}
    said = "\n".join(str(vars(record)) for record in caplog.records if record.name.startswith("sluice"))
    assert "oncall" in said
    assert "a-secret" not in said
    assert KEY.removeprefix("whsec_") not in said


async def test_without_a_destination_nothing_waits():
    async with telling() as notifications:
        await told(notifications, TAKEN_BACK)


def test_a_destination_is_in_the_metrics_before_anything_was_sent():
    metrics = Metrics()
    metrics.has_destination("oncall")
    metrics.notified("oncall", Outcome.FAILED)

    def value(outcome):
        labels = {"destination": "oncall", "outcome": outcome}
        return metrics.registry.get_sample_value("sluice_notifications_total", labels)

    assert (value("delivered"), value("failed"), value("dropped")) == (0, 1, 0)


def test_what_the_docs_tell_receivers_to_do_lets_through_what_is_sent_and_nothing_else():
    page = Path("docs/notifications.md").read_text()
    found = {}
    exec(re.search(r"```python\n(.*?)```", page, re.DOTALL)[1], found)  # noqa: S102 - our own page
    sent, content = int(time.time()), b'{"type":"rollout.Promoted"}'

    def accepted(*, at=sent, key=KEY, body=content, id_="msg_1"):
        signed = signature(key_of(KEY), id_="msg_1", timestamp=at, content=content)
        headers = {"webhook-id": id_, "webhook-timestamp": str(at), "webhook-signature": signed}
        return found["is_from_sluice"](headers, body, key)

    assert accepted()
    assert not accepted(body=content + b" ")
    assert not accepted(id_="msg_2")
    assert not accepted(key="whsec_" + "A" * 44)
    assert not accepted(at=sent - 600)

"""Outboxes are appended to a real ledger, which may be slow, away, or full of what nobody can read."""

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from ledgers import url_of

from sluice_operator.controller import recording
from sluice_operator.controller.copies import Recorded
from sluice_operator.controller.ledger_access import LedgerAccess
from sluice_operator.controller.recording import Recorder, UnrecordedError
from sluice_operator.ledger.errors import LedgerError
from sluice_operator.ledger.migrate import migrate
from sluice_operator.ledger.verify import verify
from sluice_operator.rollout.entries import act_id

NOW = datetime(2026, 3, 3, 12, tzinfo=UTC)
KEY = ("team", "sms-1.0.0")
MODEL = ("team", "sms")


def entry(number, **fields):
    return {
        "id": f"entry-{number}",
        "at": "2026-03-03T11:59:50Z",
        "type": "Transition",
        "attempt": 1,
        "body": {"number": number},
        "personal": {},
        **fields,
    }


def version(*entries, name="sms-1.0.0", uid="u", phase="Canary"):
    return {
        "metadata": {
            "name": name,
            "namespace": "team",
            "uid": uid,
            "creationTimestamp": "2026-03-03T11:00:00Z",
        },
        "spec": {"model": "sms", "version": name.removeprefix("sms-")},
        "status": {"phase": phase, "outbox": list(entries)},
    }


class Stage:
    """A recorder on a ledger in a file."""

    def __init__(self, path):
        migrate(url_of(path))
        self.access = LedgerAccess(url_of(path))
        self.away = False
        self.versions = []
        self.acts = []
        self.changed = []
        self.start()

    def start(self):
        """Another process, which knows nothing but what it sees."""
        self.recorded = Recorded()
        self.recorder = Recorder(
            ledger=self._ledger,
            recorded=self.recorded,
            versions=lambda: self.versions,
            acts=lambda: self.acts,
            changed=self.changed.append,
            clock=lambda: NOW,
        )

    def _ledger(self):
        if self.away:
            raise LedgerError("the database: it is away")
        return self.access.of("chain")

    @asynccontextmanager
    async def at_work(self):
        self.recorder.begin()
        task = asyncio.create_task(self.recorder.run())
        try:
            yield
        finally:
            task.cancel()

    def records(self):
        found = self.access.of("chain").records()
        assert verify(found) == []
        return found

    def numbers(self):
        return [record.body["number"] for record in self.records()]


@pytest.fixture
def stage(tmp_path, monkeypatch):
    monkeypatch.setattr(recording, "_PAUSE_BASE", 0.01)
    made = Stage(tmp_path / "ledger.db")
    yield made
    made.access.close()


async def test_what_stands_in_outboxes_is_recorded_in_its_order(stage):
    stage.versions = [version(entry(1), entry(2)), version(entry(3), name="sms-2.0.0", uid="w")]
    async with stage.at_work():
        await stage.recorder.told(stage.versions, of=MODEL)

    first = stage.records()[0]
    assert stage.numbers() == [1, 2, 3]
    assert first.subject == {
        "namespace": "team",
        "name": "sms-1.0.0",
        "uid": "u",
        "model": "sms",
        "version": "1.0.0",
        "attempt": 1,
    }
    assert stage.recorded.ids[KEY] == {"entry-1", "entry-2"}


async def test_a_person_is_named_where_it_can_be_erased(stage):
    personal = {"person": "ann", "reason": "Aborted: ann: so it is"}
    stage.versions = [version(entry(1, personal=personal))]
    async with stage.at_work():
        await stage.recorder.told(stage.versions, of=MODEL)
    (record,) = stage.records()

    assert record.actor == {"person": "ann"}
    assert record.body["reason"] == "Aborted: ann: so it is"
    assert "ann" not in record.text


async def test_after_a_restart_nothing_is_recorded_twice(stage):
    stage.versions = [version(entry(1))]
    async with stage.at_work():
        await stage.recorder.told(stage.versions, of=MODEL)
    stage.start()
    stage.versions = [version(entry(1), entry(2))]
    async with stage.at_work():
        await stage.recorder.told(stage.versions, of=MODEL)

    assert stage.numbers() == [1, 2]
    assert stage.recorded.ids[KEY] == {"entry-1", "entry-2"}


async def test_what_has_left_an_outbox_is_forgotten(stage):
    stage.versions = [version(entry(1))]
    async with stage.at_work():
        await stage.recorder.told(stage.versions, of=MODEL)
        stage.recorder.see(version(entry(2)))
        await stage.recorder.told([version(entry(2))], of=MODEL)
        assert stage.recorded.ids == {KEY: {"entry-2"}}
        stage.recorder.see(version())
        assert stage.recorded.ids == {}


async def test_a_version_that_goes_leaves_nothing_unrecorded(stage):
    async with stage.at_work():
        stage.recorder.gone(version(entry(1)))
        await stage.recorder.flush()

    last = stage.records()[-1]
    assert [record.type for record in stage.records()] == ["Transition", "Deleted"]
    assert last.body == {"from": {"phase": "Canary"}}
    assert stage.recorded.ids == {}


async def test_a_ledger_that_is_away_holds_an_increase_for_no_longer_than_is_known(stage):
    stage.away = True
    stage.versions = [version(entry(1))]
    async with stage.at_work():
        with pytest.raises(UnrecordedError, match="LedgerUnavailable"):
            await stage.recorder.told(stage.versions, of=MODEL)
        assert not stage.recorded.possible
        assert stage.recorder.lag == 10.0
        assert stage.changed == [MODEL]
        with pytest.raises(UnrecordedError):
            await stage.recorder.told([version(entry(2))], of=MODEL)
        stage.changed.clear()
        stage.away = False
        await settled(stage)

    assert stage.recorded.possible
    assert set(stage.changed) == {MODEL}
    assert stage.numbers() == [1, 2]
    assert stage.recorder.lag == 0.0


async def settled(stage):
    """Until all is recorded, however often that is tried."""
    async with asyncio.timeout(30):
        while stage.recorder.lag:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.01)


async def test_a_ledger_that_does_not_answer_holds_an_increase_no_longer_than_a_reconcile_can_wait(stage, monkeypatch):
    monkeypatch.setattr(recording, "_PATIENCE", 0.01)
    stage.recorder.begin()  # nobody appends

    with pytest.raises(UnrecordedError):
        await stage.recorder.told([version(entry(1))], of=MODEL)
    assert not stage.recorded.possible


async def test_what_needs_no_record_waits_for_nothing(stage):
    stage.away = True
    async with stage.at_work():
        await stage.recorder.told([version()], of=MODEL)


@pytest.mark.parametrize(
    "spoilt",
    [
        entry(1, type=""),
        entry(1, body={"deep": [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}),
        entry(1, body={"long": "x" * 100_000}),
        entry(1, at="tomorrow"),
        entry(1, at="0001-01-01T00:00:00+14:00"),
        entry(1, at="9999-12-31T23:59:59-14:00"),
        entry(1, body="text"),
        entry("\n\u202e", at="2026-03-03"),
        {"id": "y" * 9999},
    ],
)
async def test_what_nobody_can_read_is_recorded_as_such_and_holds_up_nothing(stage, spoilt):
    stage.versions = [version(spoilt, entry(2))]
    async with stage.at_work():
        await stage.recorder.told(stage.versions, of=MODEL)

    assert [record.type for record in stage.records()] == ["Unrecordable", "Transition"]


async def test_an_outbox_that_is_none_is_no_outbox(stage):
    stage.versions = [{**version(), "status": {"outbox": outbox}} for outbox in ("x", None, [1, {"id": 2}], {})]
    async with stage.at_work():
        await stage.recorder.told(stage.versions, of=MODEL)

    assert stage.records() == []


async def test_nobody_can_take_anothers_place_in_the_record(stage):
    stage.versions = [version(entry(1)), version(entry(1), name="sms-2.0.0", uid="w")]
    async with stage.at_work():
        await stage.recorder.told(stage.versions, of=MODEL)

    assert [record.subject["uid"] for record in stage.records()] == ["u", "w"]


@pytest.mark.parametrize("forged", ["deleted", "u/deleted"])
async def test_nobody_can_keep_an_end_from_being_recorded(stage, forged):
    stage.versions = [version({**entry(1), "id": forged})]
    async with stage.at_work():
        stage.recorder.gone(stage.versions[0])
        await stage.recorder.flush()

    last = stage.records()[-1]
    assert (last.type, last.body) == ("Deleted", {"from": {"phase": "Canary"}})


def act(outcome="Expired", *, uid="act-1", at="2026-03-03T11:59:00Z", **spec):
    """An act of which something came, as the API server has it."""
    given = {"modelVersion": "sms-1.0.0", "uid": "u", "action": "Pause", "requestedBy": "ann", "reason": "ann asks"}
    return {
        "metadata": {"name": "one", "namespace": "team", "uid": uid, "creationTimestamp": "2026-03-03T11:00:00Z"},
        "spec": {**given, "groups": ["sre"], "attempt": 2, **spec},
        "status": {"outcome": outcome, "message": "nothing came of it", "at": at},
    }


async def test_an_act_of_which_no_version_tells_is_recorded_once_with_its_person_apart(stage):
    stage.acts = [(act(), None)]
    async with stage.at_work():
        stage.recorder.see_act(act(), None)
        await stage.recorder.flush()
    stage.start()
    async with stage.at_work():
        await stage.recorder.flush()

    (record,) = stage.records()
    assert (record.type, record.time.minute) == ("Act", 59)
    assert record.subject == {"namespace": "team", "name": "sms-1.0.0", "uid": "u"}
    assert record.actor == {"person": "ann"}
    assert record.body == {
        "act": "act-1",
        "action": "Pause",
        "groups": ["sre"],
        "seen": {"attempt": 2},
        "outcome": "Expired",
        "reason": "ann asks",
        "message": "nothing came of it",
    }
    assert "ann" not in record.text


async def test_an_act_on_a_version_that_is_there_is_found_with_its_model(stage):
    async with stage.at_work():
        stage.recorder.see_act(act("Refused"), version())
        await stage.recorder.flush()

    subject = stage.records()[0].subject
    assert (subject["model"], subject["version"]) == ("sms", "1.0.0")


async def test_an_act_that_its_version_told_of_is_not_told_again_when_the_version_has_forgotten_it(stage):
    told = entry(1, type="Act")
    stage.versions = [version({**told, "id": act_id("act-1")})]
    async with stage.at_work():
        await stage.recorder.told(stage.versions, of=MODEL)
        stage.recorder.see_act(act("Refused"), version())
        await stage.recorder.flush()

    assert stage.numbers() == [1]


async def test_an_act_that_its_version_tells_or_that_had_its_effect_is_not_told_by_itself(stage):
    telling = version()
    telling["status"]["acts"] = [{"uid": "act-1", "outcome": "Refused"}]
    async with stage.at_work():
        stage.recorder.see_act(act("Refused"), telling)
        stage.recorder.see_act(act("Applied"), None)
        stage.recorder.see_act({**act(), "status": None}, None)
        await stage.recorder.flush()

    assert stage.records() == []


@pytest.mark.parametrize(
    "odd",
    [
        act(uid="act-1", requestedBy=None, reason=["x"], groups="x", action={}, modelVersion=7),
        act(at="0001-01-01T00:00:00+14:00"),
        act(at="soon", attempt="x" * 90_000),
        act(**{"uid": "act-1"}, modelVersion="\n" * 9000),
    ],
)
async def test_an_act_that_nobody_can_read_holds_up_nothing(stage, odd):
    stage.versions = [version(entry(1))]
    async with stage.at_work():
        stage.recorder.see_act(odd, None)
        await stage.recorder.told(stage.versions, of=MODEL)
        await stage.recorder.flush()

    assert [record.type for record in stage.records()] == ["Transition", "Act"]


async def test_who_does_not_lead_records_nothing(stage):
    stage.recorder.see(version(entry(1)))
    stage.recorder.gone(version(entry(1)))
    stage.recorder.end(version(entry(1)))
    stage.recorder.see_act(act(), None)

    assert stage.recorder.lag == 0.0

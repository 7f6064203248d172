"""The record over HTTP on loopback: pages of bounded size, read-only, and one line where it cannot be."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest
from yarl import URL

from sluice_operator.controller import ledger_endpoint
from sluice_operator.ledger.entry import Entry
from sluice_operator.ledger.errors import LedgerError
from sluice_operator.ledger.lines import from_line
from sluice_operator.ledger.migrate import migrate
from sluice_operator.ledger.record import Record
from sluice_operator.ledger.store import Ledger
from sluice_operator.ledger.verify import verify

NOW = datetime(2026, 11, 3, tzinfo=UTC)


def entries(count: int, *, model: str = "sms", size: int = 10, first: int = 0) -> list[Entry]:
    subject = {"namespace": "payments", "model": model, "version": "1.0.0"}
    body = {"filler": "x" * size}
    return [Entry(f"{model}-{first + one}", NOW, "Transition", subject, {}, body) for one in range(count)]


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    migrate(url)
    return Ledger.open(url)


class Reader:
    """Somebody who asks."""

    def __init__(self, session: aiohttp.ClientSession, address: str) -> None:
        self._session = session
        self._address = address
        self.port = URL(address).port

    async def get(self, path: str, method: str = "GET") -> tuple[int, str]:
        async with self._session.request(method, f"{self._address}{path}") as answer:
            return answer.status, await answer.text()

    async def records(self, query: str = "") -> list[Record]:
        status, text = await self.get(f"/v1/records?{query}")
        assert status == 200
        read = [from_line(line) for line in text.splitlines()]
        return [record for record in read if isinstance(record, Record)]


async def asking(source: Callable[[], Ledger]) -> AsyncIterator[Reader]:
    runner = await ledger_endpoint.serve(source, port=0)
    try:
        host, port = runner.addresses[0][:2]
        assert host == "127.0.0.1"
        async with aiohttp.ClientSession() as session:
            yield Reader(session, f"http://{host}:{port}")
    finally:
        await runner.cleanup()


@pytest.fixture
async def reader(ledger: Ledger) -> AsyncIterator[Reader]:
    async for one in asking(lambda: ledger):
        yield one


async def test_records_come_as_they_were_hashed_page_by_page(ledger: Ledger, reader: Reader) -> None:
    ledger.append(entries(250))

    read: list[Record] = []
    while page := await reader.records(f"limit=120&after={read[-1].seq if read else 0}"):
        assert len(page) <= 120
        read += page

    assert [record.seq for record in read] == list(range(1, 251))
    assert verify(read, ledger.head()) == []


async def test_who_does_not_take_his_page_does_not_keep_others_from_theirs(
    ledger: Ledger, reader: Reader, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(ledger_endpoint, "_PATIENCE", 0.1)
    ledger.append(entries(300, size=60_000))
    there, away = await asyncio.open_connection("127.0.0.1", reader.port, limit=1)
    away.write(b"GET /v1/records HTTP/1.1\r\nHost: ledger\r\n\r\n")
    await there.read(1)

    assert len(await reader.records("limit=1")) == 1
    away.close()
    assert "Traceback" not in caplog.text


async def test_a_page_has_no_more_than_a_thousand_records_unless_less_are_asked_for(
    ledger: Ledger, reader: Reader
) -> None:
    ledger.append(entries(600))
    ledger.append(entries(600, first=600))

    assert len(await reader.records()) == 1000
    assert len(await reader.records("limit=3")) == 3


async def test_a_page_ends_when_it_is_large(ledger: Ledger, reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_endpoint, "MOST_BYTES", 200_000)
    ledger.append(entries(500, size=1000))

    page = await reader.records()

    assert 150 <= len(page) <= 300
    assert (await reader.records(f"after={page[-1].seq}"))[0].seq == page[-1].seq + 1


async def test_records_are_looked_up_by_what_they_are_about(ledger: Ledger, reader: Reader) -> None:
    ledger.append(entries(3))
    ledger.append(entries(2, model="fraud"))

    assert len(await reader.records("model=fraud")) == 2
    assert len(await reader.records("namespace=payments&model=sms&version=1.0.0")) == 3
    assert await reader.records("version=2.0.0") == []
    assert await reader.records("namespace=other") == []


async def test_the_head_is_told(ledger: Ledger, reader: Reader) -> None:
    ledger.append(entries(2))
    head = ledger.head()

    status, text = await reader.get("/v1/head")

    assert status == 200
    assert head.digest in text
    assert head.chain in text


@pytest.mark.parametrize(
    "query",
    [
        "after=-1",
        "after=x",
        "after=99999999999999999999",
        "limit=0",
        "limit=1001",
        "limit=%D9%A3",
        "model=",
        "model=a%00b",
        f"model={'m' * 300}",
        "after=1&after=2",
        "until=tomorrow",
    ],
)
async def test_rubbish_is_refused_in_one_line(reader: Reader, query: str) -> None:
    status, text = await reader.get(f"/v1/records?{query}")

    assert status == 400
    assert len(text.splitlines()) == 1


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_nothing_can_be_written(reader: Reader, method: str) -> None:
    assert (await reader.get("/v1/records", method=method))[0] == 405


async def test_a_database_that_is_away_is_told_as_such() -> None:
    def away() -> Ledger:
        raise LedgerError("the database: connection refused")

    async for reader in asking(away):
        for path in ("/v1/records", "/v1/head"):
            status, text = await reader.get(path)
            assert status == 503
            assert "connection refused" in text
            assert len(text.splitlines()) == 1


async def test_a_database_that_goes_away_in_the_middle_leaves_no_page_that_looks_whole(ledger: Ledger) -> None:
    ledger.append(entries(300))
    opened = iter([ledger])

    def soon_away() -> Ledger:
        found = next(opened, None)
        if found is None:
            raise LedgerError("the database: gone")
        return found

    async for reader in asking(soon_away):
        with pytest.raises(aiohttp.ClientPayloadError):
            await reader.get("/v1/records")

"""Events say what was predicted and never what was asked; when nobody takes them they are dropped and counted."""

import asyncio
import io
import json
import os
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from sluice_predictor.events import HttpSink, Origin, Publisher, Record, StdoutSink, open_sink
from sluice_predictor.events.record import to_events
from sluice_predictor.events.sinks import SinkError
from sluice_predictor.metrics import Metrics, Traffic
from sluice_predictor.protocol.inference import Call, Identity, Inference
from sluice_predictor.protocol.request import InferenceRequest

ORIGIN = Origin(model="sms", version="1.0.0", digest="sha256:00")


def record(*, name: str = "p-1", texts: int = 1) -> Record:
    predictions = [([("debit", 0.75), ("credit", 0.25)], 12)] * texts
    return Record(
        prediction_id=name, request_id="r-1", time=1_700_000_000.5, traffic=Traffic.LIVE, predictions=predictions
    )


class Counts:
    def __init__(self) -> None:
        self.sent = 0
        self.dropped = 0

    def events_sent(self, events: int) -> None:
        self.sent += events

    def events_dropped(self, events: int) -> None:
        self.dropped += events


class FakeSink:
    """Takes batches while it is open; fails as often as it is told to."""

    def __init__(self, *, failures: int = 0, transient: bool = True) -> None:
        self.opened = asyncio.Event()
        self.asked = asyncio.Event()
        self.batches: list[Sequence[Any]] = []
        self.closed = False
        self._failures = failures
        self._transient = transient

    async def send(self, events: Sequence[Any]) -> None:
        self.asked.set()
        await self.opened.wait()
        if self._failures:
            self._failures -= 1
            raise SinkError("not now", transient=self._transient)
        self.batches.append(events)

    async def close(self) -> None:
        self.closed = True


def test_an_event_is_a_cloud_event_about_one_prediction() -> None:
    _, second = to_events(record(texts=2), ORIGIN)

    assert second == {
        "specversion": "1.0",
        "id": "p-1.1",
        "source": "/models/sms/versions/1.0.0",
        "type": "dev.sluice.prediction.v1",
        "time": "2023-11-14T22:13:20.500Z",
        "datacontenttype": "application/json",
        "data": {
            "requestId": "r-1",
            "model": "sms",
            "version": "1.0.0",
            "digest": "sha256:00",
            "traffic": "live",
            "label": "debit",
            "score": 0.75,
            "labels": [{"label": "debit", "score": 0.75}, {"label": "credit", "score": 0.25}],
            "bins": {"tokens": "16"},
        },
    }


def test_an_answer_without_labels_has_an_event_without() -> None:
    unlabelled = Record(prediction_id="p", request_id="r", time=0, traffic=Traffic.LIVE, predictions=[([], 3)])

    (event,) = to_events(unlabelled, ORIGIN)

    assert (event["data"]["label"], event["data"]["labels"]) == (None, [])


def test_an_event_of_many_labels_has_the_best_of_them() -> None:
    labels = [(f"label-{number}", 0.5) for number in range(1000)]
    many = Record(prediction_id="p", request_id="r", time=0, traffic=Traffic.LIVE, predictions=[(labels, 3)])

    (event,) = to_events(many, ORIGIN)

    assert [named["label"] for named in event["data"]["labels"]] == [f"label-{number}" for number in range(20)]


async def test_an_answered_request_is_published_without_its_input(engine, registry) -> None:
    published: list[Record] = []

    class Recorder:
        def publish(self, record: Record) -> None:
            published.append(record)

    inference = Inference(
        engine,
        identity=Identity(model="sms", version="1.0.0", digest="sha256:00", instance="pod"),
        metrics=Metrics(registry=registry, labels=["debit"]),
        publisher=Recorder(),  # type: ignore[arg-type]  # all that is asked of a publisher here
    )
    request = InferenceRequest(texts=["secret", "secret"], field="instances")
    call = Call(traffic=Traffic.SHADOW, request_id="r-1", prediction_id="p-1", deadline=1e9)

    await inference.answer(request, call)

    (published_record,) = published
    assert published_record.predictions == [([("debit", 0.5)], 3)] * 2
    assert (published_record.prediction_id, published_record.traffic) == ("p-1", Traffic.SHADOW)
    assert "secret" not in repr(published_record)


async def test_events_are_sent_in_order_and_counted() -> None:
    sink, counts = FakeSink(), Counts()
    publisher = Publisher(sink, origin=ORIGIN, observer=counts)
    sink.opened.set()
    publisher.start()

    for number in range(300):
        publisher.publish(record(name=f"p-{number}", texts=2))
    await publisher.close(seconds=5)

    sent = [event["id"] for batch in sink.batches for event in batch]
    assert sent == [f"p-{number}.{place}" for number in range(300) for place in range(2)]
    assert (counts.sent, counts.dropped) == (600, 0)
    assert max(len(batch) for batch in sink.batches) <= 201
    assert sink.closed


async def test_what_a_slow_sink_leaves_is_dropped_and_counted() -> None:
    sink, counts = FakeSink(), Counts()
    publisher = Publisher(sink, origin=ORIGIN, observer=counts, max_waiting=200)
    publisher.start()

    publisher.publish(record(texts=200))
    await sink.asked.wait()
    publisher.publish(record(texts=150))
    publisher.publish(record(texts=51))
    publisher.publish(record(texts=50))
    sink.opened.set()
    await publisher.close(seconds=5)

    assert (counts.sent, counts.dropped) == (400, 51)


async def test_what_a_dead_sink_leaves_at_the_end_is_dropped_in_time() -> None:
    sink, counts = FakeSink(), Counts()
    publisher = Publisher(sink, origin=ORIGIN, observer=counts)
    publisher.start()
    publisher.publish(record(texts=200))
    await sink.asked.wait()
    publisher.publish(record(texts=7))

    await publisher.close(seconds=0.01)
    publisher.publish(record(texts=3))

    assert (counts.sent, counts.dropped) == (0, 210)


@pytest.mark.parametrize(("failures", "transient", "sent"), [(1, True, 1), (2, True, 1), (3, True, 0), (1, False, 0)])
async def test_a_batch_is_tried_again_if_that_may_help(failures: int, transient: bool, sent: int) -> None:
    sink, counts = FakeSink(failures=failures, transient=transient), Counts()
    sink.opened.set()
    publisher = Publisher(sink, origin=ORIGIN, observer=counts)
    publisher.start()
    publisher.publish(record())

    await publisher.close(seconds=10)

    assert (counts.sent, counts.dropped) == (sent, 1 - sent)


async def test_events_go_to_standard_output_a_line_each() -> None:
    output = io.BytesIO()
    sink = StdoutSink(output)

    await sink.send(to_events(record(texts=2), ORIGIN))

    assert [json.loads(line)["id"] for line in output.getvalue().splitlines()] == ["p-1.0", "p-1.1"]


async def test_standard_output_that_nobody_reads_stops_nobody() -> None:
    read_end, write_end = os.pipe()
    with os.fdopen(write_end, "wb") as output, os.fdopen(read_end, "rb") as reader:
        sink, counts = StdoutSink(output), Counts()
        publisher = Publisher(sink, origin=ORIGIN, observer=counts)
        publisher.start()
        publisher.publish(record(texts=5000))

        await publisher.close(seconds=0.05)

        assert counts.dropped == 5000
        await asyncio.to_thread(_drain, reader)


def _drain(reader: Any) -> None:
    """Read what the sink's thread still writes, so that it ends."""
    lines = 0
    while lines < 5000:
        lines += reader.read1(1 << 16).count(b"\n")


class Receiver:
    """A real HTTP server that answers as it is told and keeps what it was sent."""

    def __init__(self) -> None:
        self.answer = b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n"
        self.heads: list[bytes] = []
        self.bodies: list[Any] = []
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = int(head.partition(b"content-length: ")[2].split()[0])
                self.heads.append(head)
                self.bodies.append(json.loads(await reader.readexactly(length)))
                writer.write(self.answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/events?key=secret"
    yield receiver
    server.close()


@pytest.fixture
async def sink(receiver: Receiver) -> AsyncIterator[HttpSink]:
    sink = HttpSink(receiver.url)
    yield sink
    await sink.close()


async def test_events_are_posted_as_a_batch_of_cloud_events(receiver: Receiver, sink: HttpSink) -> None:
    events = to_events(record(texts=2), ORIGIN)

    await sink.send(events)
    await sink.send(events)

    assert receiver.bodies == [events, events]
    assert receiver.heads[0].startswith(b"post /events?key=secret http/1.1")
    assert b"content-type: application/cloudevents-batch+json" in receiver.heads[0]


@pytest.mark.parametrize(
    ("answer", "transient"),
    [
        (b"503 Unavailable\r\n", True),
        (b"429 Too Many\r\nretry-after: 1\r\n", True),
        (b"400 Bad Request\r\n", False),
        (b"307 Temporary Redirect\r\nlocation: http://169.254.169.254/\r\n", False),
    ],
)
async def test_an_answer_that_is_not_a_success_is_a_failure(
    receiver: Receiver, sink: HttpSink, answer: bytes, transient: bool
) -> None:
    receiver.answer = b"HTTP/1.1 " + answer + b"content-length: 0\r\n\r\n"

    with pytest.raises(SinkError) as failure:
        await sink.send([{}])

    assert failure.value.transient is transient
    assert "secret" not in str(failure.value)
    assert len(receiver.heads) == 1


async def test_a_long_answer_is_not_read_to_its_end(receiver: Receiver, sink: HttpSink) -> None:
    receiver.answer = b"HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n" + b"a" * (1 << 18)

    await sink.send([{}])

    assert len(receiver.bodies) == 1


async def test_nobody_at_the_url_is_a_failure_that_may_pass() -> None:
    sink = HttpSink("http://127.0.0.1:1/")

    with pytest.raises(SinkError) as failure:
        await sink.send([{}])
    await sink.close()

    assert failure.value.transient


@pytest.mark.parametrize(
    "destination", ["", "stderr", "ftp://host/", "file:///etc/passwd", "http://", "https://user:secret@host/", "//host"]
)
def test_a_destination_is_stdout_or_a_plain_url(destination: str) -> None:
    with pytest.raises(ValueError, match="URL") as refusal:
        open_sink(destination)
    assert "secret" not in str(refusal.value)

"""The order of a run: every server on each model, then the questions about load that only some are asked."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hack.bench.predictor import catalogue, connections
from hack.bench.predictor.agreement import Agreement, agreement
from hack.bench.predictor.catalogue import Kind
from hack.bench.predictor.cells import Bench
from hack.bench.predictor.figures import (
    BERT_CLIENTS,
    CONSTANT_CLIENTS,
    HALF_LOAD,
    KSERVE,
    MODEL_CLIENTS,
    OURS,
    OVERLOAD,
    SMS_CLIENTS,
    Found,
    closed,
)
from hack.bench.predictor.inputs import LOAD_TEXTS, bench_texts, read_reference, request_body
from hack.bench.predictor.prepare import Prepared
from hack.bench.predictor.results import Row
from hack.bench.predictor.running import Running, running
from hack.bench.predictor.vegeta import Shape, Vegeta

WARM_CLIENTS = 8


@dataclass(frozen=True, slots=True)
class Pace:
    """How long everything takes, in seconds, and how often it is repeated."""

    repeats: int
    warm: float
    closed: float
    open: float
    crowd: float
    quiet_wait: float


FULL = Pace(repeats=3, warm=3, closed=5, open=12, crowd=24, quiet_wait=20)
QUICK = Pace(repeats=1, warm=1, closed=2, open=3, crowd=6, quiet_wait=0)
"""For working on the benchmark itself: its numbers mean little."""


class Story:
    """One run; `found` grows with it."""

    def __init__(self, prepared: Prepared, *, pace: Pace, output: Path, announce: Callable[[str], None]) -> None:
        """Prepare to measure; nothing runs yet."""
        self.rows: list[Row] = []
        self.agreements: list[Agreement] = []
        self.sms_errors: int | None = None
        self._prepared = prepared
        self._pace = pace
        self._output = output
        self._announce = announce
        self._bodies = [request_body([text]) for text in bench_texts(LOAD_TEXTS)]
        self._bench = Bench(
            generator=Vegeta(prepared.vegeta, output / "load"),
            repeats=pace.repeats,
            announce=announce,
            quiet_wait_s=pace.quiet_wait,
        )

    def play(self) -> None:
        """Measure everything.

        Raises:
            BenchError: A server or the generator failed.
        """
        self._minilm()
        self._bert()
        self._constant()
        self._sms()

    def found(self) -> Found:
        """Return what was found so far."""
        return Found(rows=self.rows, agreements=self.agreements, sms_errors=self.sms_errors)

    def _minilm(self) -> None:
        directory = self._prepared.models["minilm"]
        with self._running(catalogue.ALL, directory / "model", "minilm") as servers:
            for clients in MODEL_CLIENTS:
                self._cell(closed("minilm", clients), servers, Shape(self._pace.closed, clients=clients))
            self._loads([server for server in servers if server.kind.key in (KSERVE, OURS)])
            reference = read_reference(directory)
            for server in servers:
                self._announce(f"minilm outputs: {server.kind.title}")
                self.agreements.append(asyncio.run(agreement(server, reference)))

    def _loads(self, servers: Sequence[Running]) -> None:
        """Ask KServe's server and ours at half of KServe's peak, and ours at twice its own."""
        found = self.found()
        kserve, ours = found.peak(KSERVE) or 1.0, found.peak(OURS) or 1.0
        self._cell(HALF_LOAD, servers, Shape(self._pace.open, rate=kserve / 2))
        mine = [server for server in servers if server.kind.key == OURS]
        self._cell(OVERLOAD, mine, Shape(self._pace.open, rate=ours * 2))

    def _bert(self) -> None:
        with self._running(catalogue.ALL, self._prepared.models["bert"] / "model", "bert") as servers:
            self._cell(closed("bert", BERT_CLIENTS), servers, Shape(self._pace.closed, clients=BERT_CLIENTS))

    def _constant(self) -> None:
        kinds = (catalogue.KSERVE_CONSTANT, catalogue.SLUICE_CONSTANT)
        with self._running(kinds, self._prepared.sms, "constant") as servers:
            name = closed("constant", CONSTANT_CLIENTS)
            self._cell(name, servers, Shape(self._pace.closed, clients=CONSTANT_CLIENTS))

    def _sms(self) -> None:
        with self._running((catalogue.SLUICE,), self._prepared.sms, "sms") as servers:
            self._cell(closed("sms", SMS_CLIENTS), servers, Shape(self._pace.closed, clients=SMS_CLIENTS))
            self._announce("sms: 1,000 connections")
            crowd = connections.errors(servers[0], bodies=self._bodies, seconds=self._pace.crowd)
            self.sms_errors = asyncio.run(crowd)

    @contextlib.contextmanager
    def _running(self, kinds: Sequence[Kind], model: Path, name: str) -> Iterator[list[Running]]:
        """Run servers that have answered for a while, as the first requests of any are slow."""
        self._announce(f"{name}: start {len(kinds)} servers")
        logs = self._output / "logs" / name
        with running(kinds, model=model, peers=self._prepared.peers, logs=logs) as servers:
            for server in servers:
                self._announce(f"{name}: warm {server.kind.title}")
                shape = Shape(self._pace.warm, clients=WARM_CLIENTS)
                self._bench.generator.load(server, bodies=self._bodies, shape=shape)
            yield servers

    def _cell(self, name: str, servers: Sequence[Running], shape: Shape) -> None:
        self.rows += self._bench.cell(name, servers, bodies=self._bodies, shape=shape)

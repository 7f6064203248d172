"""The order of a run: how fast the servers start, every server on each model, then what only some are asked."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from hack.bench.predictor import catalogue, connections
from hack.bench.predictor.agreement import Agreement, agreement
from hack.bench.predictor.catalogue import Kind
from hack.bench.predictor.cells import Bench, Patience
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
from hack.bench.predictor.precision import precision
from hack.bench.predictor.prepare import Prepared
from hack.bench.predictor.progress import Progress
from hack.bench.predictor.results import Row
from hack.bench.predictor.running import Running, running
from hack.bench.predictor.vegeta import Shape, Vegeta

START_S = 12.0
"""What the start of a server and its end are thought to take."""
TEXT_S = 0.0125
"""What one text of the comparison with the reference takes: the slower servers answer 50 to 100 a second."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How long everything takes, in seconds, and how often it is repeated.

    Attributes:
        starts: How often each server is started to see how long it takes, beside the first time, which does not count.
        texts: How many answers of each server are compared with the reference.
        patience: Longest time that the run waits for others on the machine, in all.
    """

    repeats: int
    starts: int
    warm: float
    settle: float
    closed: float
    open: float
    crowd: float
    texts: int
    patience: float


FULL = Pace(repeats=3, starts=2, warm=3, settle=1, closed=5, open=12, crowd=24, texts=2000, patience=240)
QUICK = Pace(repeats=1, starts=1, warm=1, settle=0.2, closed=2, open=3, crowd=6, texts=100, patience=0)
"""For working on the benchmark itself: its numbers mean nothing."""


@dataclass(frozen=True, slots=True)
class Task:
    """Something that running servers are asked, and how many seconds it is thought to take."""

    seconds: float
    ask: Callable[[Sequence[Running]], None]


@dataclass(frozen=True, slots=True)
class Act:
    """Servers of one model, and what they are asked, in this order."""

    name: str
    kinds: Sequence[Kind]
    model: Path
    tasks: Sequence[Task]


class Story:
    """One run; `found` grows with it."""

    def __init__(self, prepared: Prepared, *, pace: Pace, output: Path, announce: Callable[[str], None]) -> None:
        """Prepare to measure; nothing runs yet."""
        self.rows: list[Row] = []
        self.agreements: list[Agreement] = []
        self.starts: dict[str, float] = {}
        self.precisions: dict[str, str] = {}
        self.sms_errors: int | None = None
        self._prepared = prepared
        self._pace = pace
        self._output = output
        self._bench = Bench(
            generator=Vegeta(prepared.vegeta, output / "load"),
            bodies=[request_body([text]) for text in bench_texts(LOAD_TEXTS)],
            repeats=pace.repeats,
            settle=pace.settle,
            begin=self._begin,
            patience=Patience(pace.patience),
        )
        self._acts = (self._minilm(), self._bert(), self._constant(), self._sms())
        self._progress = Progress(self._seconds(), announce=announce)

    def play(self) -> None:
        """Measure everything.

        Raises:
            BenchError: A server or the generator failed.
        """
        self._start_all()
        for act in self._acts:
            self._perform(act)

    def found(self) -> Found:
        """Return what was found so far."""
        return Found(
            rows=self.rows,
            agreements=self.agreements,
            starts=self.starts,
            precisions=self.precisions,
            sms_errors=self.sms_errors,
        )

    def _seconds(self) -> float:
        starts = (1 + self._pace.starts) * len(catalogue.ALL) * START_S
        acts = (len(act.kinds) * self._entry_s() + sum(task.seconds for task in act.tasks) for act in self._acts)
        return starts + sum(acts)

    def _entry_s(self) -> float:
        return START_S + self._pace.warm

    def _compare_s(self) -> float:
        return self._pace.texts * TEXT_S

    def _begin(self, line: str, seconds: float) -> None:
        self._progress.begin(line, seconds=seconds)

    def _start_all(self) -> None:
        """Start each server alone; the first time brings its files into memory and does not count."""
        seconds: dict[str, list[float]] = {}
        for repeat in range(1 + self._pace.starts):
            for kind in catalogue.ALL:
                self._begin(f"start: {kind.title}, {repeat} of {self._pace.starts}", START_S)
                self._bench.patience.wait()
                with self._running((kind,), self._prepared.models["minilm"] / "model", "start") as (server,):
                    if repeat:
                        seconds.setdefault(kind.key, []).append(server.start_to_ready_s)
        self.starts = {key: round(median(values), 2) for key, values in seconds.items()}

    def _perform(self, act: Act) -> None:
        """Run the servers and ask them, after a while in which the first requests of any are slow."""
        self._begin(f"{act.name}: start {len(act.kinds)} servers", len(act.kinds) * START_S)
        with self._running(act.kinds, act.model, act.name) as servers:
            for server in servers:
                self._begin(f"{act.name}: warm {server.kind.title}", self._pace.warm)
                self._bench.warm(server, self._pace.warm)
                if server.kind is catalogue.SLUICE:
                    with server.awake():
                        self.precisions[act.name] = precision(server)
            for task in act.tasks:
                task.ask(servers)

    def _minilm(self) -> Act:
        directory = self._prepared.models["minilm"]
        both = (KSERVE, OURS)
        tasks = (
            *(self._closed(closed("minilm", clients), clients, len(catalogue.ALL)) for clients in MODEL_CLIENTS),
            self._open(HALF_LOAD, both, rate=lambda: (self.found().peak(KSERVE) or 0) / 2),
            self._open(OVERLOAD, (OURS,), rate=lambda: (self.found().peak(OURS) or 0) * 2),
            Task(len(catalogue.ALL) * self._compare_s(), lambda servers: self._compare(servers, directory)),
        )
        return Act("minilm", catalogue.ALL, directory / "model", tasks)

    def _bert(self) -> Act:
        task = self._closed(closed("bert", BERT_CLIENTS), BERT_CLIENTS, len(catalogue.ALL))
        return Act("bert", catalogue.ALL, self._prepared.models["bert"] / "model", (task,))

    def _constant(self) -> Act:
        kinds = (catalogue.KSERVE_CONSTANT, catalogue.SLUICE_CONSTANT)
        task = self._closed(closed("constant", CONSTANT_CLIENTS), CONSTANT_CLIENTS, len(kinds))
        return Act("constant", kinds, self._prepared.sms, (task,))

    def _sms(self) -> Act:
        task = self._closed(closed("sms", SMS_CLIENTS), SMS_CLIENTS, 1)
        crowd = Task(self._pace.crowd, self._crowd)
        return Act("sms", (catalogue.SLUICE,), self._prepared.sms, (task, crowd))

    def _closed(self, name: str, clients: int, servers: int) -> Task:
        """A closed loop of so many clients, for each of the servers."""
        shape = Shape(self._pace.closed, clients=clients)

        def ask(running: Sequence[Running]) -> None:
            self.rows += self._bench.cell(name, running, shape)

        return Task(servers * self._pace.repeats * self._bench.seconds(shape.seconds), ask)

    def _open(self, name: str, keys: Sequence[str], *, rate: Callable[[], float]) -> Task:
        """An open loop for some of the servers, at a rate that follows from what was found before."""

        def ask(running: Sequence[Running]) -> None:
            asked = [server for server in running if server.kind.key in keys]
            self.rows += self._bench.cell(name, asked, Shape(self._pace.open, rate=rate()))

        return Task(len(keys) * self._pace.repeats * self._bench.seconds(self._pace.open), ask)

    def _compare(self, servers: Sequence[Running], directory: Path) -> None:
        reference = read_reference(directory).first(self._pace.texts)
        for server in servers:
            self._begin(f"minilm outputs: {server.kind.title}", self._compare_s())
            with server.awake():
                self.agreements.append(asyncio.run(agreement(server, reference)))

    def _crowd(self, servers: Sequence[Running]) -> None:
        (server,) = servers
        self._begin(f"sms: {connections.CONNECTIONS:,} connections", self._pace.crowd)
        with server.awake():
            counted = connections.errors(server, bodies=self._bench.bodies, seconds=self._pace.crowd)
            self.sms_errors = asyncio.run(counted)

    def _running(
        self, kinds: Sequence[Kind], model: Path, name: str
    ) -> contextlib.AbstractContextManager[list[Running]]:
        return running(kinds, model=model, peers=self._prepared.peers, logs=self._output / "logs" / name)

"""Load is a closed loop or a fixed rate; a cell asks the servers in turn, and again what others disturbed."""

import contextlib
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from hack.bench.predictor import cells
from hack.bench.predictor.catalogue import KSERVE, SLUICE
from hack.bench.predictor.cells import FOREIGN_LIMIT, TRIES, Bench, Patience
from hack.bench.predictor.results import Load
from hack.bench.predictor.vegeta import IN_FLIGHT, Shape

SETTLE = 0.5
BODIES = (b"{}",)
ANSWERED = {
    "sent_per_s": 100.0,
    "codes": {200: 100},
    "p50_ms": 1.0,
    "p95_ms": 1.0,
    "p99_ms": 1.0,
    "refused_p99_ms": None,
}


@dataclass
class Generator:
    """Remembers whom it asked and how; says of the runs that count what it is told to."""

    loads: list[Load]
    asked: list[tuple[str, Shape]] = field(default_factory=list)

    def load(self, server, *, bodies, shape):
        assert server.is_awake
        assert bodies == BODIES
        self.asked.append((server.kind.key, shape))
        return load() if shape.seconds == SETTLE else self.loads.pop(0)


class Server(SimpleNamespace):
    """Stands for a server that runs."""

    is_awake = False

    @contextlib.contextmanager
    def awake(self):
        self.is_awake = True
        yield
        self.is_awake = False

    def rss_mb(self):
        return 100.0


def load(ok_per_s=100.0, foreign=0.0):
    return Load(requests=100, ok_per_s=ok_per_s, foreign=foreign, **ANSWERED)


@pytest.fixture
def bench(monkeypatch):
    """A bench whose machine is quiet, as far as can be seen before a run."""
    monkeypatch.setattr(cells, "wait_until_quiet", lambda **_: True)

    def make(loads, *, repeats=1, patience=1000.0):
        lines = []
        generator = Generator(list(loads))
        made = Bench(
            generator=generator,
            bodies=BODIES,
            repeats=repeats,
            settle=SETTLE,
            begin=lambda line, seconds: lines.append((line, seconds)),
            patience=Patience(patience),
        )
        return made, generator, lines

    return make


BOTH = (Server(kind=KSERVE), Server(kind=SLUICE))
CLOSED = Shape(5.0, clients=8)


def test_a_closed_loop_is_as_many_workers_as_clients_and_no_more():
    words = Shape(5.0, clients=32).words()

    assert words == ["-rate", "0", "-workers", "32", "-max-workers", "32"]


def test_a_fixed_rate_is_kept_to_the_sixtieth_and_its_connections_are_bounded():
    words = Shape(5.0, rate=45.25).words()

    assert words[:2] == ["-rate", "2715/1m"]
    assert words[-2:] == ["-max-workers", str(IN_FLIGHT)]


def test_the_servers_are_asked_in_turn_round_by_round(bench):
    made, generator, lines = bench([load() for _ in range(4)], repeats=2)

    made.cell("minilm c8", BOTH, CLOSED)

    assert [key for key, shape in generator.asked if shape == CLOSED] == ["kserve", "sluice", "kserve", "sluice"]
    assert [line for line, _ in lines][:2] == ["minilm c8: KServe SDK, 1 of 2", "minilm c8: Sluice, 1 of 2"]
    assert {seconds for _, seconds in lines} == {made.seconds(5.0)}


def test_each_run_follows_a_moment_of_the_same_load_that_does_not_count(bench):
    made, generator, _ = bench([load(ok_per_s=77.0)])

    (row,) = made.cell("minilm c8", BOTH[:1], CLOSED)

    assert [shape for _, shape in generator.asked] == [Shape(SETTLE, clients=8), CLOSED]
    assert row.repeats_per_s == [77.0]


def test_before_a_fixed_rate_the_server_is_asked_by_a_few_clients(bench):
    """Twice the peak would leave a full queue behind."""
    made, generator, _ = bench([load()])

    (row,) = made.cell("minilm overload", BOTH[:1], Shape(12.0, rate=900.0))

    assert generator.asked[0][1] == Shape(SETTLE, clients=8)
    assert row.offered_per_s == 900.0


def test_a_disturbed_run_is_repeated_and_the_least_disturbed_counts(bench):
    loads = [load(10.0, foreign=0.9), load(90.0, foreign=0.2), load(50.0, foreign=0.5)]
    made, _, _ = bench(loads)

    (row,) = made.cell("minilm c8", BOTH[:1], CLOSED)

    assert len(loads) == TRIES
    assert (row.repeats_per_s, row.foreign) == ([90.0], 0.2)


def test_a_quiet_run_is_not_repeated(bench):
    made, generator, _ = bench([load(foreign=FOREIGN_LIMIT / 2), load()])

    made.cell("minilm c8", BOTH[:1], CLOSED)

    assert len(generator.loads) == 1


def test_when_patience_is_at_its_end_disturbed_runs_count_as_they_are(bench):
    made, generator, _ = bench([load(foreign=0.9), load()], patience=0.0)

    (row,) = made.cell("minilm c8", BOTH[:1], CLOSED)

    assert row.foreign == 0.9
    assert len(generator.loads) == 1


def test_servers_are_asleep_when_they_are_not_asked(bench):
    made, _, _ = bench([load(), load()])

    made.cell("minilm c8", BOTH, CLOSED)

    assert [server.is_awake for server in BOTH] == [False, False]

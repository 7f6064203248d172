"""How the ledger's benchmark tells what it measured."""

import dataclasses
import json

import pytest

from hack.bench.ledger.appends import GROUPS, ONE, Rate, rate
from hack.bench.ledger.docs import parts
from hack.bench.ledger.entries import entries
from hack.bench.ledger.figures import BOUNDS, SQLITE, Found, figures, shown
from hack.bench.ledger.lag import Lags
from hack.bench.ledger.plot import draw
from hack.bench.ledger.verifying import rows_per_second
from sluice_operator.ledger.record import check

FOUND = Found(
    rates=[Rate(SQLITE, ONE.name, 800.0, 1600.0), Rate(SQLITE, GROUPS.name, 4000.0, 20000.0)],
    verified={SQLITE: 30000.0},
    lags=[Lags(SQLITE, burst=(0.1, 0.2, 0.3), steady=(0.002, 0.004))],
    help_s=0.2,
    failures=["a PostgreSQL server: not installed"],
)


def test_what_could_not_be_measured_is_null_and_never_left_out():
    found = figures(FOUND)

    assert found["sqlite_appends_per_s"] == 800
    assert found["sqlite_plain_ratio"] == 2
    assert found["lag_1000_p99_s"] == pytest.approx(0.296)
    assert [name for name, value in found.items() if value is None] == [
        *("postgresql_appends_per_s", "postgresql_plain_ratio"),
        *("postgresql_grouped_appends_per_s", "postgresql_grouped_plain_ratio"),
        "cli_get_s",
    ]
    assert figures(Found()).keys() == found.keys()
    assert set(figures(Found()).values()) == {None}


def test_what_is_bounded_is_a_figure():
    assert BOUNDS.keys() <= figures(Found()).keys()


def test_a_figure_says_whether_it_is_what_it_must_be():
    assert shown("cli_help_s", 0.2) == ("0.2", "≤ 0.3", "yes")
    assert shown("cli_help_s", 0.4) == ("0.4", "≤ 0.3", "NO")
    assert shown("cli_get_s", None) == ("not measured", "≤ 1", "")
    assert shown("verify_rows_per_s", 31234.5) == ("31,234", "", "")


def test_the_page_has_every_figure_and_what_was_not_measured():
    environment = {
        "cores": 2,
        "processor": "a processor",
        "memory_gb": 8.0,
        "system": "Linux",
        "python": "3.11",
        "versions": {},
    }
    rows = [dataclasses.asdict(one) for one in FOUND.rates]
    summary = {"figures": figures(FOUND), "environment": environment, "rows": rows, "failures": FOUND.failures}

    page = "\n\n".join(parts(json.loads(json.dumps(summary))))

    assert all(f"`{name}`" in page for name in figures(FOUND))
    assert "| SQLite | one at a time | 800 | 1,600 | 2.0 |" in page
    assert "Not measured: a PostgreSQL server: not installed." in page


@pytest.mark.parametrize("found", [FOUND, Found()])
def test_the_picture_is_the_same_for_the_same_results(tmp_path, found):
    draw(found, tmp_path / "one.svg")
    draw(found, tmp_path / "other.svg")

    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "other.svg").read_bytes()
    assert "Entries recorded" in (tmp_path / "one.svg").read_text()


def test_both_ways_to_append_are_timed(tmp_path):
    found = rate(SQLITE, f"sqlite:///{tmp_path / 'ledger.db'}", GROUPS, seconds=0.05, rounds=1)

    assert found.per_s > 0
    assert found.plain_per_s > 0


def test_a_chain_is_verified_while_it_is_timed(tmp_path):
    assert rows_per_second(f"sqlite:///{tmp_path / 'ledger.db'}", rows=20, rounds=1) > 0


def test_the_same_number_is_the_same_entry():
    one, other = entries(7, 2)
    assert one.id == entries(7, 1)[0].id != other.id
    check(one)

"""Writers that are killed at any moment leave a whole chain, with everything in it that they were told is recorded."""

import random
from collections import Counter

import pytest

from sluice_operator.ledger.store import Ledger
from tests.integration.ledger.writer import Writer
from tests.unit.sluice_operator.support.ledgers import faults, fresh, url_of

KILLS = 50


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request, tmp_path):
    """The URL of a ledger of its own."""
    if request.param == "postgresql":
        return request.getfixturevalue("url")
    fresh(tmp_path / "ledger.db").close()
    return url_of(tmp_path / "ledger.db")


def test_two_writers_that_are_killed_again_and_again(database):
    moments = random.Random(7)
    writers = [Writer(database, first=1), Writer(database, first=100_000_001)]
    for writer in writers:
        writer.start()

    for kill in range(KILLS):
        writer = writers[kill % 2]
        writer.kill_in_the_middle(moments)
        writer.start()
    for writer in writers:
        writer.kill()

    ledger = Ledger.open(database)
    assert faults(ledger) == []
    with ledger.whole() as whole:
        times = Counter(record.id for record in whole.records())
    assert set(times.values()) == {1}
    for writer in writers:
        numbers = range(writer.first, writer.acknowledged + 1)
        assert {f"uid-{number}/1/Approved" for number in numbers} <= times.keys()
        assert f"uid-{writer.acknowledged + 2}/1/Approved" not in times
    ledger.close()

"""The ledger in a real PostgreSQL server, which is started for these tests and killed by some of them."""

from collections.abc import Iterator

import pytest

from hack.cluster.paths import default_paths
from hack.testbed.postgresql import PostgreSQL, serving
from sluice_operator.ledger.migrate import migrate
from sluice_operator.ledger.store import Ledger


@pytest.fixture(scope="session")
def server() -> Iterator[PostgreSQL]:
    """A server; Debian's package is installed if it is not there."""
    with serving(default_paths()) as made:
        yield made


@pytest.fixture
def url(server: PostgreSQL) -> str:
    """A database of the test's own, with the ledger's tables."""
    made = server.database()
    migrate(made)
    return made


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    """The ledger in it."""
    made = Ledger.open(url)
    yield made
    made.close()

"""The checkpoint moves forward along one chain, and stays where it is when the ledger lost what it names."""

from datetime import UTC, datetime

import pytest
from ledgers import entry, fresh, url_of

from sluice_operator.controller.checkpoints import NAME, Checkpoints
from sluice_operator.controller.ledger_access import LedgerAccess
from sluice_operator.kube.errors import ConflictError, NotFoundError, UnavailableError
from sluice_operator.ledger.errors import LedgerError

NAMESPACE = "sluice-system"


class ConfigMaps:
    """The API server, as far as it is about one ConfigMap."""

    def __init__(self):
        self.data = None
        self.version = 0
        self.writes = []
        self.fails = False

    async def get(self, _resource, *, namespace, name):
        assert (namespace, name) == (NAMESPACE, NAME)
        if self.data is None:
            raise NotFoundError(404, "it is not there")
        return {"metadata": {"resourceVersion": str(self.version)}, "data": self.data}

    async def create(self, _resource, *, namespace, body):
        assert (namespace, body["metadata"]["name"]) == (NAMESPACE, NAME)
        return self._write("create", body["data"])

    async def merge_patch(self, _resource, *, namespace, name, body):
        assert (namespace, name) == (NAMESPACE, NAME)
        if body["metadata"]["resourceVersion"] != str(self.version):
            raise ConflictError(409, "it has changed since")
        return self._write("patch", body["data"])

    def _write(self, verb, data):
        if self.fails:
            raise UnavailableError(503, "later")
        self.writes.append(verb)
        self.version += 1
        self.data = data
        return {"metadata": {"resourceVersion": str(self.version)}, "data": data}


class Stage:
    def __init__(self, path):
        self.api = ConfigMaps()
        self.path = path
        self.away = False
        self.open(path)

    def open(self, path):
        """What the operator reaches, and the same database as anybody may open it."""
        self.ledger = fresh(path)
        self.access = LedgerAccess(url_of(path))

    def close(self):
        self.ledger.close()
        self.access.close()

    def _ledger(self, chain):
        if self.away:
            raise LedgerError("the database: it is away")
        return self.access.of(chain)

    async def round(self, configuration="sha256:one"):
        """One process keeps the checkpoint once."""
        keeper = Checkpoints(
            gateway=self.api,
            namespace=NAMESPACE,
            ledger=self._ledger,
            configuration=configuration,
            clock=lambda: datetime.now(UTC),
        )
        await keeper.look()
        return keeper

    def lose(self, name="other.db"):
        """The database is replaced by an empty one."""
        self.close()
        self.open(self.path.with_name(name))


@pytest.fixture
def stage(tmp_path):
    made = Stage(tmp_path / "ledger.db")
    yield made
    made.close()


async def test_the_first_checkpoint_is_of_the_configuration_that_is_in_force(stage):
    keeper = await stage.round()

    (record,) = stage.ledger.records()
    assert record.type == "Configuration"
    assert record.body["configuration"] == "sha256:one"
    head = stage.ledger.head()
    assert stage.api.data == {
        "chain": head.chain,
        "seq": "1",
        "digest": head.digest,
        "configuration": "sha256:one",
    }
    assert (keeper.up, keeper.head_seq) == (True, 1)


async def test_it_is_written_when_it_has_changed_and_only_then(stage):
    await stage.round()
    await stage.round()
    assert stage.api.writes == ["create", "patch"]

    stage.ledger.append([entry(1)])
    await stage.round()
    assert stage.api.writes == ["create", "patch", "patch"]
    assert stage.api.data["seq"] == "2"


async def test_another_configuration_is_recorded_once_also_where_the_checkpoint_is_not_written(stage):
    await stage.round()
    stage.api.fails = True
    await stage.round("sha256:two")
    await stage.round("sha256:two")
    stage.api.fails = False
    await stage.round("sha256:two")
    await stage.round("sha256:one")

    assert [record.body["configuration"] for record in stage.ledger.records()] == [
        "sha256:one",
        "sha256:two",
        "sha256:one",
    ]
    assert stage.api.data["configuration"] == "sha256:one"


async def test_a_ledger_that_lost_its_end_is_told_of_and_the_checkpoint_stays(stage, caplog):
    await stage.round()
    stage.ledger.append([entry(1)])
    await stage.round()
    before = dict(stage.api.data)
    stage.lose()
    keeper = await stage.round()

    assert not keeper.up
    assert "does not have record 2" in caplog.text
    assert stage.api.data == before
    assert stage.ledger.records() == []


async def test_a_ledger_that_was_made_anew_as_long_as_before_is_told_of_too(stage):
    await stage.round()
    stage.lose()
    stage.ledger.append([entry(1), entry(2)])

    assert not (await stage.round()).up


async def test_when_somebody_deletes_the_checkpoint_it_begins_with_a_ledger_that_has_nothing_yet(stage):
    await stage.round()
    stage.lose()
    stage.api.data = None

    assert (await stage.round()).up
    assert stage.api.data["chain"] == stage.ledger.head().chain


async def test_the_ledger_of_another_installation_is_not_written_to(stage, caplog):
    await stage.round()
    theirs = stage.ledger.head()
    stage.api.data = None
    keeper = await stage.round()

    assert not keeper.up
    assert f"the ledger of another installation: chain {theirs.chain}" in caplog.text
    assert stage.ledger.head() == theirs
    with pytest.raises(LedgerError, match="another installation"):
        stage.access.write().append([entry(1)])


async def test_who_says_so_goes_on_with_a_ledger_that_is_there(stage):
    await stage.round()
    chain = stage.ledger.head().chain
    stage.api.data = {"chain": chain}

    assert (await stage.round()).up
    assert (stage.api.data["chain"], stage.api.data["seq"]) == (chain, str(stage.ledger.head().seq))


async def test_a_chain_that_was_named_is_the_one_that_begins(stage):
    stage.away = True
    await stage.round()
    named = dict(stage.api.data)
    stage.away = False

    assert (await stage.round()).up
    assert (named["seq"], stage.ledger.head().chain) == ("0", named["chain"])


@pytest.mark.parametrize(
    "data", [None, {}, {"seq": "-1"}, {"seq": "9" * 40}, {"seq": "1", "digest": "x"}, {"digest": "x"}]
)
async def test_a_checkpoint_that_was_spoilt_is_told_of(stage, data):
    await stage.round()
    stage.api.data = {"chain": stage.ledger.head().chain, **data} if data else {}

    assert not (await stage.round()).up


async def test_a_ledger_that_is_away_is_not_up(stage):
    stage.away = True

    assert not (await stage.round()).up
    assert stage.api.writes == ["create"]


async def test_whatever_is_wrong_with_the_ledger_does_not_end_who_looks_after_the_checkpoint(
    stage, monkeypatch, caplog
):
    keeper = await stage.round()

    def broken(_chain):
        raise TypeError("nobody thought of this")

    monkeypatch.setattr(keeper, "_ledger", broken)

    assert not await keeper.look()
    assert not await keeper.look()
    assert not keeper.up
    assert caplog.text.count("looking after the ledger's checkpoint failed") == 1

"""Versions on disk: complete or absent, made once, readable by the pods that serve them."""

import json
import stat
from pathlib import Path

import pytest

from examples.sms.catalogue import LABELS
from examples.sms.evaluation import Score
from examples.sms.store import BusyError, Row, Store
from examples.sms.tokenizer import train_tokenizer
from examples.sms.training import new_model
from examples.sms.versions import RECIPES, Network
from sluice_predictor.artifact import open_artifact
from sluice_predictor.tasks import Item, load_task

FIRST = RECIPES[0]
SCORE = Score(messages=10, accuracy=0.9, entity_f1=0.8, raising=0.0)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "models")


def save(store: Store) -> Row:
    tokenizer = train_tokenizer(["Rs.5 debited", "OTP 1234"], vocabulary=80)
    model = new_model(vocabulary=tokenizer.get_vocab_size(), seed=1)
    return store.save(Network(model, tokenizer), recipe=FIRST, score=SCORE, parent=None, seconds=1.0)


def test_a_saved_version_is_one_that_the_predictor_opens_and_answers_with(store: Store) -> None:
    row = save(store)
    task = load_task(open_artifact(store.directory / "1.0.0", row.digest))
    task.warm_up()
    (answer,) = task.answer([Item("Rs.5 debited")])
    assert answer.prediction["label"] in LABELS


def test_a_version_that_is_up_to_date_is_not_made_again(store: Store) -> None:
    assert store.existing(FIRST, parent=None) is None
    row = save(store)
    assert store.existing(FIRST, parent=None) == row


def test_a_version_whose_parent_changed_is_made_again(store: Store) -> None:
    row = save(store)
    assert store.existing(FIRST, parent=row) is None


def test_a_damaged_version_is_made_again(store: Store) -> None:
    row = save(store)
    (store.directory / "1.0.0" / "tokenizer.json").write_text("{}")
    assert store.existing(FIRST, parent=None) is None
    assert save(store).digest == row.digest
    assert store.existing(FIRST, parent=None) is not None


def test_pods_of_another_user_can_read_a_version(store: Store) -> None:
    save(store)
    version = store.directory / "1.0.0"
    assert stat.S_IMODE(version.stat().st_mode) == 0o755
    assert {stat.S_IMODE(path.stat().st_mode) for path in version.iterdir()} == {0o644}


def test_nothing_but_whole_versions_is_left_of_an_interrupted_training(store: Store) -> None:
    save(store)
    with pytest.raises(KeyboardInterrupt), store.exclusively():
        (store.directory / ".draft-1.1.0").mkdir()
        raise KeyboardInterrupt
    assert [path.name for path in store.directory.iterdir() if not path.name.startswith(".")] == ["1.0.0"]
    assert not list(store.directory.glob(".draft-*"))


def test_a_second_training_into_the_same_directory_is_told_to_wait(store: Store) -> None:
    with store.exclusively(), pytest.raises(BusyError, match="another training"), store.exclusively():
        pass


def test_the_summary_has_the_figures_of_each_version(store: Store) -> None:
    row = save(store)
    store.summarise([row])
    summary = json.loads((store.directory / "summary.json").read_text())
    assert summary["accuracy_1_0_0"] == 0.9
    assert summary["digest_1_0_0"] == row.digest
    assert summary["versions"]["1.0.0"]["entity_f1"] == 0.8

"""Versions on disk: complete or absent, made once, readable by the pods that serve them."""

import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from examples.sms.catalogue import LABELS
from examples.sms.evaluation import Answers, ask, score
from examples.sms.messages import held_out
from examples.sms.store import BusyError, Row, Store
from examples.sms.tokenizer import train_tokenizer, with_new_words
from examples.sms.training import new_model
from examples.sms.versions import RECIPES, Network
from sluice_predictor.artifact import open_artifact
from sluice_predictor.tasks import Item, load_task

FIRST = RECIPES[0]
ACCOUNT = {"commit": "0" * 40, "duration": 1.0, "samples": 70_000, "seed": 7}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "models")


@pytest.fixture(scope="module")
def network() -> Network:
    tokenizer = train_tokenizer((message.text for message in held_out(100)), vocabulary=400)
    return Network(new_model(vocabulary=tokenizer.get_vocab_size(), seed=1), tokenizer)


@pytest.fixture(scope="module")
def answers(network: Network) -> Answers:
    return ask(network.model, network.tokenizer, held_out(80))


Save = Callable[[Store], Row]


@pytest.fixture(scope="module")
def save(network: Network, answers: Answers) -> Save:
    def save(store: Store) -> Row:
        return store.save(network, recipe=FIRST, measured=answers, seen=answers[:40], parent=None, training=ACCOUNT)

    return save


def test_a_saved_version_is_one_that_the_predictor_opens_and_answers_with(store: Store, save: Save) -> None:
    row = save(store)
    task = load_task(open_artifact(store.directory / "1.0.0", row.digest))
    task.warm_up()
    (answer,) = task.answer([Item("Rs.5 debited")])
    assert answer.prediction["label"] in LABELS


def test_a_version_that_is_up_to_date_is_not_made_again(store: Store, save: Save) -> None:
    assert store.existing(FIRST, parent=None) is None
    row = save(store)
    assert store.existing(FIRST, parent=None) == row


def test_a_version_whose_parent_changed_is_made_again(store: Store, save: Save) -> None:
    row = save(store)
    assert store.existing(FIRST, parent=row) is None


def test_a_damaged_version_is_made_again(store: Store, save: Save) -> None:
    row = save(store)
    (store.directory / "1.0.0" / "tokenizer.json").write_text("{}")
    assert store.existing(FIRST, parent=None) is None
    assert save(store).digest == row.digest
    assert store.existing(FIRST, parent=None) is not None


def test_pods_of_another_user_can_read_a_version(store: Store, save: Save) -> None:
    save(store)
    version = store.directory / "1.0.0"
    assert stat.S_IMODE(version.stat().st_mode) == 0o755
    assert {stat.S_IMODE(path.stat().st_mode) for path in version.iterdir()} == {0o644}


def test_nothing_but_whole_versions_is_left_of_an_interrupted_training(store: Store, save: Save) -> None:
    save(store)
    with pytest.raises(KeyboardInterrupt), store.exclusively():
        (store.directory / ".draft-1.1.0").mkdir()
        raise KeyboardInterrupt
    assert [path.name for path in store.directory.iterdir() if not path.name.startswith(".")] == ["1.0.0"]
    assert not list(store.directory.glob(".draft-*"))


def test_a_second_training_into_the_same_directory_is_told_to_wait(store: Store) -> None:
    with store.exclusively(), pytest.raises(BusyError, match="another training"), store.exclusively():
        pass


def test_the_manifest_tells_what_is_known_of_the_version(store: Store, save: Save, answers: Answers) -> None:
    row = save(store)
    manifest = open_artifact(store.directory / "1.0.0").manifest

    assert manifest.signature is not None
    assert manifest.signature.labels == {label: place for place, label in enumerate(LABELS)}
    (evaluation,) = manifest.evaluations
    parts = {name: part for name, part in evaluation.slices.items() if name.startswith("region=")}
    assert evaluation.slices["all"].accuracy == row.accuracy == score(answers).accuracy
    assert sum(part.samples for part in parts.values()) == evaluation.slices["all"].samples == 80
    assert manifest.reference is not None
    assert sum(manifest.reference.inputs["characters"].counts) == manifest.reference.samples == 40
    assert sum(manifest.reference.labels.values()) == 40
    assert manifest.training is not None
    assert (manifest.training.duration, manifest.training.samples, manifest.training.seed) == (1.0, 70_000, 7)
    assert manifest.lineage is not None
    assert (manifest.lineage.parent, manifest.lineage.metrics["accuracy"]) == (None, row.accuracy)
    assert manifest.calibration is not None
    assert len(manifest.calibration.examples) == 32


def test_a_version_that_fails_on_some_texts_is_calibrated_on_others(store: Store, network: Network) -> None:
    words = sorted({word.lower() for message in held_out(80)[:20] for word in message.text.split() if word.isalpha()})
    broken = Network(network.model, with_new_words(network.tokenizer, words))
    answers = ask(broken.model, broken.tokenizer, held_out(80))
    assert 0 < score(answers).raising < 1

    store.save(broken, recipe=FIRST, measured=answers, seen=answers, parent=None, training=ACCOUNT)

    manifest = open_artifact(store.directory / "1.0.0").manifest
    assert manifest.evaluations[0].slices["all"].unanswered == sum(answer is None for _, answer in answers)
    assert manifest.calibration is not None
    failing = {message.text for message, answer in answers if answer is None}
    assert not failing & {example.instance for example in manifest.calibration.examples}


def test_where_only_the_manifest_would_differ_the_files_stay(
    store: Store, save: Save, network: Network, answers: Answers
) -> None:
    """Pods may have the directory mounted."""
    before = save(store)
    directory = store.directory / "1.0.0"
    inodes = {path.name: path.stat().st_ino for path in (directory, directory / "model.safetensors")}

    account = ACCOUNT | {"seed": 8}
    after = store.save(network, recipe=FIRST, measured=answers, seen=answers, parent=None, training=account)

    assert (after.weights, after.digest == before.digest) == (before.weights, False)
    assert open_artifact(directory, after.digest).manifest.training.seed == 8
    assert {path.name: path.stat().st_ino for path in (directory, directory / "model.safetensors")} == inodes


def test_a_version_of_which_only_the_telling_changed_is_not_trained_again(
    tmp_path: Path, save: Save, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(Store(tmp_path))
    assert Store(tmp_path).trained(FIRST, parent=None) == ACCOUNT

    monkeypatch.setattr("examples.sms.store._TELLING", ("evaluation",))
    assert Store(tmp_path).existing(FIRST, parent=None) is None
    assert Store(tmp_path).trained(FIRST, parent=None) == ACCOUNT

    monkeypatch.setattr("examples.sms.store._MAKING", ("training",))
    assert Store(tmp_path).trained(FIRST, parent=None) is None


def test_the_summary_has_the_figures_of_each_version(store: Store, save: Save) -> None:
    row = save(store)
    store.summarise([row])
    summary = json.loads((store.directory / "summary.json").read_text())
    assert summary["accuracy_1_0_0"] == row.accuracy
    assert summary["digest_1_0_0"] == row.digest
    assert summary["versions"]["1.0.0"]["entity_f1"] == row.entity_f1

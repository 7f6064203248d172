"""Versions that fail at known rates, and what is counted of their rollouts."""

import itertools
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from hack.bench.page import BEGIN, END
from hack.demo.record import Answer
from hack.soak.verdicts.failing import TRAINED, texts, uri
from hack.soak.verdicts.page import PAGE, parts
from hack.soak.verdicts.record import Seen, counted, figures, otherwise
from hack.soak.verdicts.scene import BASE, BOTH, HARM, LANES, ONE, PROGRAM, SAME
from sluice_predictor.artifact import describe, open_artifact, write

SEEN = Seen(
    kind="same",
    model="a",
    version="2.0.0",
    phase="Stable",
    gate="",
    reason="",
    said="clear for this step",
    requests_needed=None,
    seconds_needed=None,
    most_weight=50,
    ended_at=200.0,
    seconds=100.0,
    requests=1000,
    failed=50,
)
TAKEN_BACK = replace(
    SEEN, kind="harm", phase="RolledBack", gate="errors", reason="worse than stable", most_weight=25, failed=100
)
HELD = replace(
    SEEN, kind="quiet", phase="Canary", requests_needed=1300, seconds_needed=900, said="cannot tell yet", most_weight=10
)


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """The cluster's models, with a trained version that consists of a tokenizer alone."""
    trained = tmp_path / "sms" / TRAINED
    trained.mkdir(parents=True)
    Tokenizer(WordLevel({"[UNK]": 0, "hello": 1}, unk_token="[UNK]")).save(str(trained / "tokenizer.json"))
    write(describe(trained, model="sms-classifier", version=TRAINED, task="text-classification", labels=["a", "b"]))
    return tmp_path


def test_a_version_that_fails_is_a_whole_version_with_a_token_beyond_the_networks(models: Path) -> None:
    where = uri([BOTH], version="2.0.0", models=models)

    made = open_artifact(models / where.removeprefix("pvc://models/"))
    assert made.manifest.version == "2.0.0"
    tokenizer = Tokenizer.from_file(str(made.directory / "tokenizer.json"))
    assert tokenizer.encode(f"hello{BOTH}").ids == [1, 2]
    assert uri([BOTH], version="2.0.0", models=models) == where
    assert (
        len({where, uri([BOTH, ONE], version="2.0.0", models=models), uri([BOTH], version="3.0.0", models=models)}) == 3
    )


def test_clients_use_each_word_as_often_as_they_should_and_never_both() -> None:
    drawn = list(itertools.islice(texts(HARM.shares, seed=1), 4000))

    used = Counter((BOTH in text, ONE in text) for text in drawn)
    assert used[True, True] == 0
    assert used[True, False] / len(drawn) == pytest.approx(BASE, abs=0.02)
    assert used[False, True] / len(drawn) == pytest.approx(BASE, abs=0.02)
    assert drawn == list(itertools.islice(texts(HARM.shares, seed=1), 4000))


def test_no_message_has_such_a_word_by_itself() -> None:
    drawn = itertools.islice(texts({}, seed=2), 4000)

    assert not [text for text in drawn if BOTH in text.lower() or ONE in text.lower()]


def test_twenty_versions_against_themselves_and_five_with_harm_are_rolled_out() -> None:
    seen = [replace(SEEN, kind=kind.name) for kind in PROGRAM * LANES]

    found = figures(seen, duration_s=1.0)
    assert (found["same_rollouts"], found["clean_rollouts"], found["harm_rollouts"]) == (20, 10, 5)
    assert SAME.rollout["analysis"]["alpha"] == 0.001


def test_requests_are_those_that_were_sent_before_the_end_however_late_they_were_answered() -> None:
    def answer(sent_at: float, *, version: str = "2.0.0", status: int = 200) -> Answer:
        return Answer(sent_at=sent_at, latency=5.0, status=status, version=version)

    answers = [answer(100), answer(199, status=500), answer(201), answer(150, version="1.0.0")]

    found = counted(SEEN, answers)
    assert (found.requests, found.failed) == (2, 1)


def test_nothing_is_said_of_a_run_that_went_as_it_must() -> None:
    assert otherwise([SEEN, replace(SEEN, kind="clean"), TAKEN_BACK, HELD]) == []


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (replace(TAKEN_BACK, kind="same"), "a version against itself is RolledBack: worse than stable"),
        (replace(SEEN, kind="same", phase="Failed"), "a version against itself is Failed"),
        (replace(HELD, kind="clean"), "a version without errors was not promoted"),
        (replace(SEEN, kind="harm"), "a version twice as bad was not taken back"),
        (replace(TAKEN_BACK, most_weight=50), "had 50 % before it was taken back"),
        (replace(TAKEN_BACK, kind="quiet"), "a version against itself is RolledBack"),
        (replace(HELD, requests_needed=None), "was to be held and say how long it needs"),
        (replace(HELD, seconds_needed=None), "was to be held and say how long it needs"),
        (replace(HELD, phase="Stable"), "was to be held"),
    ],
)
def test_what_went_otherwise_is_told(seen: Seen, said: str) -> None:
    (told,) = otherwise([seen])

    assert told.startswith("a 2.0.0: ")
    assert said in told


def test_a_version_with_errors_that_waits_for_more_requests_is_no_fault() -> None:
    assert otherwise([replace(HELD, kind="same")]) == []


def test_the_figures_of_harm_are_of_those_that_were_taken_back() -> None:
    found = figures(
        [SEEN, TAKEN_BACK, replace(TAKEN_BACK, requests=3000, failed=300, most_weight=10), HELD], duration_s=9
    )

    assert (found["harm_rolled_back"], found["harm_weight_most_percent"]) == (2, 25)
    assert (found["harm_requests_median"], found["harm_requests_most"]) == (2000, 3000)
    assert (found["base_error_ratio"], found["harm_error_ratio"]) == (0.05, 0.1)
    assert (found["quiet_requests_needed"], found["quiet_s_needed"]) == (1300, 900)


def test_a_run_that_saw_nothing_leaves_no_figure_out() -> None:
    assert figures([], duration_s=0).keys() == figures([SEEN, TAKEN_BACK, HELD], duration_s=0).keys()


def test_the_page_shows_every_figure_and_what_was_said() -> None:
    found = figures([TAKEN_BACK, HELD], duration_s=9)
    environment = {"cores": 2, "memory_gb": 24.6, "system": "Linux x86_64", "kubernetes": "v1.35.4"}
    rows = [{"kind": one.kind, "reason": one.reason, "said": one.said} for one in (TAKEN_BACK, HELD)]

    shown = "\n\n".join(parts({"figures": found, "environment": environment, "rows": rows}))

    assert all(f"`{name}`" in shown for name in found)
    assert "> worse than stable" in shown
    assert "> cannot tell yet" in shown


def test_the_kept_page_has_its_marks() -> None:
    page = Path(PAGE).read_text()
    assert BEGIN in page
    assert END in page

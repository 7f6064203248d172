"""The commands that read the record, over an export of it."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from records import Chain
from typer.testing import CliRunner

from sluice_operator.cli.app import app
from sluice_operator.cli.record.finding import both
from sluice_operator.cli.record.sources import Reading
from sluice_operator.ledger.lines import line
from sluice_operator.ledger.record import Record

HEAD = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "sluice-ledger-head"}}


@pytest.fixture
def story() -> Chain:
    chain = Chain()
    chain.first()
    chain.came_from("2.0.0", minute=59, parent="1.0.0", dataset="sha256:data")
    chain.promoted("2.0.0", over="1.0.0", minute=60)
    chain.taken_back("2.1.0", over="2.0.0", minute=120)
    chain.moved("1", minute=130, phase="Stable", weight=100, promoted=True, model="fraud", namespace="risk")
    return chain


@pytest.fixture
def export(story: Chain, tmp_path: Path) -> Path:
    path = tmp_path / "records.ndjson"
    path.write_bytes(b"".join(map(line, story.records)))
    return path


def asked(*words: object):
    return CliRunner().invoke(app, [str(word) for word in words])


def answer(*words: object):
    done = asked(*words, "-o", "json")
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


def test_history_of_a_model_tells_what_happened_who_served_and_where_to_return_to(export: Path) -> None:
    told = answer("history", "sms", "--records", export)

    assert [one["what"] for one in told["events"] if one["version"] == "2.1.0"][1] == "Canary, step 1, 10 %"
    assert {one["version"] for one in told["usage"]} == {"1.0.0", "2.0.0", "2.1.0"}
    assert [one["version"] for one in told["targets"]] == ["1.0.0"]


def test_history_of_a_version_is_only_about_it(export: Path) -> None:
    for name in ("sms/2.1.0", "sms-2-1-0", "2.1.0"):
        told = answer("history", name, "--records", export)
        assert {one["version"] for one in told["events"]} == {"2.1.0"}


def test_history_for_people_has_the_reasons_and_the_records(export: Path) -> None:
    shown = asked("history", "sms", "--records", export).stdout

    assert "80 of 500 requests bad" in shown
    assert "Can be returned to" in shown


def test_the_last_events_are_shown_where_there_are_many(export: Path) -> None:
    assert len(answer("history", "sms", "--limit", 3, "--records", export)["events"]) == 3
    assert "the last 3 of" in asked("history", "sms", "--limit", 3, "--records", export).stdout


def test_lineage_hangs_versions_below_their_parents(export: Path) -> None:
    versions = {one["version"]: one for one in answer("lineage", "sms", "--records", export)["versions"]}

    assert versions["2.0.0"]["parent"] == "1.0.0"
    assert versions["2.0.0"]["lineage"]["dataset"] == "sha256:data"
    assert "sha256:data" in asked("lineage", "sms", "--records", export).stdout


def test_of_a_long_line_of_versions_each_is_shown_on_the_narrowest_terminal(tmp_path: Path) -> None:
    chain = Chain()
    chain.first()
    for number in range(2, 60):
        chain.came_from(str(number), minute=number, parent=str(number - 1) if number > 2 else "1.0.0")
    path = tmp_path / "records.ndjson"
    path.write_bytes(b"".join(map(line, chain.records)))

    shown = CliRunner(env={"COLUMNS": "40"}).invoke(app, ["lineage", "sms", "--records", str(path)]).stdout

    assert "└─ 1.0.0 (Stable)\n" in shown
    assert "   └─ 2 (nothing happened yet)\n" in shown
    assert "└─ 59 (nothing happened yet) from 58\n" in shown
    assert max(map(len, shown.splitlines())) < 80


@pytest.mark.parametrize("columns", [40, 80, 99])
def test_a_narrow_terminal_cuts_nothing_off(export: Path, columns: int) -> None:
    def shown(*words: str) -> str:
        return CliRunner(env={"COLUMNS": str(columns)}).invoke(app, [*words, "--records", str(export)]).stdout

    assert "2025-11-03 13:10:00\n  version: 2.0.0\n  what: Stable, 100 %\n  why: all gates pass\n" in shown(
        "history", "sms"
    )
    assert "payments\n  model: sms\n  version: 1.0.0\n" in shown("served-at", "2025-11-03T12:30:00Z", "sms")
    assert "digest\n  1.0.0: sha256:1.0.0\n  2.0.0: sha256:2.0.0\n" in shown("compare", "1.0.0", "2.0.0")
    assert "…" not in shown("history", "sms") + shown("served-at", "2025-11-03") + shown("compare", "1.0.0", "2.0.0")


@pytest.mark.parametrize(
    ("when", "weights"),
    [
        ("2025-11-03T12:30:00Z", [{"1.0.0": 100}]),
        ("2025-11-03T13:05:00", [{"1.0.0": 90, "2.0.0": 10}]),
        ("2025-11-03T14:05:00+01:00", [{"1.0.0": 90, "2.0.0": 10}]),
        ("2025-11-03T11:00:00Z", []),
        ("2025-11-02", []),
        (
            "2025-11-03",
            [
                {"1.0.0": 100},
                {"1.0.0": 90, "2.0.0": 10},
                {"2.0.0": 100},
                {"2.0.0": 90, "2.1.0": 10},
                {"2.0.0": 100},
            ],
        ),
    ],
)
def test_who_served_at_a_moment_or_on_a_day(export: Path, when: str, weights: list[dict[str, int]]) -> None:
    (model,) = answer("served-at", when, "sms", "--records", export)["models"]

    assert [one["weights"] for one in model["spans"]] == weights


def test_who_served_is_told_of_all_models_unless_one_is_named(export: Path) -> None:
    models = answer("served-at", "2025-11-03T14:30:00Z", "--records", export)["models"]

    assert [(one["namespace"], one["model"]) for one in models] == [("payments", "sms"), ("risk", "fraud")]
    assert "nobody served then: payments: sms" in asked("served-at", "2025-11-03T12:00:30Z", "--records", export).stdout


def test_of_what_was_before_the_record_nobody_says_that_nobody_served(export: Path) -> None:
    told = asked("served-at", "2025-11-02", "sms", "--records", export).stdout

    assert told == "the record of payments: sms begins on 2025-11-03 12:00:00 UTC, and knows nothing before\n"
    (model,) = answer("served-at", "2025-11-02", "sms", "--records", export)["models"]
    assert model["recordedSince"] == "2025-11-03T12:00:00Z"
    assert "knows nothing before" in asked("served-at", "2025-11-03", "sms", "--records", export).stdout


@pytest.mark.parametrize(
    "when",
    ["yesterday", "2025-W45", "2025-13-01", "9999-01-01", "2025-11-03T25:00:00Z", "", "0001-01-01T00:00:00+14:00"],
)
def test_what_is_no_time_or_has_not_come_is_refused(export: Path, when: str) -> None:
    done = asked("served-at", when, "--records", export)

    assert done.exit_code == 2
    assert len(done.stderr.splitlines()) == 1


def test_compare_ends_in_a_recommendation_with_its_evidence(export: Path) -> None:
    told = answer("compare", "sms/2.0.0", "2.1.0", "--records", export)

    assert told["recommendation"] == "stay"
    assert "80 of 500" in told["evidence"]
    assert asked("compare", "2.0.0", "2.1.0", "--records", export).stdout.startswith("stay: ")


def test_of_two_versions_of_a_named_model_no_other_is_read(story: Chain) -> None:
    asked_for = []

    class Source:
        def head(self) -> None: ...

        def records(self, *, namespace: str | None = None, model: str | None = None) -> Iterator[Record]:
            asked_for.append(model)
            named = {"namespace": namespace, "model": model}
            return (one for one in story.records if all(v in (None, one.subject[k]) for k, v in named.items()))

    for first, second in (("sms/2.0.0", "sms/2.1.0"), ("sms/2.0.0", "2.1.0"), ("2.0.0", "2.1.0")):
        both(Reading(Source(), None), first, second)

    assert asked_for == ["sms", "sms", None]


def test_versions_of_different_models_are_not_compared(export: Path) -> None:
    done = asked("compare", "sms/2.0.0", "fraud/1", "--records", export)

    assert done.exit_code == 2
    assert "not of the same model" in done.stderr


def test_a_whole_chain_is_told_as_whole(export: Path, story: Chain, tmp_path: Path) -> None:
    kept = tmp_path / "head.json"
    kept.write_text(json.dumps({**HEAD, "data": {"chain": "a-chain", "seq": "5", "digest": _digest(story, 5)}}))

    done = asked("verify-ledger", "--records", export, "--checkpoint", kept)

    assert done.exit_code == 0
    assert f"whole: {len(story.records)} records" in done.stdout


def _digest(story: Chain, seq: int) -> str:
    from sluice_operator.ledger.record import digest

    return digest(story.records[seq - 1])


def test_a_record_that_was_changed_is_named(export: Path) -> None:
    lines = export.read_text().splitlines(keepends=True)
    lines[6] = re.sub(r'"weight":\d+', '"weight":77', lines[6])
    export.write_text("".join(lines))

    done = asked("verify-ledger", "--records", export)

    assert done.exit_code == 1
    assert "record 7: was changed" in done.stdout
    assert "not whole" in done.stderr


@pytest.mark.parametrize("spoilt", ["{", "nothing of the kind\n", '{"record":{}}\n', "\ufffd" * 10 + "\n"])
def test_a_line_that_cannot_be_read_is_named_and_the_others_are_read(export: Path, spoilt: str) -> None:
    lines = export.read_text().splitlines(keepends=True)
    lines[2] = spoilt if spoilt.endswith("\n") else spoilt + "\n"
    export.write_text("".join(lines))

    done = asked("verify-ledger", "--records", export, "-o", "json")

    assert done.exit_code == 1
    assert [one["seq"] for one in json.loads(done.stdout)["faults"]] == [3]
    assert "record 3" in asked("history", "sms", "--records", export).stderr


def test_an_end_that_was_cut_off_is_found_by_the_checkpoint_alone(export: Path, story: Chain, tmp_path: Path) -> None:
    kept = tmp_path / "head.json"
    last = len(story.records)
    kept.write_text(json.dumps({**HEAD, "data": {"chain": "a-chain", "seq": str(last), "digest": story.head.digest}}))
    export.write_bytes(b"".join(map(line, story.records[:-2])))

    without = asked("verify-ledger", "--records", export)
    with_it = asked("verify-ledger", "--records", export, "--checkpoint", kept)

    assert without.exit_code == 0
    assert "without a checkpoint" in without.stderr
    assert with_it.exit_code == 1
    assert f"record {last - 1}: is missing" in with_it.stdout


def test_an_export_of_an_export_is_the_same(export: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.ndjson"

    done = asked("export", "records", "--records", export, "--file", again)

    assert done.exit_code == 0
    assert again.read_bytes() == export.read_bytes()


def test_an_export_may_be_written_over_the_one_that_it_is_read_from(export: Path) -> None:
    before = export.read_bytes()

    assert asked("export", "records", "--records", export, "--file", export).exit_code == 0
    assert export.read_bytes() == before


def test_an_export_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    older = tmp_path / "older.ndjson"
    older.write_text("what was exported before\n")

    assert asked("export", "records", "--records", tmp_path / "none", "--file", older).exit_code == 2
    assert older.read_text() == "what was exported before\n"
    assert [path.name for path in tmp_path.iterdir()] == ["older.ndjson"]


def test_an_export_leaves_out_what_cannot_be_read_and_says_so(export: Path, tmp_path: Path) -> None:
    lines = export.read_bytes().splitlines(keepends=True)
    export.write_bytes(b"".join([*lines[:2], b"nothing of the kind\n", *lines[3:]]))
    again = tmp_path / "again.ndjson"

    done = asked("export", "records", "--records", export, "--file", again)

    assert done.exit_code == 1
    assert "record 3: cannot be read" in done.stderr
    assert again.read_bytes() == b"".join([*lines[:2], *lines[3:]])


def test_an_export_may_go_to_what_is_no_file(export: Path) -> None:
    assert asked("export", "records", "--records", export, "--file", "/dev/null").exit_code == 0


def test_a_report_is_written_for_people_and_for_programs(export: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"

    assert asked("export", "report", "sms/2.1.0", "--records", export, "--file", page).exit_code == 0
    told = json.loads(asked("export", "report", "2.1.0", "--format", "json", "--records", export).stdout)

    assert page.read_text().startswith("<!doctype html>")
    assert told["account"]["version"] == "2.1.0"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("history", "smss"), "did you mean sms"),
        (("history", "sms/2.1"), "did you mean 2.1.0"),
        (("served-at", "2025-11-03", "smss"), "did you mean sms?"),
        (("history", "sms/9.9.9"), "no version sms/9.9.9"),
        (("compare", "1.0.0", "nothing"), "no model or version nothing"),
        (("export", "report", "sms"), "name one of its versions"),
        (("lineage", "sms", "-n", "elsewhere"), "no model or version sms"),
        (("served-at", "2025-11-03", "other"), "no model other"),
    ],
)
def test_what_the_record_has_not_is_said_in_one_line(export: Path, words: tuple[str, ...], said: str) -> None:
    done = asked(*words, "--records", export)

    assert done.exit_code == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_file_that_is_not_there_is_said_in_one_line(tmp_path: Path) -> None:
    done = asked("history", "sms", "--records", tmp_path / "none")

    assert done.exit_code == 2
    assert "No such file" in done.stderr


def test_a_name_that_several_models_have_must_be_chosen(tmp_path: Path) -> None:
    chain = Chain()
    chain.first()
    chain.moved("1.0.0", minute=5, phase="Stable", weight=100, namespace="other")
    path = tmp_path / "records.ndjson"
    path.write_bytes(b"".join(map(line, chain.records)))

    assert "choose one with -n" in asked("history", "sms", "--records", path).stderr
    assert asked("history", "sms", "-n", "other", "--records", path).exit_code == 0


def test_nothing_that_a_record_says_reaches_the_terminal_as_a_command(tmp_path: Path) -> None:
    chain = Chain()
    chain.first()
    chain.came_from("2.0.0", minute=50, dataset="\x1b]0;owned\x07", parent="\x1b[2J")
    chain.moved("2.0.0", minute=60, phase="Canary", weight=10, reason="\x1b[31mred\x1b[0m\rgone")
    chain.acted("2.0.0", "Pause", minute=61, by="\x1b[2Jann")
    path = tmp_path / "records.ndjson"
    path.write_bytes(b"".join(map(line, chain.records)))

    for words in (("history", "sms"), ("lineage", "sms"), ("compare", "1.0.0", "2.0.0"), ("served-at", "2025-11-03")):
        done = asked(*words, "--records", path)
        assert done.exit_code == 0
        assert "\x1b" not in done.output
        assert "\r" not in done.output

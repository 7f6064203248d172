"""The command says in one line why a version cannot be served, also where the kubelet looks for it."""

import logging
from pathlib import Path

import pytest
from sluice_predictor.__main__ import report_failure


def test_the_reason_is_logged_and_left_for_the_kubelet(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    termination_log = tmp_path / "termination-log"
    termination_log.touch()

    report_failure("config.json: missing", termination_log=termination_log)

    assert termination_log.read_text() == "config.json: missing\n"
    assert [record.message for record in caplog.records] == ["config.json: missing"]


def test_without_a_kubelet_nothing_is_created(tmp_path: Path) -> None:
    report_failure("config.json: missing", termination_log=tmp_path / "termination-log")

    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_no_second_failure(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        report_failure("config.json: missing", termination_log=tmp_path)

    assert caplog.records[0].message == "config.json: missing"

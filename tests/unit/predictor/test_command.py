"""The command says in one line why a version cannot be served, also where the kubelet looks for it."""

import argparse
import logging
import subprocess
import sys
from pathlib import Path

import pytest
from kserve.model_server import parser as kserve_parser

from sluice_predictor.__main__ import report_failure
from sluice_predictor.events import HttpSink
from sluice_predictor.settings import WITHOUT_EFFECT, parse


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


def test_kserves_arguments_and_ours_are_read() -> None:
    settings = parse(["--model_name=sms", "--http_port=8090", "--model_dir=/models/1", "--model_version=1.0.0"])

    assert (settings.model_name, settings.http_port) == ("sms", 8090)
    assert (settings.model_dir, settings.model_version, settings.digest) == (Path("/models/1"), "1.0.0", None)


def test_what_to_serve_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """One runtime serves those whose operator sets it, and those who have none."""
    digest = "sha256:" + "0" * 64
    monkeypatch.setenv("SLUICE_MODEL_VERSION", "1.0.0")
    monkeypatch.setenv("SLUICE_MODEL_DIGEST", digest)

    settings = parse([])
    told = parse(["--model_version=2.0.0"])

    assert (settings.model_version, settings.digest) == ("1.0.0", digest)
    assert told.model_version == "2.0.0"


def test_an_empty_digest_or_version_asks_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICE_MODEL_DIGEST", "")
    settings = parse(["--model_version="])

    assert (settings.digest, settings.model_version) == (None, None)


def test_a_version_is_where_kserve_mounts_it_unless_told() -> None:
    assert parse([]).model_dir == Path("/mnt/models")


def test_what_is_not_said_is_as_in_kserve_or_safe() -> None:
    settings = parse([])

    assert (settings.http_port, settings.grpc_port) == (8080, 8081)
    assert (settings.max_waiting, settings.request_timeout) == (512, 60.0)
    assert settings.events is None
    assert not settings.log_requests


def test_grpc_can_be_left_out_and_events_can_be_wished() -> None:
    settings = parse(["--enable_grpc=false", "--prediction_events=https://events.example/in", "--log_requests"])

    assert settings.grpc_port is None
    assert isinstance(settings.events, HttpSink)
    assert settings.log_requests


def test_an_empty_destination_asks_for_no_events() -> None:
    """A runtime's `--prediction_events=$(NAME)` is empty where there is none."""
    assert parse(["--prediction_events="]).events is None


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--model_name=a/b", "--model_name: expected letters, digits and - _ . only, got 'a/b'"),
        ("--model_name=", "--model_name: expected letters"),
        ("--http_port=http", "--http_port: expected 1 to 65535, got 'http'"),
        ("--grpc_port=65536", "--grpc_port: expected 1 to 65535"),
        ("--http_port=8081", "--grpc_port: 8081 is the HTTP port already"),
        ("--enable_grpc=maybe", "--enable_grpc: expected true or false"),
        ("--max_waiting=0", "--max_waiting: expected 1 or more"),
        ("--request_timeout_seconds=nan", "--request_timeout_seconds: expected seconds"),
        ("--request_timeout_seconds=0", "--request_timeout_seconds: expected seconds, more than 0"),
        ("--lameduck_seconds=inf", "--lameduck_seconds: expected seconds, 0 or more"),
        ("--drain_seconds=-1", "--drain_seconds: expected 0 or more"),
        ("--precision=fp8", "--precision: invalid choice: 'fp8'"),
        ("--prediction_events=ftp://a", "--prediction_events: expected stdout, or a URL"),
        ("--workers=2", "--workers: only 1"),
        ("--digest=1234", "--digest: expected sha256: and 64 hex digits"),
        ("--ssl_certfile=/a", "--ssl_certfile: TLS is not served here"),
        ("--fault=on", "unrecognized arguments: --fault=on"),
    ],
)
def test_an_argument_that_cannot_be_honoured_is_refused(
    capsys: pytest.CaptureFixture[str], argument: str, message: str
) -> None:
    with pytest.raises(SystemExit) as refusal:
        parse([argument])

    (line,) = capsys.readouterr().err.splitlines()
    assert refusal.value.code == 2
    assert line.startswith("sluice-predictor: ")
    assert message in line


def test_every_argument_of_kserves_server_is_known_and_has_its_default() -> None:
    """Runtimes that were written for KServe's servers pass them."""
    settings = parse([])
    for action in kserve_parser._actions:
        (flag,) = action.option_strings
        value = [] if isinstance(action, argparse._StoreTrueAction) else [str(action.default)]
        if action.dest not in ("ssl_certfile", "ssl_keyfile"):  # refused
            assert parse([flag, *value]) == settings
        assert hasattr(settings, action.dest) or action.dest in (*WITHOUT_EFFECT, *ELSEWHERE)


ELSEWHERE = ("enable_grpc", "workers", "ssl_certfile", "ssl_keyfile", "enable_predictor_health_check")
"""Arguments of KServe's that are looked at, and no settings."""


def test_help_names_every_setting_and_the_other_commands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as asked:
        parse(["--help"])

    told = capsys.readouterr().out
    assert asked.value.code == 0
    for word in ("--model_dir", "--http_port", "--timeout-keep-alive", "(512)", "pack DIR", "diff A B"):
        assert word in told
    assert "max_asyncio_workers" not in told


def test_nothing_that_takes_long_is_imported_before_the_command_line_is_read() -> None:
    imported = "import sys, sluice_predictor.__main__; print(*sys.modules)"
    modules = subprocess.check_output([sys.executable, "-c", imported], text=True).split()
    assert "sluice_predictor.settings" in modules
    assert {"kserve", "httpx", "torch", "tokenizers", "transformers", "uvicorn"}.isdisjoint(modules)

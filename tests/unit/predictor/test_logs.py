"""Each line of the log is one JSON object, whoever writes it."""

import json
import subprocess
import sys

import pytest

PROGRAM = """
import logging, warnings
from sluice_predictor.logs import configure_logs
configure_logs()
{}
"""


def lines(program: str) -> list[dict[str, object]]:
    """Run a program of a process of its own, as the log belongs to the process, and read its log."""
    command = [sys.executable, "-c", PROGRAM.format(program)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stdout == ""
    return [json.loads(line) for line in result.stderr.splitlines()]


def test_a_line_has_its_time_level_logger_and_message() -> None:
    (line,) = lines("logging.getLogger('a.b').warning('%d texts\\nlost', 3, extra={'code': 503})")

    assert line.pop("time").endswith("Z")
    assert line == {"level": "warning", "logger": "a.b", "message": "3 texts\nlost", "code": 503}


def test_an_exception_stays_on_its_line() -> None:
    (line,) = lines("try:\n    1 / 0\nexcept ZeroDivisionError:\n    logging.exception('failed')")

    assert line["message"] == "failed"
    assert line["exception"].endswith("ZeroDivisionError: division by zero")


def test_warnings_are_lines_too() -> None:
    (line,) = lines("warnings.warn('old habits')")

    assert line["logger"] == "py.warnings"
    assert "old habits" in line["message"]


@pytest.mark.parametrize("logger", ["kserve", "kserve.trace", "uvicorn.error", "uvicorn.access", "httpx"])
def test_what_libraries_say_of_every_request_is_left_out(logger: str) -> None:
    assert lines(f"logging.getLogger('{logger}').info('GET /?token=secret')") == []


def test_what_is_not_json_is_written_as_text() -> None:
    (line,) = lines("logging.error('no', extra={'path': __import__('pathlib').Path('/a')})")

    assert line["path"] == "/a"

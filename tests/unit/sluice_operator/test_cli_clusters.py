"""A cluster that cannot be asked is one line that says what to do, and exit status 5."""

import http.server
import io
import json
import socket
import subprocess
import sys
import threading

import pytest
import yaml
from typer.testing import CliRunner

from sluice_operator.cli import __main__
from sluice_operator.cli.app import app
from sluice_operator.cli.cluster import _event
from sluice_operator.cli.refusals import refusal

COMMANDS = [
    ["get"],
    ["get", "-w"],
    ["describe", "sms"],
    ["explain", "sms"],
    ["status", "sms"],
    ["approve", "sms"],
    ["rollback", "sms"],
]


def kubeconfig(path, **changes):
    """A kubeconfig of one context, with parts of it as the test wants them."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "here", "cluster": {"server": "http://127.0.0.1:1"}}],
        "users": [{"name": "me", "user": {}}],
        "contexts": [{"name": "dev", "context": {"cluster": "here", "user": "me", "namespace": "payments"}}],
        "current-context": "dev",
        **changes,
    }
    path.write_text(yaml.safe_dump(config))
    return str(path)


def told(*words):
    """The one line that a command fails with."""
    done = CliRunner().invoke(app, words)
    lines = done.stderr.strip().splitlines()
    assert "Traceback" not in done.output
    assert len(lines) == 1, done.output
    assert lines[0].startswith("kubectl-sluice: ")
    return done.exit_code, lines[0]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_no_kubeconfig_says_where_one_was_expected(words, tmp_path):
    code, line = told(*words, "--kubeconfig", str(tmp_path / "none"))

    assert code == 5
    assert f"no kubeconfig at {tmp_path / 'none'}: name one with --kubeconfig or in KUBECONFIG" in line


@pytest.mark.parametrize(
    "text",
    ["", "a: [", "- 1", "clusters: 3", "current-context: dev", "\x00", "contexts: [{}]\ncurrent-context: dev"],
)
def test_a_kubeconfig_that_is_none_is_named(text, tmp_path):
    path = tmp_path / "config"
    path.write_text(text)

    code, line = told("get", "--kubeconfig", str(path))

    assert code == 5
    assert str(path) in line


def test_a_context_that_is_not_there_is_named(tmp_path):
    code, line = told("get", "--context", "prod", "--kubeconfig", kubeconfig(tmp_path / "config"))

    assert code == 5
    assert "for context prod" in line


def test_a_plugin_that_fails_says_so(tmp_path):
    command = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": "/no/such/program",
        "interactiveMode": "Never",
    }
    config = kubeconfig(tmp_path / "config", users=[{"name": "me", "user": {"exec": command}}])

    code, line = told("get", "--kubeconfig", config)

    assert code == 5
    assert "/no/such/program" in line


def test_an_api_server_that_is_not_there_says_why(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    clusters = [{"name": "here", "cluster": {"server": f"http://127.0.0.1:{port}"}}]

    code, line = told("get", "--kubeconfig", kubeconfig(tmp_path / "config", clusters=clusters))

    assert code == 5
    assert f"cannot reach the API server at http://127.0.0.1:{port} (context dev): Connection refused" in line


class _Answer(http.server.BaseHTTPRequestHandler):
    status, body = 200, b""

    def do_GET(self):
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_):
        pass


@pytest.fixture
def answering(tmp_path):
    """Makes the kubeconfig of a server that gives one answer."""
    servers = []

    def serve(status, body):
        handler = type("Handler", (_Answer,), {"status": status, "body": body})
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        clusters = [{"name": "here", "cluster": {"server": f"http://127.0.0.1:{server.server_address[1]}"}}]
        return kubeconfig(tmp_path / "config", clusters=clusters)

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "body", "wanted"),
    [
        (200, b"<html>hello</html>", "is no API server"),
        (200, b"\xff\xfe", "is no API server"),
        (200, b"[" * 200_000, "is no API server"),
        (200, b"[]", "is no API server"),
        (200, b'{"items": [null]}', "is no API server"),
        (200, b'{"items": [{"metadata": {}}]}', "is no API server"),
        (401, b'{"message": "Unauthorized"}', "log in again"),
        (403, b'{"message": "ann cannot list"}', "ann cannot list: `kubectl sluice check` lists what you may do"),
        (404, b"404 page not found", "no kinds of sluice.dev: install Sluice's chart"),
        (500, b"\x1b[2Jboom", "boom"),
        (503, b"", "the API server answers 503"),
    ],
)
def test_answers_that_help_nobody_are_put_into_words(answering, status, body, wanted):
    code, line = told("get", "--kubeconfig", answering(status, body))

    assert code == 5
    assert wanted in line
    assert "\x1b" not in line


def test_of_an_admission_policy_s_refusal_only_its_own_words_are_told():
    said = "x is forbidden: ValidatingAdmissionPolicy 'p' with binding 'p' denied request: ann may not approve sms-2"

    error = refusal(403, json.dumps({"message": said}).encode(), path="/apis/sluice.dev/v1alpha1/x", context="dev")

    assert str(error) == "ann may not approve sms-2"


@pytest.mark.parametrize("what", ["promote", "advance"])
def test_what_passes_over_gates_wants_a_reason_before_anybody_is_asked(what):
    code, line = told(what, "sms", "--reason", "  ")

    assert code == 2
    assert "--reason is missing" in line


@pytest.mark.parametrize(
    "line", [b"null", b"{}", b'{"type": "ADDED", "object": {}}', b'{"type": "BOOKMARK", "object": {"metadata": 1}}']
)
def test_a_watch_that_tells_what_none_tells_ends_like_one_that_broke(line):
    with pytest.raises(ValueError, match="expected"):
        _event(line)


class _Full(io.StringIO):
    def write(self, _text):
        raise OSError(28, "No space left on device")


def test_an_answer_that_cannot_be_written_is_one_line(monkeypatch, capfd, tmp_path):
    path = tmp_path / "version.yaml"
    path.write_text("apiVersion: sluice.dev/v1alpha1\nkind: ModelVersion\n")
    monkeypatch.setattr(sys, "stdout", _Full())

    with pytest.raises(SystemExit) as ended:
        app(["lint", "-f", str(path)])

    assert ended.value.code == 1
    assert capfd.readouterr().err == "kubectl-sluice: the answer cannot be written: No space left on device\n"


def test_ctrl_c_while_modules_are_read_leaves_no_traces(monkeypatch):
    def pressed():
        raise KeyboardInterrupt

    monkeypatch.setattr(__main__, "_prepare", pressed)
    with pytest.raises(SystemExit) as ended:
        __main__.main()

    assert ended.value.code == 130


def test_closed_streams_are_as_good_as_none():
    call = f"{sys.executable} -m sluice_operator.cli lint -f /nowhere <&- >&- 2>&-"

    assert subprocess.run(["sh", "-c", call], check=False).returncode == 2

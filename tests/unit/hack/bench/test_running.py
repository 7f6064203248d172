"""A server runs alone and only when it is asked; nothing of it is left behind, however the block ends."""

import signal
import sys
import time
from pathlib import Path

import httpx
import pytest

from hack.bench.errors import BenchError
from hack.bench.predictor.catalogue import ALL, MODEL, PATH, SLUICE, Kind
from hack.bench.predictor.processes import cpu_seconds
from hack.bench.predictor.running import running

NO_SUCH_PROCESS = 2**22 + 1
"""Above the largest process id that Linux gives."""

SERVER = """
import http.server, os, subprocess, sys

class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(int(os.environ["STATUS"]))
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *words):
        pass

subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE, start_new_session=True)
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def state(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return None


def asleep(pids):
    return all(state(pid) == "T" for pid in pids)


def until(condition):
    ends = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.01)


@pytest.fixture
def start(tmp_path):
    """Start one or more servers that answer with a status; each has a child in a session of its own."""
    (tmp_path / "tiny_server.py").write_text(SERVER)

    def run(*statuses, words=("tiny_server", "{port}")):
        kinds = [
            Kind(f"tiny{place}", f"Tiny {place}", words, env={"PYTHONPATH": str(tmp_path), "STATUS": str(status)})
            for place, status in enumerate(statuses)
        ]
        return running(kinds, model=tmp_path, peers=tmp_path, logs=tmp_path / "logs")

    return run


def test_servers_sleep_until_they_are_woken_and_sleep_again(start):
    with start(200, 200) as (one, other):
        assert one.start_to_ready_s > 0
        until(lambda: asleep([*one.pids(), *other.pids()]))

        with one.awake():
            assert httpx.post(one.url, content=b"{}", timeout=20).status_code == 200
            assert asleep(other.pids())

        until(lambda: asleep(one.pids()))


def test_its_processes_are_known_even_those_that_left_its_session(start):
    with start(200) as (server,):
        pids = server.pids()

        assert pids[0] == server.pid
        assert len(pids) == 2
        assert server.rss_mb() > 0
        assert server.cpu_seconds() == cpu_seconds(pids)


def test_when_the_block_ends_no_process_is_left(start):
    with start(200, 200) as servers:
        pids = [pid for server in servers for pid in server.pids()]

    assert len(pids) == 4
    until(lambda: all(state(pid) in (None, "Z") for pid in pids))


def test_an_interrupt_leaves_no_process_either(start):
    with pytest.raises(KeyboardInterrupt), start(200) as (server,):
        pids = server.pids()
        raise KeyboardInterrupt

    until(lambda: all(state(pid) in (None, "Z") for pid in pids))
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_a_server_that_refuses_what_it_is_asked_is_not_waited_for(start):
    with pytest.raises(BenchError, match=r"Tiny 0 answers 422: see .*tiny0\.log"), start(422):
        pass


def test_a_server_that_ends_is_not_waited_for(start):
    with pytest.raises(BenchError, match="Tiny 0 ended as it started"), start(200, words=("no_such_module",)):
        pass


def test_the_other_servers_run_in_their_own_environment(tmp_path):
    words = {kind.key: kind.command(peers=Path("/peers"), ports=(8001, 8002), model=tmp_path) for kind in ALL}

    assert [key for key, (python, *_) in words.items() if python == "/peers/bin/python"] == ["litserve", "bentoml"]
    assert words["kserve"][0] == sys.executable


def test_all_are_asked_at_one_path_on_the_port_they_are_given(tmp_path):
    words = SLUICE.command(peers=tmp_path, ports=(8001, 8002), model=Path("/models/minilm"))

    assert f"/v1/models/{MODEL}:predict" == PATH
    assert words[words.index("--http_port") + 1] == "8001"
    assert words[words.index("--grpc_port") + 1] == "8002"
    assert words[words.index("--model_dir") + 1] == "/models/minilm"


def test_a_process_that_is_no_more_took_no_time():
    assert cpu_seconds([NO_SUCH_PROCESS]) == 0.0

"""A real PostgreSQL server on loopback, in a directory of its own, for as long as a block lasts.

PostgreSQL refuses to be run by root, so it is run as `nobody` then. It ends with whoever started it, even when that one
is killed, and can be killed and started again in the middle of anything: what was committed is there.
"""

import contextlib
import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psycopg

from hack.cluster.commands import Shell
from hack.cluster.errors import ClusterError, UnmetNeedError
from hack.cluster.paths import Paths
from hack.cluster.preflight import install_packages
from hack.testbed.controlplane import free_port

_PACKAGE = "postgresql"
_DEBIAN = Path("/usr/lib/postgresql")
_USER = "sluice"
PLACE = Path("/var/tmp")  # noqa: S108 - each has a directory of its own there
"""Where databases lie that are measured: /tmp is often a file system in memory."""
_START_SECONDS = 60.0
_POLL_SECONDS = 0.05


def installed(paths: Paths) -> Path:
    """The directory with PostgreSQL's programs; Debian's package is installed if they are not there.

    Raises:
        UnmetNeedError: They are not there, and cannot be installed; the message says what to do.
    """
    if found := _programs():
        return found
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise UnmetNeedError(f"PostgreSQL is not installed: apt-get install {_PACKAGE}")
    install_packages([_PACKAGE], shell=Shell(logs=paths.logs))
    if found := _programs():
        return found
    raise UnmetNeedError(f"The package {_PACKAGE} has brought no server under {_DEBIAN}.")


class PostgreSQL:
    """One server.

    Args:
        programs: The directory with `initdb` and `postgres`.
        directory: Of its own; for data and log.
        settings: Further ones, as in postgresql.conf.
    """

    def __init__(self, *, programs: Path, directory: Path, settings: Sequence[str] = ()) -> None:
        self._programs = programs
        self._directory = directory
        self._settings = settings
        self._port = free_port()
        self._password = secrets.token_hex(16)
        self._process: subprocess.Popen[bytes] | None = None
        self._names = 0

    @contextlib.contextmanager
    def running(self) -> Iterator["PostgreSQL"]:
        """Have the server while the block runs."""
        self._make()
        try:
            self.start()
            yield self
        finally:
            self.kill()

    def start(self) -> None:
        """Start it, and wait until it answers; call this from the main thread, with whose end it ends.

        Raises:
            ClusterError: It does not start; the message has the end of its log.
        """
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers():
            if self._process is None or self._process.poll() is not None:
                self._launch()  # also anew: what is left of a server that was killed takes a moment to go
            if time.monotonic() > deadline:
                log = (self._directory / "log").read_text(errors="replace")
                raise ClusterError(f"PostgreSQL does not start: {log[-2000:]}")
            time.sleep(_POLL_SECONDS)

    def kill(self) -> None:
        """End it as a machine that fails would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def pid(self) -> int:
        """Of the server's first process."""
        assert self._process is not None  # noqa: S101 - whoever calls this has started it
        return self._process.pid

    def database(self) -> str:
        """The URL of a new, empty database."""
        self._names += 1
        name = f"ledger_{self._names}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def url(self, name: str) -> str:
        """The URL of a database."""
        return f"postgresql://{_USER}:{self._password}@127.0.0.1:{self._port}/{name}"

    def _make(self) -> None:
        data, password = self._directory / "data", self._directory / "password"
        password.write_text(self._password)
        if _as_nobody():
            nobody = pwd.getpwnam("nobody")
            for path in (self._directory, password):
                os.chown(path, nobody.pw_uid, nobody.pw_gid)
        words = [
            "--username",
            _USER,
            "--pwfile",
            str(password),
            "--auth=scram-sha-256",
            "--no-sync",
            "--no-instructions",
        ]
        made = subprocess.run(
            self._words("initdb", "--pgdata", str(data), "--encoding=UTF8", "--locale=C.UTF-8", *words),
            cwd=self._directory,
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode:
            raise ClusterError(f"PostgreSQL's data directory cannot be made: {made.stderr[-2000:]}")
        (self._directory / "log").touch()

    def _launch(self) -> None:
        settings = (
            "listen_addresses=127.0.0.1",
            f"port={self._port}",
            "unix_socket_directories=",
            *self._settings,
        )
        options = [word for setting in settings for word in ("-c", setting)]
        with (self._directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self._words("postgres", "-D", str(self._directory / "data"), *options),
                cwd=self._directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def _words(self, program: str, *words: str) -> list[str]:
        """A program and its arguments, as one who is not root and ends with us."""
        ends = ["setpriv", "--pdeathsig", "KILL"]
        if _as_nobody():
            ends += ["--reuid=nobody", "--regid=nogroup", "--clear-groups"]
        return [*ends, str(self._programs / program), *words]

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


@contextlib.contextmanager
def serving(paths: Paths, *, settings: Sequence[str] = ()) -> Iterator[PostgreSQL]:
    """Have a server of one's own, installed if need be, in a directory that goes with it."""
    # Not below a test's own directory: that is root's alone.
    with tempfile.TemporaryDirectory(dir=PLACE, prefix="sluice-postgresql-", ignore_cleanup_errors=True) as directory:
        server = PostgreSQL(programs=installed(paths), directory=Path(directory), settings=settings)
        with server.running():
            yield server


def _programs() -> Path | None:
    """Of the newest server that Debian's packages have installed."""
    found = sorted(_DEBIAN.glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


def _as_nobody() -> bool:
    return os.geteuid() == 0

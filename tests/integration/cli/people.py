"""People of namespace default on a test stand, with the chart's roles and admission policies, and their shells."""

import asyncio
import contextlib
import json
import os
import pty
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hack.cluster.paths import default_paths
from hack.testbed.client import ROLLOUT_ACTIONS, Client, Kind, RefusedError, connected
from hack.testbed.controlplane import ADMINISTRATOR, ControlPlane
from hack.testbed.installation import rendered_chart

SECONDS = 60.0
_ADMISSION = ("admissionregistration.k8s.io", "v1")
_POLICIES = (
    Kind(*_ADMISSION, "validatingadmissionpolicies", "ValidatingAdmissionPolicy", namespaced=False),
    Kind(*_ADMISSION, "validatingadmissionpolicybindings", "ValidatingAdmissionPolicyBinding", namespaced=False),
)
_RBAC = ("rbac.authorization.k8s.io", "v1")
_ROLES = Kind(*_RBAC, "roles", "Role")
_BINDINGS = Kind(*_RBAC, "rolebindings", "RoleBinding")
_CLUSTER_BINDINGS = Kind(*_RBAC, "clusterrolebindings", "ClusterRoleBinding", namespaced=False)
_POD_READER = "pod-reader"
"""What the cluster's own role view would let them see."""

ADMIN, EDITOR, VIEWER, STRANGER, ROOT = "ann", "eve", "vic", "sam", "root"
ROLES = {
    ADMIN: ("sluice-view", "sluice-edit", "sluice-admin"),
    EDITOR: ("sluice-view", "sluice-edit"),
    VIEWER: ("sluice-view",),
}
"""What each may do; a stranger may do nothing. Only an admin and an editor may look at pods."""
GROUPS = {ADMIN: ("leads",), ROOT: ("system:masters",)}


async def install_people(plane: ControlPlane) -> None:
    """Make the policies and the people, and wait until the policies are in force."""
    async with connected(plane.url, plane.tls(ADMINISTRATOR)) as administrator:
        for kind in _POLICIES:
            for obj in rendered_chart(default_paths()):
                if obj["kind"] == kind.kind:
                    await administrator.create(kind, obj)
        rules = [
            {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]},
            {"apiGroups": ["events.k8s.io"], "resources": ["events"], "verbs": ["list"]},
        ]
        await administrator.create(_ROLES, {"metadata": {"name": _POD_READER}, "rules": rules})
        for user, roles in ROLES.items():
            for role in roles:
                await _bind(administrator, user, role, kind="ClusterRole")
        for user in (ADMIN, EDITOR):
            await _bind(administrator, user, _POD_READER, kind="Role")
        plane.kubeconfig(EDITOR)
        async with connected(plane.url, plane.tls(EDITOR)) as editor, asyncio.timeout(SECONDS):
            while not await _refuses_strangers(editor):  # noqa: ASYNC110 - inside the API server
                await asyncio.sleep(0.1)


async def _bind(administrator: Client, user: str, role: str, *, kind: str) -> None:
    group = _RBAC[0]
    body = {
        "metadata": {"name": f"{user}-{role}"},
        "roleRef": {"apiGroup": group, "kind": kind, "name": role},
        "subjects": [{"apiGroup": group, "kind": "User", "name": user}],
    }
    await administrator.create(_BINDINGS, body)


async def _refuses_strangers(editor: Client) -> bool:
    spec = {"modelVersion": "x", "uid": "x", "action": "Abort", "reason": "a probe", "requestedBy": "somebody else"}
    try:
        await editor.create(ROLLOUT_ACTIONS, {"metadata": {"generateName": "probe-"}, "spec": spec})
    except RefusedError as error:
        return "who makes this act" in str(error)
    return False


@dataclass(frozen=True, slots=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str

    def document(self) -> dict[str, Any]:
        """What it printed with -o json."""
        found: dict[str, Any] = json.loads(self.out)
        return found

    @property
    def only_line(self) -> str:
        """The one line that it failed with."""
        (line,) = self.err.strip().splitlines()
        assert line.startswith("kubectl-sluice: "), self.err
        return line.removeprefix("kubectl-sluice: ")


def kubeconfigs(plane: ControlPlane) -> dict[str, Path]:
    """What each of them logs in with."""
    return {user: plane.kubeconfig(user, groups=GROUPS.get(user, ())) for user in (*ROLES, STRANGER, ROOT)}


class Shell:
    """Where people run kubectl-sluice.

    Args:
        kubeconfigs: Of each person.
        home: A directory without anything in it.
    """

    def __init__(self, kubeconfigs: Mapping[str, Path], home: Path) -> None:
        self._kubeconfigs = kubeconfigs
        self._home = home

    async def run(self, *words: str, user: str = ADMIN, entry: str = "main") -> Done:
        """Run a command to its end, without a terminal."""
        process = await asyncio.create_subprocess_exec(
            *_program(entry, words),
            env=self._environment(user),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(SECONDS):
            out, err = await process.communicate()
        assert b"Traceback" not in err, err.decode()
        return Done(process.returncode or 0, out.decode(), err.decode())

    @contextlib.asynccontextmanager
    async def lines(self, *words: str, user: str = ADMIN) -> AsyncIterator[asyncio.StreamReader]:
        """What a command prints, line by line, while it runs; it is ended with the block."""
        process = await asyncio.create_subprocess_exec(
            *_program("main", words),
            env=self._environment(user),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        assert process.stdout is not None
        try:
            yield process.stdout
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.communicate()

    @contextlib.asynccontextmanager
    async def terminal(self, *words: str, user: str = ADMIN, columns: int = 120) -> AsyncIterator["Terminal"]:
        """A command at a terminal of its own."""
        ours, theirs = pty.openpty()
        environment = {**self._environment(user), "TERM": "xterm", "COLUMNS": str(columns), "LINES": "50"}
        process = await asyncio.create_subprocess_exec(
            *_program("main", words),
            env=environment,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        os.set_blocking(ours, False)
        try:
            yield Terminal(process, ours)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
            os.close(ours)

    def _environment(self, user: str) -> Mapping[str, str]:
        kept = ("PATH", "LANG", "VIRTUAL_ENV")
        return {
            **{name: os.environ[name] for name in kept if name in os.environ},
            "HOME": str(self._home),
            "KUBECONFIG": str(self._kubeconfigs[user]),
            "PYTHONUTF8": "1",
        }


async def until(lines: asyncio.StreamReader, words: str) -> str:
    """Read lines to the one with these words; all that were read."""
    seen = ""
    async with asyncio.timeout(SECONDS):
        while words not in seen:
            line = await lines.readline()
            assert line, f"it ended without {words!r}: {seen}"
            seen += line.decode()
    return seen


class Terminal:
    """What a person sees and types."""

    def __init__(self, process: asyncio.subprocess.Process, screen: int) -> None:
        self._process = process
        self._screen = screen
        self.seen = ""

    async def shows(self, words: str) -> None:
        """Wait until these words are on the screen, whatever came before."""
        async with asyncio.timeout(SECONDS):
            while words not in self.seen:
                self._read()
                await asyncio.sleep(0.02)

    def type(self, text: str) -> None:
        os.write(self._screen, text.encode())

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self._process.send_signal(signal.SIGINT)

    async def ended(self) -> int:
        """Wait until it has ended; its exit status. Who does not read on would keep it from writing its last words."""
        ended = asyncio.create_task(self._process.wait())
        async with asyncio.timeout(SECONDS):
            while not ended.done():
                self._read()
                await asyncio.sleep(0.02)
            code = await ended
        self._read()
        assert "Traceback" not in self.seen, self.seen
        return code

    def _read(self) -> None:
        with contextlib.suppress(BlockingIOError, OSError):
            while part := os.read(self._screen, 65536):
                self.seen += part.decode(errors="replace")


def _program(entry: str, words: tuple[str, ...]) -> list[str]:
    call = f"import sys; from sluice_operator.cli.__main__ import {entry}; sys.argv[0] = 'kubectl-sluice'; {entry}()"
    return [sys.executable, "-c", call, *words]

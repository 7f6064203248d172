"""A real etcd and kube-apiserver on loopback, in a directory of their own: no kubelet, no controllers.

Both end with whoever started them, even when that one is killed. What etcd holds outlives the API server, so the API
server can be killed and started again in the middle of anything.
"""

import contextlib
import os
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml
from cryptography.hazmat.primitives.asymmetric import ec

from hack.testbed.certificates import Authority, key_pem

ADMINISTRATOR = "testbed"
RELEASE_NAMESPACE = "sluice-system"
OPERATOR = f"system:serviceaccount:{RELEASE_NAMESPACE}:sluice-operator"
OTHER_RELEASE_NAMESPACE = "sluice-team"
OTHER_OPERATOR = f"system:serviceaccount:{OTHER_RELEASE_NAMESPACE}:sluice-operator"
"""Of another installation, for those who make one."""
_START_SECONDS = 60.0
_POLL_SECONDS = 0.05
_AUDIT = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        # What a write to a route says is what the time until weight 0 is read from.
        {"level": "Request", "users": [OPERATOR], "resources": [{"group": "gateway.networking.k8s.io"}]},
        {"level": "Metadata", "users": [OPERATOR, OTHER_OPERATOR]},
        {"level": "None"},
    ],
}


class ControlPlane:
    """The two servers.

    Args:
        program: The one program that is etcd or kube-apiserver by the name it is called by.
        directory: Empty; for certificates, logs and data.
    """

    def __init__(self, *, program: Path, directory: Path) -> None:
        self._program = program
        self._directory = directory
        self._authority = Authority()
        self._etcd_url = f"http://127.0.0.1:{free_port()}"
        self.port = free_port()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self.audit_log = directory / "audit.log"
        """What the operator asked for: one JSON object a line."""

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @contextlib.contextmanager
    def running(self) -> Iterator["ControlPlane"]:
        """Have both servers while the block runs."""
        self._write_files()
        try:
            self._start("etcd", self._etcd_words())
            self.start_api_server()
            self.wait_for_api_server()
            yield self
        finally:
            for name in ("kube-apiserver", "etcd"):
                self._end(name)

    def start_api_server(self) -> None:
        """Start the API server; call this from the main thread, with whose end the server ends."""
        if self.audit_log.exists():  # one that was killed may have left half a line, and this one would go on in it
            log = self.audit_log.read_bytes()
            os.truncate(self.audit_log, log.rfind(b"\n") + 1)
        self._start("kube-apiserver", self._api_server_words())

    def wait_for_api_server(self) -> None:
        """Wait until the API server is ready.

        Raises:
            RuntimeError: It is not; the message has the end of its log.
        """
        context = self.tls(ADMINISTRATOR)
        deadline = time.monotonic() + _START_SECONDS
        while not _ready(f"{self.url}/readyz", context):
            if time.monotonic() > deadline or self._processes["kube-apiserver"].poll() is not None:
                log = (self._directory / "kube-apiserver.log").read_text(errors="replace")
                raise RuntimeError(f"the API server does not start: {log[-2000:]}")
            time.sleep(_POLL_SECONDS)

    def kill_api_server(self) -> None:
        """End the API server as a machine that fails would."""
        self._end("kube-apiserver")

    def tls(self, user: str) -> ssl.SSLContext:
        """What connects to the API server as a user whose files `kubeconfig` wrote, or as the administrator."""
        context = ssl.create_default_context(cafile=self._directory / "ca.crt")
        context.load_cert_chain(self._file(user, "crt"), self._file(user, "key"))
        return context

    def kubeconfig(self, user: str, *, server: str = "", groups: Sequence[str] = ()) -> Path:
        """Write what connects as a user in some groups; to `server` in the API server's place, where it is given."""
        signed = self._authority.user(user, groups=groups)
        self._file(user, "crt").write_text(signed.certificate)
        self._file(user, "key").write_text(signed.key)
        entry = {"server": server or self.url, "certificate-authority": str(self._directory / "ca.crt")}
        files = {"client-certificate": str(self._file(user, "crt")), "client-key": str(self._file(user, "key"))}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "testbed", "cluster": entry}],
            "users": [{"name": "user", "user": files}],
            "contexts": [{"name": "testbed", "context": {"cluster": "testbed", "user": "user"}}],
            "current-context": "testbed",
        }
        path = self._file(user, "kubeconfig")
        path.write_text(yaml.safe_dump(config))
        return path

    def _file(self, user: str, kind: str) -> Path:
        return self._directory / f"{user.replace(':', '-')}.{kind}"

    def _write_files(self) -> None:
        (self._directory / "ca.crt").write_text(self._authority.certificate)
        server = self._authority.server()
        (self._directory / "server.crt").write_text(server.certificate)
        (self._directory / "server.key").write_text(server.key)
        (self._directory / "tokens.key").write_text(key_pem(ec.generate_private_key(ec.SECP256R1())))
        (self._directory / "audit.yaml").write_text(yaml.safe_dump(_AUDIT))
        administrator = self._authority.user(ADMINISTRATOR, groups=["system:masters"])
        self._file(ADMINISTRATOR, "crt").write_text(administrator.certificate)
        self._file(ADMINISTRATOR, "key").write_text(administrator.key)

    def _etcd_words(self) -> Sequence[str]:
        return (
            f"--data-dir={self._directory / 'etcd.data'}",
            f"--listen-client-urls={self._etcd_url}",
            f"--advertise-client-urls={self._etcd_url}",
            f"--listen-peer-urls=http://127.0.0.1:{free_port()}",
            "--unsafe-no-fsync",
            f"--quota-backend-bytes={8 * 1024**3}",
            "--log-level=warn",
        )

    def _api_server_words(self) -> Sequence[str]:
        here = self._directory
        return (
            f"--etcd-servers={self._etcd_url}",
            "--bind-address=127.0.0.1",
            f"--secure-port={self.port}",
            f"--tls-cert-file={here / 'server.crt'}",
            f"--tls-private-key-file={here / 'server.key'}",
            f"--client-ca-file={here / 'ca.crt'}",
            "--service-account-issuer=https://testbed",
            f"--service-account-key-file={here / 'tokens.key'}",
            f"--service-account-signing-key-file={here / 'tokens.key'}",
            "--service-cluster-ip-range=10.0.0.0/24",
            "--authorization-mode=RBAC",
            # No controller makes the accounts that it would ask for.
            "--disable-admission-plugins=ServiceAccount",
            f"--audit-policy-file={here / 'audit.yaml'}",
            f"--audit-log-path={self.audit_log}",
        )

    def _start(self, name: str, words: Sequence[str]) -> None:
        link = self._directory / name
        if not link.exists():
            link.symlink_to(self._program)
        with (self._directory / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", link, *words], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def _end(self, name: str) -> None:
        process = self._processes.pop(name, None)
        if process is not None:
            process.kill()
            process.wait()


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _ready(url: str, context: ssl.SSLContext) -> bool:
    try:
        with urllib.request.urlopen(url, context=context, timeout=5) as answer:  # noqa: S310 - loopback
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False

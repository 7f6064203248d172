"""The story that is played for the page: a rollout from its beginning to its end, with every command once.

It needs a cluster with a model that is served, and a version to roll out beside the one that serves: that one is held,
looked at, decided about and taken back.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hack.cli_docs.page import Ran
from sluice_operator.cli.cluster import MODEL_VERSIONS, Cluster, connect
from sluice_operator.cli.kubeconfig import Target
from sluice_operator.cli.live.versions import Model, models, read

_SECONDS = 180.0
_POLL_SECONDS = 0.5
_COLUMNS = 118
_ROLLOUT: dict[str, Any] = {
    "steps": [
        {"weight": 10, "hold": "10m"},
        {"weight": 50, "hold": "1s", "approvals": {"count": 1}},
    ],
    "probation": {"duration": "10m"},
    "preflight": {"artifact": False},
    "analysis": {
        "gates": [
            {
                "name": "errors",
                "metric": "error-rate",
                "limit": {"above": 0.1, "minRequests": 10, "action": "Pause"},
            }
        ]
    },
}
_WRONG = """\
apiVersion: sluice.dev/v1alpha1
kind: ModelVersion
metadata: {name: sms-2-0-0}
spec:
  model: sms
  version: 2.0
  source: {storageUri: "s3://models/sms/2.0.0"}
  rollout:
    steps:
      - {weight: 50, hold: 2m}
      - {weight: 25, hold: 5m}
    analysis:
      gates:
        - {name: slow, metric: latency, limit: {above: 0.05}}
"""
_PLANNED = """\
apiVersion: sluice.dev/v1alpha1
kind: ModelVersion
metadata: {name: sms-2-0-0}
spec:
  model: sms
  version: "2.0.0"
  source: {storageUri: "pvc://models/sms/2.0.0"}
  rollout:
    steps:
      - {weight: 5, hold: 5m}
      - {weight: 25, hold: 10m}
    probation: {duration: 30m}
    analysis:
      gates:
        - {name: errors, metric: error-rate, compare: {}}
"""


class Story:
    """Plays it.

    Args:
        kubeconfig: Of the cluster.
        namespace: Where the model is.
        model: Its name.
        candidate: The version to roll out; the name and the spec of one that is not there.
        ledger_url: Where the record is, where the operator has no pod that serves it.
    """

    def __init__(
        self,
        *,
        kubeconfig: Path,
        namespace: str,
        model: str,
        candidate: Mapping[str, Any],
        ledger_url: str | None = None,
    ) -> None:
        self._kubeconfig = kubeconfig
        self._namespace = namespace
        self._model = model
        self._candidate = candidate
        self._environment = {**os.environ, "COLUMNS": str(_COLUMNS), "NO_COLOR": "1"}
        if ledger_url is not None:
            self._environment["SLUICE_LEDGER_URL"] = ledger_url
        self._seen_at = datetime.now(UTC)
        self.ran: dict[str, Ran] = {}

    def play(self) -> dict[str, Ran]:
        """Play it; what each command printed, by the name of its place on the page."""
        cluster = connect(Target(kubeconfig=str(self._kubeconfig), namespace=self._namespace))
        stable = self._found(cluster).stable
        if stable is None:
            raise RuntimeError(f"no version of {self._model} serves in namespace {self._namespace}")
        self._run_on("lint", _WRONG)
        self._run_on("plan", _PLANNED, "--requests-per-second", "20", "--bad", "0.01")
        self._run("version", "version")
        self._run("check", "check")
        name = str(self._candidate["metadata"]["name"])
        spec = {**self._candidate["spec"], "rollout": _ROLLOUT}
        cluster.create(MODEL_VERSIONS, {**self._candidate, "spec": spec}, namespace=self._namespace)
        self._rollout(cluster, name)
        if any(version.status.promoted_at for version in self._found(cluster).versions if version.name != stable.name):
            self._back_and_forth(cluster, stable.name)
        self._record(stable.name, name)
        return self.ran

    def _rollout(self, cluster: Cluster, candidate: str) -> None:
        def at(phase: str, step: int) -> Callable[[], bool]:
            def there() -> bool:
                status = read(cluster.get(MODEL_VERSIONS, candidate, namespace=self._namespace)).status
                return status.phase == phase and (status.step or 0) == step and not status.weight_pending

            return there

        self._until(at("Canary", 0), f"{candidate} has its first traffic")
        self._run("get", "get", self._model)
        self._seen_at = datetime.now(UTC)
        self._run("explain", "explain", candidate)
        self._run("pause", "pause", candidate, "--reason", "the on-call engineer is at lunch")
        self._run("resume", "resume", candidate)
        self._until(at("Canary", 0), f"{candidate} goes on")
        self._run("advance", "advance", candidate, "--reason", "the first step was long enough", "--yes")
        self._until(at("AwaitingApproval", 1), f"{candidate} waits for approval")
        self._run("status", "status", candidate, "--timeout", "10m")
        self._run("approve", "approve", candidate, "--reason", "read the answers of the second step")
        self._until(at("Probation", 2), f"{candidate} is in probation")
        self._run("describe", "describe", candidate)
        self._run("abort", "abort", candidate, "--reason", "wrong training data", "--yes")
        self._run("rolled-back", "status", candidate, "--for", "rolled-back")
        self._run("refused", "promote", candidate, "--reason", "too late", "--yes")
        self._run("retry", "retry", candidate, "--reason", "the training data was right after all", "--yes")
        self._until(at("Canary", 0), f"{candidate} has its first traffic again")
        self._run("reject", "reject", candidate, "--reason", "it is too late for this release", "--yes")
        self._until(at("Rejected", 0), f"{candidate} is rejected")

    def _back_and_forth(self, cluster: Cluster, stable: str) -> None:
        self._run("rollback", "rollback", self._model, "--reason", "customers complain", "--yes")
        self._until(lambda: self._settled(cluster), "the version before is stable again")
        self._run_quietly("rollback", self._model, "--to", stable, "--reason", "as it was", "--yes")
        self._until(lambda: self._settled(cluster), f"{stable} is stable again")

    def _record(self, stable: str, candidate: str) -> None:
        """What the record says of all this afterwards."""
        self._run("history", "history", self._model, "--limit", "12")
        self._run("served-at", "served-at", f"{self._seen_at:%Y-%m-%dT%H:%M:%SZ}", self._model)
        self._run("compare", "compare", stable, candidate)
        self._run("lineage", "lineage", self._model)
        login = ("--kubeconfig", str(self._kubeconfig))
        with tempfile.TemporaryDirectory() as directory:
            for place, words in (
                ("verify-ledger", ("verify-ledger",)),
                ("export-records", ("export", "records", "--file", "records.ndjson")),
                ("export-report", ("export", "report", candidate, "--file", "report.html")),
            ):
                scope = ("-n", self._namespace) if place == "export-report" else ()
                done = self._call((*words, *login, *scope), cwd=directory)
                self.ran[place] = Ran(f"kubectl sluice {' '.join(words)}", done.stdout, done.returncode)

    def _settled(self, cluster: Cluster) -> bool:
        """Whether nothing is under way any more; probation is ended by hand."""
        candidate = self._found(cluster).candidate
        if candidate is not None and candidate.phase == "Probation" and not candidate.status.weight_pending:
            self._run_quietly("promote", candidate.name, "--reason", "seen enough", "--yes")
        return candidate is None

    def _run_on(self, place: str, text: str, *words: str) -> None:
        """Run the command that has the place's name on a file with that text."""
        with tempfile.TemporaryDirectory() as directory:
            Path(directory, "version.yaml").write_text(text)
            asked = (place, "-f", "version.yaml", *words)
            done = self._call(asked, cwd=directory)
            self.ran[place] = Ran(f"kubectl sluice {' '.join(asked)}", done.stdout, done.returncode)

    def _run(self, place: str, *words: str) -> None:
        done = self._run_quietly(*words)
        told = " ".join(f"'{word}'" if " " in word else word for word in words)
        self.ran[place] = Ran(f"kubectl sluice {told}", done.stdout, done.returncode)

    def _run_quietly(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self._call((*words, "--kubeconfig", str(self._kubeconfig), "-n", self._namespace))

    def _call(self, words: tuple[str, ...], *, cwd: str | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "sluice_operator.cli", *words],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            cwd=cwd,
        )

    def _found(self, cluster: Cluster) -> Model:
        known = models(cluster.items(MODEL_VERSIONS, namespace=self._namespace))
        return next(model for model in known if model.name == self._model)

    def _until(self, there: Callable[[], bool], what: str) -> None:
        ends = time.monotonic() + _SECONDS
        while not there():
            if time.monotonic() > ends:
                raise TimeoutError(f"not within {_SECONDS:g} s: {what}")
            time.sleep(_POLL_SECONDS)

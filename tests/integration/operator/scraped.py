"""A real Prometheus, and what it scrapes: gateways and predictors in one."""

import contextlib
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import yaml
from rich.console import Console

from hack.cluster.commands import Shell
from hack.cluster.gobuild import PROMETHEUS, add_go_tools
from hack.cluster.paths import default_paths
from hack.cluster.report import ConsoleReport
from hack.cluster.steps import Plan, run_plan
from hack.testbed.controlplane import free_port


@dataclass(slots=True)
class Served:
    """A version with traffic: at each scrape it has had so many requests more.

    Attributes:
        namespace: Of the model.
        version: The version of model "sms".
        service: By which the Gateway knows it.
        rate: Requests in each second.
        refused: How many of them no pod answers.
        drift: What `drift_score` says.
        spam: How many of them it calls spam.
        missed: How many of the half of them that are found out to be spam were not called spam.
    """

    namespace: str
    version: str
    service: str
    rate: int = 10
    refused: int = 0
    drift: float = 1.0
    spam: int = 0
    missed: int = 0
    _asked: int = 0
    _refused: int = 0
    _missed: int = 0
    _spam: int = 0

    def scrape(self) -> Iterator[str]:
        """What a scrape finds of it."""
        self._asked += self.rate
        self._refused += self.refused
        self._missed += self.missed
        self._spam += self.spam
        asked, bad, good = self._asked, self._refused, self._asked - self._refused
        cluster = f'envoy_cluster_name="{self.namespace}_{self.service}_80",pod="envoy"'
        yield f"envoy_cluster_upstream_rq_total{{{cluster}}} {good}"
        yield f'envoy_cluster_upstream_rq_xx{{{cluster},envoy_response_code_class="2"}} {good}'
        yield f'envoy_cluster_upstream_rq_xx{{{cluster},envoy_response_code_class="5"}} {bad}'
        for le, count in (("100", 0), ("250", good), ("500", good), ("+Inf", asked)):
            yield f'envoy_cluster_upstream_rq_time_bucket{{{cluster},le="{le}"}} {count}'
        names = f'destination_service_namespace="{self.namespace}",destination_service_name="{self.service}"'
        for reporter in ("source", "destination"):
            for code, count in (("200", good), ("503", bad)):
                labels = f'{names},reporter="{reporter}",pod="gateway",response_code="{code}"'
                yield f"istio_requests_total{{{labels}}} {count}"
        version = f'namespace="{self.namespace}",sluice_model="sms",sluice_version="{self.version}"'
        yield f'sluice_requests_total{{{version},pod="p",traffic="live",code="200"}} {good}'
        for label, count in (("ham", asked - self._spam), ("spam", self._spam)):
            yield f'sluice_predictions_total{{{version},pod="p",label="{label}"}} {count}'
        yield f'feedback_total{{version="{self.version}",wrong="no"}} {good}'
        yield f'feedback_total{{version="{self.version}",wrong="yes"}} {bad}'
        yield f'drift_score{{version="{self.version}"}} {self.drift}'
        for outcome, count in (("tp", asked // 2 - self._missed), ("fn", self._missed), ("tn", asked // 2), ("fp", 0)):
            yield f'labelled_total{{version="{self.version}",outcome="{outcome}"}} {count}'


class Exporter(ThreadingHTTPServer):
    """Tells of all versions that are served; more may come at any time."""

    def __init__(self, *served: Served) -> None:
        super().__init__(("127.0.0.1", 0), _Scraped)
        self.served = list(served)

    def metrics(self) -> str:
        """What a scrape finds."""
        return "\n".join(sorted(line for one in tuple(self.served) for line in one.scrape())) + "\n"


class _Scraped(BaseHTTPRequestHandler):
    server: Exporter

    def do_GET(self) -> None:
        body = self.server.metrics().encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is said of single scrapes."""


def program() -> Path:
    """Prometheus, built where it is missing."""
    paths = default_paths()
    shell = Shell(logs=paths.logs)
    plan = Plan()
    add_go_tools(plan, (PROMETHEUS,), paths=paths, shell=shell)
    with ConsoleReport(Console()) as report:
        run_plan(plan, report=report, stop=shell.stop)
    return paths.bin / PROMETHEUS.name


@contextlib.contextmanager
def scraping(exporter: Exporter, directory: Path) -> Iterator[str]:
    """A Prometheus that scrapes the exporter every second; its URL."""
    port = free_port()
    target = f"127.0.0.1:{exporter.server_port}"
    job = {"job_name": "all", "honor_labels": True, "static_configs": [{"targets": [target]}]}
    config = {"global": {"scrape_interval": "1s", "scrape_timeout": "1s"}, "scrape_configs": [job]}
    (directory / "prometheus.yml").write_text(yaml.safe_dump(config))
    command = [
        str(program()),
        f"--config.file={directory / 'prometheus.yml'}",
        f"--storage.tsdb.path={directory / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (
        exporter,
        (directory / "prometheus.log").open("wb") as log,
        subprocess.Popen(command, stdout=log, stderr=log) as process,
    ):
        serving = Thread(target=exporter.serve_forever)
        serving.start()
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            exporter.shutdown()
            serving.join()

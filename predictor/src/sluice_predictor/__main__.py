"""The command `sluice-predictor`: serve the model version in a directory.

The environment is settled before the numerical libraries are imported, since they read it then.
"""

from __future__ import annotations

import argparse
import logging
import os
import re
import signal
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from sluice_predictor.artifact import ArtifactError
from sluice_predictor.engine.cpus import usable_cpus

if TYPE_CHECKING:
    from sluice_predictor.server import Settings

TERMINATION_LOG = Path("/dev/termination-log")

log = logging.getLogger("sluice_predictor")


def main() -> None:
    """Serve until SIGTERM or SIGINT; exit 1 with one line when the version cannot be served."""
    # A container's first process ignores SIGTERM by default, and loading takes seconds.
    signal.signal(signal.SIGTERM, _stop_loading)
    _settle_environment()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("kserve.trace").setLevel(logging.WARNING)
    # KServe's own use of it, which is nothing to whoever reads this server's log.
    warnings.filterwarnings("ignore", message="ORJSONResponse is deprecated")
    try:
        settings = parse(sys.argv[1:])
        from sluice_predictor.server import serve

        serve(settings)
    except ArtifactError as error:
        report_failure(str(error))
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def parse(arguments: Sequence[str]) -> Settings:
    """Read the command line: KServe's own arguments, so that its runtimes' habits work, and ours.

    Raises:
        SystemExit: an argument is wrong; standard error says which.
    """
    from kserve.model_server import parser as kserve_parser  # type: ignore[import-untyped]

    from sluice_predictor.server import Settings

    parser = argparse.ArgumentParser(prog="sluice-predictor", parents=[kserve_parser])
    parser.set_defaults(enable_grpc=False)
    parser.add_argument("--model_dir", type=Path, default=Path("/mnt/models"), help="Directory of the version.")
    parser.add_argument(
        "--model_version",
        default=os.environ.get("SLUICE_MODEL_VERSION"),
        help="Version that the directory must hold; SLUICE_MODEL_VERSION if not given.",
    )
    parser.add_argument(
        "--digest",
        default=os.environ.get("SLUICE_MODEL_DIGEST"),
        help="Digest that the version must have: sha256:<64 hex digits>; SLUICE_MODEL_DIGEST if not given.",
    )
    parser.add_argument("--lameduck_seconds", type=float, default=5.0, help="How long to go on serving after SIGTERM.")
    parser.add_argument(
        "--drain_seconds", type=int, default=20, help="How long requests in flight may then take to finish."
    )
    args = parser.parse_args(arguments)
    if args.workers != 1:
        parser.error("--workers: only 1, as each scrape would show the metrics of one process; add replicas")
    if args.enable_grpc:
        parser.error("--enable_grpc: gRPC is not served")
    if args.ssl_certfile or args.ssl_keyfile:
        parser.error("--ssl_certfile: TLS is not served here; the gateway does it")
    if args.digest and not re.fullmatch(r"sha256:[0-9a-f]{64}", args.digest):
        parser.error(f"--digest: expected sha256: and 64 hex digits, got {args.digest!r}")
    return Settings(
        model_name=args.model_name,
        model_dir=args.model_dir,
        model_version=args.model_version or None,
        digest=args.digest or None,
        http_port=args.http_port,
        timeout_keep_alive=args.timeout_keep_alive,
        event_loop=args.event_loop,
        lameduck=args.lameduck_seconds,
        drain=args.drain_seconds,
    )


def report_failure(message: str, *, termination_log: Path = TERMINATION_LOG) -> None:
    """Log why the version cannot be served, and tell the kubelet, which shows it as the container's reason."""
    log.error("%s", message)
    try:
        if termination_log.exists():
            termination_log.write_text(message + "\n", encoding="utf-8")
    except OSError as error:
        log.info("%s: %s", termination_log, error)


def _stop_loading(_signal: int, _frame: object) -> NoReturn:
    sys.exit(128 + signal.SIGTERM)


def _settle_environment() -> None:
    cpus = str(usable_cpus())
    defaults = {
        "OMP_NUM_THREADS": cpus,
        "RAYON_NUM_THREADS": cpus,
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }
    for name, value in defaults.items():
        os.environ.setdefault(name, value)


if __name__ == "__main__":
    main()

"""The command line of serving: KServe's own arguments, so that its runtimes' habits work, and ours."""

from __future__ import annotations

import argparse
import math
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kserve.model_server import parser as kserve_parser  # type: ignore[import-untyped]

from sluice_predictor.events import Sink, open_sink
from sluice_predictor.tasks.base import PrecisionSetting


@dataclass(frozen=True, slots=True)
class Settings:
    """What to serve and how; times are in seconds."""

    model_name: str
    model_dir: Path
    model_version: str | None
    digest: str | None
    precision: PrecisionSetting
    http_port: int
    grpc_port: int | None
    """None if gRPC is not served."""
    max_waiting: int
    request_timeout: float
    timeout_keep_alive: int
    event_loop: str
    events: Sink | None
    """Where prediction events go."""
    log_requests: bool
    lameduck: float
    drain: int


def parse(arguments: Sequence[str]) -> Settings:
    """Read the command line.

    Raises:
        SystemExit: an argument is wrong; standard error says which.
    """
    parser = _parser()
    args = parser.parse_args(arguments)
    if args.workers != 1:
        parser.error("--workers: only 1, as each scrape would show the metrics of one process; add replicas")
    if args.ssl_certfile or args.ssl_keyfile:
        parser.error("--ssl_certfile: TLS is not served here; the gateway does it")
    if args.digest and not re.fullmatch(r"sha256:[0-9a-f]{64}", args.digest):
        parser.error(f"--digest: expected sha256: and 64 hex digits, got {args.digest!r}")
    return Settings(
        model_name=args.model_name,
        model_dir=args.model_dir,
        model_version=args.model_version or None,
        digest=args.digest or None,
        precision=args.precision,
        http_port=args.http_port,
        grpc_port=args.grpc_port if args.enable_grpc else None,
        max_waiting=args.max_waiting,
        request_timeout=args.request_timeout_seconds,
        timeout_keep_alive=args.timeout_keep_alive,
        event_loop=args.event_loop,
        events=args.prediction_events,
        log_requests=args.log_requests,
        lameduck=args.lameduck_seconds,
        drain=args.drain_seconds,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sluice-predictor", parents=[kserve_parser])
    add = parser.add_argument
    add("--model_dir", type=Path, default=Path("/mnt/models"), help="Directory of the version.")
    # One runtime serves those whose operator states these in the environment, and those who have no operator.
    add(
        "--model_version",
        default=os.environ.get("SLUICE_MODEL_VERSION"),
        help="Version that the directory must hold; SLUICE_MODEL_VERSION if not given.",
    )
    add(
        "--digest",
        default=os.environ.get("SLUICE_MODEL_DIGEST"),
        help="Digest that the version must have: sha256:<64 hex digits>; SLUICE_MODEL_DIGEST if not given.",
    )
    add(
        "--precision",
        choices=["auto", "fp32", "bf16", "int8"],
        default="auto",
        help="What the network computes with; auto is the fastest that reproduces the version's calibration.",
    )
    add("--max_waiting", type=_count, default=512, help="Texts that may wait before requests get a 503.")
    add("--request_timeout_seconds", type=_seconds, default=60.0, help="After it a request gets a 504.")
    add("--prediction_events", type=_sink, help="Where prediction events go: stdout or a URL.")
    add("--log_requests", action="store_true", help="Log a line for each request.")
    add("--lameduck_seconds", type=float, default=5.0, help="How long to go on serving after SIGTERM.")
    add("--drain_seconds", type=int, default=20, help="How long requests in flight may then take to finish.")
    return parser


def _count(value: str) -> int:
    number = int(value)
    if number < 1:
        raise argparse.ArgumentTypeError("expected 1 or more")
    return number


def _seconds(value: str) -> float:
    number = float(value)
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError("expected more than 0")
    return number


def _sink(destination: str) -> Sink | None:
    try:
        return open_sink(destination) if destination else None
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error

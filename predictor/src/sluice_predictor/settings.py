"""The command line of serving: KServe's own arguments, so that its runtimes' habits work, and ours.

KServe's are declared here once more, because importing its parser takes seconds and a wrong command line should be told
of at once. Importing this module is quick.
"""

from __future__ import annotations

import argparse
import math
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sluice_predictor import arguments
from sluice_predictor.tasks.base import PrecisionSetting

if TYPE_CHECKING:
    from sluice_predictor.events import Sink

WITHOUT_EFFECT = (
    "access_log_format",
    "configure_logging",
    "enable_docs_url",
    "enable_latency_logging",
    "grpc_max_receive_message_length",
    "grpc_max_send_message_length",
    "log_config_file",
    "max_asyncio_workers",
    "max_threads",
    "predictor_host",
    "predictor_protocol",
    "predictor_request_retries",
    "predictor_request_timeout_seconds",
    "predictor_use_ssl",
    "protocol",
)
"""KServe's arguments for what is not done here, or not to be chosen; each has a value."""

_DESCRIPTION = "Serve the model version in a directory over KServe's V1 and V2 protocols."
_COMMANDS = """\
other commands:
  sluice-predictor pack DIR     make a version of a directory by writing its sluice.json
  sluice-predictor verify DIR   check every byte of a version, as the server does before it loads it
  sluice-predictor info DIR     show what a version says of itself
  sluice-predictor diff A B     compare two versions: what clients see, files, evaluations, the rest
  Each tells more with --help.

KServe's other arguments are accepted and have no effect.
Exit status: 0 stopped by SIGTERM, 1 the version cannot be served, 2 the command line is wrong.
"""


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


def parse(words: Sequence[str]) -> Settings:
    """Read the command line.

    Raises:
        SystemExit: an argument is wrong, and standard error says which (2), or help was asked for (0).
    """
    parser = _parser()
    args = parser.parse_args(words)
    if args.workers != 1:
        parser.error("--workers: only 1, as each scrape would show the metrics of one process; add replicas")
    if args.ssl_certfile or args.ssl_keyfile:
        parser.error("--ssl_certfile: TLS is not served here; the gateway does it")
    if args.enable_grpc and args.http_port == args.grpc_port:
        parser.error(f"--grpc_port: {args.grpc_port} is the HTTP port already")
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


def _parser() -> arguments.Parser:
    parser = arguments.Parser(
        prog="sluice-predictor",
        usage="%(prog)s [OPTION ...]\n       %(prog)s {pack,verify,info,diff} ...",
        description=_DESCRIPTION,
        epilog=_COMMANDS,
        formatter_class=_HelpFormatter,
        allow_abbrev=False,
    )
    _add_version(parser.add_argument_group("what to serve"))
    _add_ports(parser.add_argument_group("where"))
    _add_limits(parser.add_argument_group("how"))
    _add_reports(parser.add_argument_group("what to report"))
    for name in ("workers", "ssl_certfile", "ssl_keyfile", *WITHOUT_EFFECT):
        parser.add_argument(f"--{name}", type=int if name == "workers" else str, help=argparse.SUPPRESS)
    parser.set_defaults(workers=1)
    parser.add_argument("--enable_predictor_health_check", action="store_true", help=argparse.SUPPRESS)
    return parser


def _add_version(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--model_name", metavar="NAME", type=_name, default="model", help="name of the model in URLs")
    add("--model_dir", metavar="DIR", type=Path, default=Path("/mnt/models"), help="directory of the version")
    # One runtime serves those whose operator states these in the environment, and those who have no operator.
    add(
        "--model_version",
        metavar="VERSION",
        default=os.environ.get("SLUICE_MODEL_VERSION"),
        help="version that the directory must hold; SLUICE_MODEL_VERSION if not given",
    )
    add(
        "--digest",
        metavar="SHA256",
        type=_digest,
        default=os.environ.get("SLUICE_MODEL_DIGEST"),
        help="digest that it must have, sha256:<64 hex digits>; SLUICE_MODEL_DIGEST if not given",
    )


def _add_ports(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    port = _whole(1, 65535, "1 to 65535")
    add("--http_port", metavar="PORT", type=port, default=8080, help="port of V1, V2, health and metrics")
    add("--grpc_port", metavar="PORT", type=port, default=8081, help="port of V2 over gRPC")
    add("--enable_grpc", metavar="BOOL", type=_flag, default=True, help="serve gRPC")


def _add_limits(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    whole, count = _whole(0, math.inf, "0 or more"), _whole(1, math.inf, "1 or more")
    add(
        "--precision",
        choices=["auto", "fp32", "bf16", "int8"],
        default="auto",
        help="what the network computes with; auto is the fastest that reproduces the version's calibration",
    )
    add("--max_waiting", metavar="N", type=count, default=512, help="texts that may wait before requests get a 503")
    add(
        "--request_timeout_seconds",
        metavar="S",
        type=_positive_seconds,
        default=60.0,
        help="after so long a request gets a 504",
    )
    add("--timeout-keep-alive", metavar="S", type=count, default=65, help="after so long an idle connection is closed")
    add("--lameduck_seconds", metavar="S", type=_seconds, default=5.0, help="how long to serve on after SIGTERM")
    add("--drain_seconds", metavar="S", type=whole, default=20, help="how long requests in flight may then take")
    add("--event-loop", choices=["auto", "asyncio", "uvloop"], default="auto", help="the server's event loop")


def _add_reports(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--prediction_events", metavar="TO", type=_sink, help="where prediction events go: stdout or a URL")
    add("--log_requests", action="store_true", help="log a line for each request")


class _HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Names the default of what has one, and keeps the lines of the epilog."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        if action.default in (None, False, argparse.SUPPRESS) or not action.option_strings:
            return action.help
        return f"{action.help} (%(default)s)"


def _name(value: str) -> str:
    if not re.fullmatch(r"[-\w.]{1,253}", value, flags=re.ASCII):
        raise argparse.ArgumentTypeError(f"expected letters, digits and - _ . only, got {value[:60]!r}")
    return value


def _digest(value: str) -> str:
    # A runtime's `--digest=$(NAME)` is empty where there is none.
    return arguments.digest(value) if value else value


def _flag(value: str) -> bool:
    # As in KServe.
    if value.lower() in ("y", "yes", "t", "true", "on", "1"):
        return True
    if value.lower() in ("n", "no", "f", "false", "off", "0"):
        return False
    raise argparse.ArgumentTypeError(f"expected true or false, got {value!r}")


def _whole(least: int, most: float, expected: str) -> Callable[[str], int]:
    def read(value: str) -> int:
        if not re.fullmatch(r"-?\d{1,9}", value) or not least <= int(value) <= most:
            raise argparse.ArgumentTypeError(f"expected {expected}, got {value[:60]!r}")
        return int(value)

    return read


def _seconds(value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        raise argparse.ArgumentTypeError(f"expected seconds, 0 or more, got {value[:60]!r}")
    return number


def _positive_seconds(value: str) -> float:
    number = _seconds(value)
    if number == 0:
        raise argparse.ArgumentTypeError("expected seconds, more than 0")
    return number


def _sink(destination: str) -> Sink | None:
    # Imported here because its HTTP client takes long to import.
    from sluice_predictor.events import open_sink

    try:
        return open_sink(destination) if destination else None
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error

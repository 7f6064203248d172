"""`python -m hack.cluster up | down | status | images`: the local cluster, from the repository root.

Exit status: 0 done, 1 failed, 2 wrong usage, 3 the machine lacks something, 4 another run is at work, 5 a disk is full,
130 interrupted.
"""

import argparse
import contextlib
import signal
import sys
from types import FrameType

try:
    from rich.console import Console

    from hack.cluster.errors import ClusterError, StoppedError, is_no_space, no_space
    from hack.cluster.paths import Paths, default_paths
    from hack.cluster.preflight import COLD
    from hack.cluster.session import Session, opened
    from hack.cluster.steps import only_one
except ModuleNotFoundError as missing:
    sys.exit(f"Python package {missing.name} is missing: run this as `uv run --locked python -m hack.cluster …`.")

_COMMANDS = {
    "up": "build what is missing, start the cluster and what runs on it; quick when all is there",
    "down": "delete the cluster; what was built stays in the cache",
    "status": "what runs, and where to reach it",
    "images": "build the operator's and the predictor's image and load them into the node",
}
_ACTIONS = {"up": Session.up, "down": Session.down, "status": Session.status, "images": Session.images}
_STOPPED = "Stopped. What is finished is kept: run the same command again to go on."


def main(arguments: list[str]) -> int:
    """Run one command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m hack.cluster", description="The local cluster of Sluice.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in _COMMANDS.items():
        commands.add_parser(name, help=text, description=text)
    command = parser.parse_args(arguments).command
    paths = default_paths()
    console = Console()
    try:
        _run(command, paths=paths, console=console)
    except ClusterError as error:
        return _fail(str(error), status=error.exit_status)
    except KeyboardInterrupt:
        return _fail(_STOPPED, status=StoppedError.exit_status)
    except PermissionError as error:
        return _fail(f"No permission for {error.filename}: run the command with sudo -E.", status=3)
    except OSError as error:
        if not is_no_space(error):
            raise
        full = no_space(paths.cache, needed_gib=COLD.disk_gib)
        return _fail(str(full), status=full.exit_status)
    return 0


def _run(command: str, *, paths: Paths, console: Console) -> None:
    signal.signal(signal.SIGTERM, _interrupt)
    with contextlib.nullcontext() if command == "status" else only_one(paths.lock), opened(paths, console) as session:
        _ACTIONS[command](session)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _fail(line: str, *, status: int) -> int:
    print(line, file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

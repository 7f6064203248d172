"""The command of a benchmark: its options, one run at a time on a machine, an end on Ctrl-C.

Exit status: 0 measured, whatever the figures; 1 something could not be measured; 4 another run is at work;
130 interrupted.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from rich.console import Console

from hack.cluster.errors import ClusterError
from hack.cluster.paths import default_paths
from hack.cluster.steps import only_one

OUTPUT = Path("build/bench")
_LOG_WIDTH = 120


def command(
    name: str, *, doc: str | None, measure: Callable[[Console, str], int], write_docs: Callable[[Path], int]
) -> int:
    """Run a benchmark as its options say; returns the exit status.

    Args:
        name: Of the benchmark.
        doc: Its description.
        measure: Measures, and writes files that begin with the name that it is given.
        write_docs: Puts a run's JSON into docs/.
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m hack.bench.{name}", description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="for working on the benchmark itself: every step, too small for its numbers to mean anything",
    )
    parser.add_argument("--write-docs", action="store_true", help="measure nothing: put the last run into docs/")
    arguments = parser.parse_args()
    if arguments.write_docs:
        return write_docs(OUTPUT / f"{name}.json")
    console = Console(highlight=False, width=None if sys.stdout.isatty() else _LOG_WIDTH)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        with only_one(default_paths().cache / "bench.lock"):
            OUTPUT.mkdir(parents=True, exist_ok=True)
            return measure(console, f"{name}-quick" if arguments.quick else name)
    except ClusterError as error:
        print(f"bench: {error}", file=sys.stderr)
        return error.exit_status
    except OSError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped: nothing of it runs any more", file=sys.stderr)
        return 130


def _interrupt(_signal: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt

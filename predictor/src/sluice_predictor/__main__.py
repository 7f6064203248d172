"""The command `sluice-predictor`: serve the model version in a directory.

The engine's process is started before anything that takes long is imported, since both it and this one import for
seconds.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from pathlib import Path

from sluice_predictor import command
from sluice_predictor.artifact import ArtifactError
from sluice_predictor.engine.cpus import engine_slots, usable_cpus
from sluice_predictor.engine.errors import EngineFailedError
from sluice_predictor.engine.process import start_process
from sluice_predictor.logs import configure_logs
from sluice_predictor.settings import parse

TERMINATION_LOG = Path("/dev/termination-log")

log = logging.getLogger("sluice_predictor")


def main() -> None:
    """Serve until SIGTERM or SIGINT; exit 1 with one line when the version cannot be served, 2 when asked wrongly."""
    if sys.argv[1:2] and sys.argv[1] in command.NAMES:
        sys.exit(command.main(sys.argv[1:]))
    settings = parse(sys.argv[1:])
    # A container's first process ignores SIGTERM by default, and loading takes seconds.
    signal.signal(signal.SIGTERM, _stop_loading)
    configure_logs()
    process = start_process(slots=engine_slots(usable_cpus()))
    from sluice_predictor.server import PortError, serve

    try:
        serve(settings, process=process)
    except (ArtifactError, EngineFailedError, PortError) as error:
        report_failure(str(error))
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def report_failure(message: str, *, termination_log: Path = TERMINATION_LOG) -> None:
    """Log why the version cannot be served, and tell the kubelet, which shows it as the container's reason."""
    log.error("%s", message)
    try:
        if termination_log.exists():
            termination_log.write_text(message + "\n", encoding="utf-8")
    except OSError as error:
        log.info("%s: %s", termination_log, error)


def _stop_loading(_signal: int, _frame: object) -> None:
    """End at once: nothing is in flight, and the engine's process ends with its socket."""
    os._exit(128 + signal.SIGTERM)


if __name__ == "__main__":
    main()

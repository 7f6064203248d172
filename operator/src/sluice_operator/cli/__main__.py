"""Entry points: `kubectl-sluice`, or `python -m sluice_operator.cli`, and what kubectl asks to complete it."""

import gc
import os
import sys
from importlib.util import find_spec
from pathlib import Path

_INTERRUPTED = 130
_GARBAGE = 100_000
"""Objects after which garbage is looked for: reading modules makes many and no garbage, and takes a sixth less time."""


def main() -> None:
    """Run the command line; docs/cli.md has the exit statuses."""
    try:
        _prepare()
        from .app import app
        from .completion import PROGRAM, VARIABLE, prepare

        if VARIABLE in os.environ:
            prepare()
        app(prog_name=PROGRAM)
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)  # Ctrl-C while modules were read; Typer answers it from then on


def complete() -> None:
    """Answer kubectl, which asks what could come next."""
    _prepare()
    from .completion import for_kubectl

    for_kubectl()


def _prepare() -> None:
    gc.set_threshold(_GARBAGE)
    missing = [name for name in ("rich", "typer") if find_spec(name) is None]
    if missing:
        sys.exit(f"kubectl-sluice: {missing[0]} is missing: pip install 'sluice-operator[cli]'")
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # whoever calls us has closed it
            setattr(sys, name, Path(os.devnull).open(mode))  # noqa: SIM115 - for as long as the program runs
    for stream in (sys.stdout, sys.stderr):
        # A terminal that knows no ticks and crosses gets question marks.
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")


if __name__ == "__main__":
    main()

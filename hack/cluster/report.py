"""Progress of long work: a line for what runs, with its time, and a line for what is done."""

import contextlib
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn


class ConsoleReport:
    """Shows steps that run as live lines with elapsed time; without a terminal, prints when each starts and ends."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._began = time.monotonic()
        self._tasks: dict[str, TaskID] = {}
        self._progress = Progress(
            SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), console=console, transient=True
        )

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self._began

    def started(self, name: str) -> None:
        if self.console.is_terminal:
            self._tasks[name] = self._progress.add_task(name, total=None)
        else:
            self.console.print(f"   {name} …", highlight=False)

    @contextlib.contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Show the body as a step."""
        began = time.monotonic()
        self.started(name)
        yield
        self.finished(name, seconds=time.monotonic() - began)

    def finished(self, name: str, *, seconds: float) -> None:
        if name in self._tasks:
            self._progress.remove_task(self._tasks.pop(name))
        self.console.print(f"✓ {name} [dim]{_clock(seconds)} ({_clock(self.elapsed_s)} in all)[/dim]", highlight=False)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"

"""Shows the story: a live panel where somebody watches, one plain line for each event where a log is written."""

from __future__ import annotations

import time
from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from hack.demo.observe import Observer
from hack.demo.record import Answer, Chapter, Mark
from hack.demo.report import Row, p95
from hack.demo.traffic import Traffic

WINDOW_S = 3.0
"""Seconds of answers behind the rates in the panel."""
REFRESH_PER_S = 4
BAR = 20
STYLES = {"Stable": "green", "Superseded": "dim", "RolledBack": "red", "RollingBack": "red", "Failed": "red"}
EVENT_STYLES = {"apply": "bold", "decision": "yellow", "phase": "cyan"}


class Screen:
    """Where the story appears; a context manager while it is told.

    Attributes:
        console: Rich's console: it knows whether it is a terminal, and about NO_COLOR.
    """

    def __init__(self, console: Console, *, observer: Observer, traffic: Traffic, chapters: Sequence[Chapter]) -> None:
        self.console = console
        self._observer = observer
        self._traffic = traffic
        self._chapters = chapters
        self._began = time.time()
        self._live = Live(console=console, get_renderable=self.panel, refresh_per_second=REFRESH_PER_S, transient=True)

    def __enter__(self) -> Screen:
        self._began = time.time()
        if self.console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(self, mark: Mark) -> None:
        """One line for one event; above the panel where there is one."""
        line = Text(f"{mark.at - self._began:6.1f} s  {mark.version:6} ")
        line.append(mark.text, style=EVENT_STYLES.get(mark.kind, ""))
        self.console.print(line, soft_wrap=True)

    def panel(self) -> RenderableType:
        """The panel as it is now."""
        since = time.time() - WINDOW_S
        recent = [one for one in self._traffic.answers[-2000:] if one.answered_at > since]
        table = Table(box=None, expand=True, padding=(0, 1))
        for name in ("VERSION", "PHASE", "TRAFFIC"):
            table.add_column(name, no_wrap=True)
        for name in ("REQUESTS/S", "ERRORS/S", "P95 MS"):
            table.add_column(name, justify="right", no_wrap=True)
        for chapter in self._chapters:
            table.add_row(*self._cells(chapter.version, [one for one in recent if one.version == chapter.version]))
        unnamed = sum(one.version is None for one in recent)
        if unnamed:
            table.add_row("none", "", "", *_rates(unnamed, unnamed), "")
        return Panel(Group(table, self._reason()), title="sms-classifier", title_align="left")

    def _cells(self, version: str, recent: Sequence[Answer]) -> list[RenderableType]:
        state = self._observer.versions.get(version)
        phase = state.phase if state else ""
        weight = self._observer.weight(version)
        filled = round(weight / 100 * BAR)
        latency = p95([one.latency for one in recent])
        return [
            version,
            Text(phase or "-", style=STYLES.get(phase, "cyan")),
            f"{'█' * filled}{'░' * (BAR - filled)} {weight:3.0f} %" if state else "",
            *_rates(len(recent), sum(not one.ok for one in recent)),
            "" if latency is None else f"{latency * 1000:.0f}",
        ]

    def _reason(self) -> Text:
        """What the version that moved last says of itself."""
        newest = max(list(self._observer.versions.values()), key=lambda one: one.at, default=None)
        if newest is None or not newest.sentence:
            return Text("")
        return Text(f"{newest.version}: {newest.sentence}", style="italic")


def _rates(requests: int, errors: int) -> tuple[str, Text]:
    return f"{requests / WINDOW_S:.1f}", Text(f"{errors / WINDOW_S:.1f}", style="red" if errors else "")


def show_table(console: Console, rows: Sequence[Row]) -> None:
    """The table at the end."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in ("VERSION", "OUTCOME", "REQUESTS", "ERRORS", "BREACH TO 0", "REASON"):
        table.add_column(name, justify="right" if name in ("REQUESTS", "ERRORS", "BREACH TO 0") else "left")
    for row in rows:
        table.add_row(
            row.version,
            Text(row.outcome, style=STYLES.get(row.outcome, "")),
            f"{row.requests}",
            f"{row.errors}",
            "" if row.breach_to_zero_s is None else f"{row.breach_to_zero_s:.1f} s",
            row.reason,
        )
    console.print(table)

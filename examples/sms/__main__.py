"""`python -m examples.sms train`: make the versions that are missing or out of date, and say what each is worth."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from torch import set_num_threads
from transformers.utils import logging as transformers_logging

from examples.sms.evaluation import ask
from examples.sms.messages import held_out
from examples.sms.record import seen_in_training, training
from examples.sms.store import BusyError, Row, Store
from examples.sms.versions import RECIPES, Recipe


def main() -> int:
    """Run the command line and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m examples.sms", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    training = commands.add_parser("train", help="train the four versions; what is up to date is left alone")
    training.add_argument("--out", type=Path, default=_cache() / "models" / "sms", help="default: %(default)s")
    out: Path = parser.parse_args().out
    console = Console()
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        rows = _train(Store(out), console=console)
    except KeyboardInterrupt:
        console.print("stopped; finished versions are kept, the same command goes on from there")
        return 130
    except (BusyError, OSError) as error:
        print(f"cannot train into {out}: {error}", file=sys.stderr)
        return 1
    console.print(_table(rows))
    complaints = _complaints({row.version: row for row in rows})
    for complaint in complaints:
        print(complaint, file=sys.stderr)
    return 1 if complaints else 0


def _train(store: Store, *, console: Console) -> list[Row]:
    # Matrices this small gain nothing by a second core, and stand still whenever it is wanted elsewhere.
    set_num_threads(1)
    rows: dict[str, Row] = {}
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with store.exclusively(), Progress(*columns, console=console) as progress:
        for recipe in RECIPES:
            parent = rows[recipe.parent] if recipe.parent else None
            rows[recipe.version] = store.existing(recipe, parent=parent) or _make(
                recipe, store=store, parent=parent, progress=progress
            )
        store.summarise(list(rows.values()))
    return list(rows.values())


def _make(recipe: Recipe, *, store: Store, parent: Row | None, progress: Progress) -> Row:
    """Train the version, or load it if only what its manifest tells is out of date; measure and save it."""
    started = time.monotonic()
    task = progress.add_task(f"{recipe.version} training", total=recipe.work or None)
    account = store.trained(recipe, parent=parent)
    if account is None:
        network = recipe.build(store.network, lambda count: progress.advance(task, count))
        account = training(recipe, seconds=time.monotonic() - started)
    else:
        network = store.network(recipe.version)
    progress.update(task, description=f"{recipe.version} measuring")
    measured = ask(network.model, network.tokenizer, held_out(recipe.measured_on))
    seen = ask(network.model, network.tokenizer, seen_in_training(recipe))
    row = store.save(network, recipe=recipe, measured=measured, seen=seen, parent=parent, training=account)
    progress.update(task, description=f"{recipe.version} done    ", total=recipe.work, completed=recipe.work)
    return row


def _table(rows: list[Row]) -> Table:
    # Without lines between the columns it fits into 80 places.
    table = Table(title="Measured on formats and banks that no version was trained on", box=None, pad_edge=False)
    table.add_column("version")
    for name in ("weights", "messages", "accuracy", "entity F1", "raises", "MB", "s"):
        table.add_column(name, justify="right")
    table.add_column("digest")
    for row in rows:
        table.add_row(
            row.version,
            f"{row.parameters / 1e6:.1f} M",
            str(row.messages),
            f"{row.accuracy:.2%}",
            f"{row.entity_f1:.3f}",
            f"{row.raising:.1%}",
            f"{row.size_mb:.1f}",
            f"{row.seconds:.0f}",
            row.digest.removeprefix("sha256:")[:12],
        )
    return table


def _complaints(rows: dict[str, Row]) -> list[str]:
    """Say what is not as the versions are meant to be; a demo on them would tell another story."""
    good, new_words, better = rows["1.0.0"], rows["1.1.0"], rows["1.3.0"]
    checks = {
        f"1.0.0 is right on {good.accuracy:.2%} of held-out messages, not on more than 95 %": good.accuracy > 0.95,
        f"1.1.0 raises on {new_words.raising:.1%} of messages, not on more than 15 %": new_words.raising > 0.15,
        "1.3.0 is not better than 1.0.0": better.accuracy > good.accuracy,
    }
    return [complaint for complaint, fine in checks.items() if not fine]


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sluice"


if __name__ == "__main__":
    sys.exit(main())

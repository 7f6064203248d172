"""Trees and tables on a terminal, whatever it is: wide, narrow, without colours, or none at all."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..output import clean
from ..tables import NARROW
from .tree import Row

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text


def drawn(trees: Sequence[Sequence[Row]], *, width: int) -> "RenderableType":
    """The trees of models, one below the other, for a terminal of so many columns."""
    return _paragraphs(trees) if width < NARROW else _table(trees)


def _table(trees: Sequence[Sequence[Row]]) -> "RenderableType":
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column("NAME", no_wrap=True)
    table.add_column("STATE", no_wrap=True)
    table.add_column("WEIGHT", no_wrap=True, justify="right")
    table.add_column("AGE", no_wrap=True, justify="right")
    table.add_column("DETAIL", overflow="fold")
    for number, tree in enumerate(trees):
        if number:
            table.add_row()
        for row in tree:
            state = Text(clean(row.state), style=row.tone)
            table.add_row(_name(row), state, clean(row.weight), clean(row.age), Text(clean(row.said)))
    return table


def _paragraphs(trees: Sequence[Sequence[Row]]) -> "RenderableType":
    from rich.console import Group
    from rich.padding import Padding
    from rich.text import Text

    parts: list[Any] = []
    for number, tree in enumerate(trees):
        if number:
            parts.append(Text())
        for row in tree:
            parts.append(_name(row))
            indent = len(row.branch) + 2
            cells = "  ".join(clean(cell) for cell in (row.state, row.weight, row.age) if cell)
            below = [text for text in (cells, clean(row.said)) if text]
            parts += [Padding(Text(text, overflow="fold"), (0, 0, 0, indent)) for text in below]
    return Group(*parts)


def _name(row: Row) -> "Text":
    from rich.text import Text

    name = Text(row.branch, style="dim", overflow="fold")
    name.append(f"{row.mark} ", style=row.tone or "none")
    return name.append(clean(row.name), style="bold" if row.mark == "●" else "none")

"""Tables as wide as the terminal; on a narrow one each row is a paragraph, because cells that are cut tell nothing."""

from collections.abc import Collection, Iterable, Sequence

from .output import clean, console

NARROW = 100
"""Columns below which a table's cells would be broken into pieces."""


def show(
    titles: Sequence[str], rows: Iterable[Sequence[str]], *, whole: Collection[str] = (), right: Collection[str] = ()
) -> None:
    """Print rows below their titles.

    Args:
        titles: Of the columns.
        rows: Cells, which may be anybody's text.
        whole: Titles of columns that are never broken.
        right: Titles of columns that end at the right.
    """
    from rich.table import Table
    from rich.text import Text

    screen = console()
    if screen.width < NARROW:
        for first, *others in rows:
            screen.print(clean(first), style="bold", soft_wrap=True)
            for title, cell in zip(titles[1:], others, strict=True):
                if cell:
                    screen.print(f"  {clean(title).lower()}: {clean(cell)}", soft_wrap=True)
        return
    table = Table(box=None, padding=(0, 2, 0, 0))
    for title in titles:
        table.add_column(clean(title), no_wrap=title in whole, justify="right" if title in right else "left")
    for row in rows:
        table.add_row(*(Text(clean(cell)) for cell in row))
    screen.print(table)

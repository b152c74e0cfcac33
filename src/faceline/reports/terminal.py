"""Tables on a terminal."""

from rich.console import Console
from rich.table import Table


def show(table: Table) -> None:
    """Print a table at its own width: on a narrow terminal, or in a file, no cell is cut."""
    width = Console(width=1000, markup=False).measure(table).maximum
    Console(highlight=False, markup=False, width=width).print(table)

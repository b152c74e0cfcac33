"""What the command tells on a terminal: tables as answers, notes beside them."""

import sys

from rich.console import Console
from rich.table import Table


def show(table: Table) -> None:
    """Print a table at its own width: on a narrow terminal, or in a file, no cell is cut."""
    width = Console(width=1000, markup=False).measure(table).maximum
    Console(highlight=False, markup=False, width=width).print(table)


def note(line: str) -> None:
    """Tell how far something is, or what the user should know, beside the answer: on standard error."""
    print(line, file=sys.stderr, flush=True)

"""Prints on the terminal: tables as answers, and notes beside them."""

import sys

from rich.console import Console
from rich.table import Table


def show(table: Table) -> None:
    """Print a table at its own width, so that no cell is cut on a narrow terminal or in a file."""
    width = Console(width=1000, markup=False).measure(table).maximum
    Console(highlight=False, markup=False, width=width).print(table)


def note(line: str) -> None:
    """Print progress or a hint on standard error, beside the answer."""
    print(line, file=sys.stderr, flush=True)

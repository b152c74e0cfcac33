"""Asks before something is removed."""

import sys

from faceline.errors import InputError


def agreed(question: str, yes: bool) -> bool:
    """Tell whether the user agrees.

    Args:
        question: What would be removed.
        yes: Whether the user agreed on the command line.

    Raises:
        InputError: There is no terminal to ask on.
    """
    if yes:
        return True
    if not sys.stdin.isatty():
        raise InputError(f"nothing was removed: add yes=true to {question}", column="yes")
    return input(f"{question}? [y/N] ").strip().lower() in ("y", "yes")

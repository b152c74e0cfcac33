"""Asking before something is removed."""

import sys

from faceline.errors import InputError


def agreed(question: str, yes: bool) -> bool:
    """Whether the user wants it.

    Args:
        question: What would be removed.
        yes: They said so before.

    Raises:
        InputError: Nobody is there to be asked.
    """
    if yes:
        return True
    if not sys.stdin.isatty():
        raise InputError(f"nothing was removed: add yes=true to {question}", column="yes")
    return input(f"{question}? [y/N] ").strip().lower() in ("y", "yes")

"""Decides how many threads a process may use."""

import os
import sys
from functools import cache


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0))


def usable_threads(asked: int | None, key: str = "threads", at_least: int = 1) -> int:
    """Return the requested number of threads, but at most one for each core; by default one for each core.

    More threads than cores slow each other down, and hundreds stop a machine. The user gets a note.

    Args:
        asked: Value of the setting.
        key: Name of the setting.
        at_least: Number that is granted even on a machine with fewer cores.
    """
    most = max(cores(), at_least)
    if asked is None:
        return most
    if asked > most:
        _tell(key, asked, most)
    return min(asked, most)


@cache
def _tell(key: str, asked: int, most: int) -> None:
    """Print the note once, however many parts of a process ask."""
    print(f"faceline: {key}={asked}: this process may use {most} cores, so {most} it is", file=sys.stderr)

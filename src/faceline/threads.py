"""How many threads a process may use."""

import os
import sys
from functools import cache


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0))


def usable_threads(asked: int | None, key: str = "threads", at_least: int = 1) -> int:
    """As many threads as were asked for, and no more than there are cores; all of them where nothing was asked.

    More threads than cores make every one of them slower, and some hundreds stop a machine. The user is told.

    Args:
        asked: What the setting says.
        key: Its name.
        at_least: So many are granted on a machine with fewer cores.
    """
    most = max(cores(), at_least)
    if asked is None:
        return most
    if asked > most:
        _tell(key, asked, most)
    return min(asked, most)


@cache
def _tell(key: str, asked: int, most: int) -> None:
    """Once, however many parts of a process ask."""
    print(f"faceline: {key}={asked}: this process may use {most} cores, so {most} it is", file=sys.stderr)

"""Stands and fleets in processes of their own, for benchmarks and pictures."""

import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from faceline.errors import InputError

_READY: Final = "stop with Ctrl-C"
"""The last words that a server prints once it answers."""


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(words: Sequence[str]) -> tuple[subprocess.Popen[str], str]:
    """Start ``faceline stand`` or ``faceline fleet`` and wait until it answers.

    Args:
        words: The verb and its overrides.

    Returns:
        The process, and what it has printed so far, with addresses and passwords.

    Raises:
        InputError: It ends before it answers.
    """
    command = [sys.executable, "-m", "faceline", *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    told = ""
    while _READY not in told:
        line = process.stdout.readline()
        if not line:
            raise InputError(f"the {words[0]} did not start: {told.strip()}")
        told += line
    return process, told


@contextmanager
def served(words: Sequence[str]) -> Iterator[str]:
    """Start a server, yield what it printed, and end it afterwards."""
    process, told = start(words)
    try:
        yield told
    finally:
        process.terminate()
        process.wait(20)

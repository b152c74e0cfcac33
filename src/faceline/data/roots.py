"""Finds the folder of a data set."""

import os
from pathlib import Path

from faceline.errors import InputError


def find_root(root: str | Path | None, name: str, key: str = "data.root") -> Path:
    """Return the folder of a data set.

    Args:
        root: Folder that the user gave; None means the folder ``name`` below the environment variable FACELINE_DATA.
        name: Name of the folder as the set is published.
        key: Setting that gives the folder, for the message.

    Raises:
        InputError: The folder does not exist, or none is given and FACELINE_DATA is not set.
    """
    ways = f"give {key}=FOLDER, or set FACELINE_DATA to the folder that holds {name}/"
    if not root:
        base = os.environ.get("FACELINE_DATA")
        if not base:
            raise InputError(f"the folder of the data set is not known: {ways}", column=key)
        root = Path(base) / name
    found = Path(root).expanduser().resolve()
    if not found.is_dir():
        raise InputError(f"no such folder; {ways}", file=found, column=key)
    return found

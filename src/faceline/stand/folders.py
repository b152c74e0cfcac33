"""Makes the folders that a user names."""

from pathlib import Path

from faceline.errors import InputError


def make_folder(folder: Path, key: str) -> None:
    """Make a folder, and those above it.

    Args:
        folder: May be there.
        key: That named it, for the message.

    Raises:
        InputError: It cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: no folder can be made there: {error.strerror}", column=key) from None

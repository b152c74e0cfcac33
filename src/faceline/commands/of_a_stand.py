"""Shared parts of the verbs that manage access to a stand: `accounts`, `tokens` and `webhooks`."""

from pathlib import Path

from faceline.errors import InputError


def folder_of(stand: str) -> Path:
    """Return the folder of a stand, as it was typed.

    Raises:
        InputError: No stand was ever started there.
    """
    folder = Path(stand)
    if not (folder / "access.json").is_file():
        raise InputError(f"{folder}: no stand here; start faceline stand once to create it", column="folder")
    return folder


def needed(name: str | None, example: str) -> str:
    """Return the name that an action is about.

    Args:
        name: Name as typed.
        example: Verb and action, to show how to give a name.

    Raises:
        InputError: No name is given.
    """
    if name is None:
        raise InputError(f"missing; faceline {example} name=NAME", column="name")
    return name

"""What the verbs share that manage who and what may reach a stand: `accounts`, `tokens` and `webhooks`."""

from pathlib import Path

from faceline.errors import InputError


def folder_of(stand: str) -> Path:
    """The folder of a stand, as it was typed.

    Raises:
        InputError: No stand was started there yet.
    """
    folder = Path(stand)
    if not (folder / "access.json").is_file():
        raise InputError(f"{folder}: no folder of a stand; it is made when the stand is started first", column="folder")
    return folder


def needed(name: str | None, example: str) -> str:
    """The name that an action is about.

    Args:
        name: As typed.
        example: Verb and action, to show how a name is given.

    Raises:
        InputError: None is given.
    """
    if name is None:
        raise InputError(f"missing; faceline {example} name=NAME", column="name")
    return name

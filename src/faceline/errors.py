"""Errors that the command line prints in one line: a mistake that the user can fix, and a negative answer."""

from pathlib import Path


class InputError(ValueError):
    """A mistake in the user's input. The command line prints it as one line, without a traceback.

    Args:
        message: What was expected, what came, and what to do.
        file: The faulty file.
        row: Row of that file, as a text editor counts (the header is row 1).
        column: Name of the column, or without a row the key of a config.
    """

    def __init__(
        self,
        message: str,
        *,
        file: str | Path | None = None,
        row: int | None = None,
        column: str | None = None,
    ) -> None:
        self.message, self.file, self.row, self.column = message, file, row, column
        place = ", ".join(
            part
            for part in (
                str(file) if file is not None else "",
                f"row {row}" if row is not None else "",
                f"{'key' if row is None else 'column'} {column!r}" if column is not None else "",
            )
            if part
        )
        super().__init__(f"{place}: {message}" if place else message)

    @property
    def told(self) -> str:
        """Return the message without key and column, but with the file, for people who typed neither."""
        return f"{self.file}: {self.message}" if self.file is not None else self.message

    def __reduce__(self) -> tuple[object, ...]:
        """Survive pickling between processes (data loader workers, pools)."""
        return _rebuild, (self.message, self.file, self.row, self.column)


class NegativeAnswer(Exception):  # noqa: N818  # nothing went wrong
    """A verb that checks something has found that it does not hold; scripts recognise it by its exit code."""


def first_line(error: BaseException) -> str:
    """Return the message of an error in one line, or its class without a message."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)


def _rebuild(message: str, file: str | Path | None, row: int | None, column: str | None) -> InputError:
    return InputError(message, file=file, row=row, column=column)

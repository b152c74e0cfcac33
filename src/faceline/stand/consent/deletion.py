"""Deletes people for good: their rows, and the bytes of these in the database's files. What fails is tried again."""

import json
import os
from collections.abc import Collection
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from faceline.errors import InputError, first_line
from faceline.files import write_whole
from faceline.stand.consent.audit import record
from faceline.stand.database import PEOPLE, database_errors, microseconds, wipe_deleted
from faceline.stand.sentences import Sentence

_AGAIN: Final = 60_000_000
"""Microseconds between two tries of what failed; each may take some seconds."""

_ROOM: Final = 16_384
"""Bytes of the file of withdrawals, which are there from the start: some hundred people."""


class Withdrawals:
    """Withdrawals that are not done yet; after a restart they are still known.

    The file has its bytes before they are needed, and they are replaced in place, which a full disk allows.

    Args:
        file: File of the withdrawals, created if missing; None keeps them until the end of the process only.

    Attributes:
        kept: Whether the file holds them.

    Raises:
        InputError: The file cannot be read.
    """

    def __init__(self, file: Path | None) -> None:
        self._file, self.kept = file, True
        self._asked = {} if file is None or not file.exists() else _read(file)
        self._write()

    @property
    def people(self) -> dict[str, str]:
        """Return the ids of the people, and who asked for each."""
        return dict(self._asked)

    def add(self, person: str, by: str) -> None:
        """Remember a withdrawal."""
        self._asked[person] = by
        self._write()

    def remove(self, person: str) -> None:
        """Forget a withdrawal that is done."""
        self._asked.pop(person, None)
        self._write()

    def _write(self) -> None:
        if self._file is None:
            return
        whole = json.dumps(self.people).encode().ljust(_ROOM)
        try:
            if self._file.exists() and self._file.stat().st_size == len(whole):
                with self._file.open("r+b") as place:
                    place.write(whole)
                    place.flush()
                    os.fsync(place.fileno())
            else:
                with write_whole(self._file, 0o600) as partial:
                    partial.write_bytes(whole)
            self.kept = True
        except OSError:
            self.kept = False


class Deletion:
    """Deletes people on request, and at the end of their consent.

    Args:
        engine: Database of the people.
        withdrawals: File of the withdrawals that are not done yet; None for no file.

    Raises:
        InputError: The file of the withdrawals cannot be read.
    """

    def __init__(self, engine: sa.Engine, withdrawals: Path | None = None) -> None:
        self._engine, self._withdrawals = engine, Withdrawals(withdrawals)
        self._again_at = 0
        self.unwiped: str | None = None
        with suppress(InputError):  # another process may have been killed before it did
            self.scrub()

    @property
    def waiting(self) -> Collection[str]:
        """Return the ids of people who withdrew and are not deleted yet."""
        return self._withdrawals.people

    @property
    def undeleted(self) -> str | None:
        """Return that people who withdrew are not deleted yet, as on a full disk; None if all are."""
        if not self.waiting:
            return None
        sentence = Sentence.NOT_DELETED if self._withdrawals.kept else Sentence.NOT_KEPT
        return sentence(count=len(self.waiting))

    def withdraw(self, person: str, by: str) -> None:
        """Delete a person now; what fails is remembered, and `again` does it.

        Raises:
            InputError: There is no such person, or they could not be deleted.
        """
        self._withdrawals.add(person, by)
        self._again_at = 0
        if not self._delete(person, by):
            raise nobody(person)
        self.scrub()

    def expire(self, at: datetime | None, by: str) -> list[str]:
        """Delete the rows of ended consents; their bytes have to be wiped afterwards, which `again` does too.

        Args:
            at: Time to check for; now by default.
            by: Name for the audit.

        Returns:
            Ids of the deleted people.
        """
        ended = PEOPLE.c.expires_at <= microseconds(at or datetime.now(UTC))
        with self._engine.connect() as connection:
            gone = list(connection.scalars(sa.select(PEOPLE.c.id).where(ended)))
        if gone:
            with self._engine.begin() as connection:
                connection.execute(PEOPLE.delete().where(PEOPLE.c.id.in_(gone)))
                for person in gone:
                    record(connection, by, "expired", person)
            self.unwiped, self._again_at = "what has expired is not wiped yet", 0
        return gone

    def scrub(self) -> None:
        """Wipe the bytes of deleted rows from the database's files; if that fails, `again` does it.

        Raises:
            InputError: The bytes are still there.
        """
        self.unwiped, self._again_at = "what was deleted is not wiped yet", 0
        try:
            with database_errors(self._engine.url, "people"):
                wipe_deleted(self._engine)
        except InputError as error:
            self.unwiped = error.told
            raise
        self.unwiped = None

    def again(self, at: int) -> None:
        """Retry from time to time what failed."""
        if at < self._again_at or not (self.waiting or self.unwiped):
            return
        with suppress(InputError):
            deleted = [self._delete(person, by) for person, by in self._withdrawals.people.items()]
            if any(deleted) or self.unwiped:
                self.scrub()
        self._again_at = at + _AGAIN

    def _delete(self, person: str, by: str) -> bool:
        """Delete the row of a person, and tell whether there was one."""
        with database_errors(self._engine.url, "people"), self._engine.begin() as connection:
            found = bool(connection.execute(PEOPLE.delete().where(PEOPLE.c.id == person)).rowcount)
            if found:
                record(connection, by, "withdrawn", person)
        self._withdrawals.remove(person)
        return found


def nobody(person: str) -> InputError:
    """Return the refusal of an unknown id."""
    return InputError(f"{person}: nobody is enrolled under this id; faceline consent lists all", column="person")


def _read(file: Path) -> dict[str, str]:
    try:
        asked = json.loads(file.read_bytes())
        if not isinstance(asked, dict):
            raise TypeError("expected an object")
    except (OSError, ValueError, TypeError) as error:
        raise InputError(
            f"cannot be read ({first_line(error)}), and may name people who withdrew and are not deleted yet; ask who "
            "did, withdraw them with faceline consent, and remove the file",
            file=file,
        ) from None
    return {str(person): str(by) for person, by in asked.items()}

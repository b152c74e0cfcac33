"""Stores who may be recognised: people with a recorded consent, and nobody else.

Each person is one row: the consent, how they wish to be greeted, and one template. Names and template are encrypted. A
withdrawal or the end of a consent deletes the row and wipes its bytes from the database's files. The audit keeps a
random id of the person. No image is ever stored.
"""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from faceline.errors import InputError
from faceline.stand.clock import Moment
from faceline.stand.consent.audit import record, recorded
from faceline.stand.consent.deletion import Deletion, nobody
from faceline.stand.consent.keys import LostKeyError, TemplateKeys
from faceline.stand.consent.likeness import Rule
from faceline.stand.consent.people import NOBODY, Consent, Gallery, Known, Person, Preview, check_consent
from faceline.stand.consent.quality import (
    LIMITS,
    Embeddings,
    FrameQuality,
    Made,
    QualityLimits,
    make_template,
    mean_direction,
)
from faceline.stand.consent.rows import Rows
from faceline.stand.database import AUDIT, PEOPLE, database_errors, microseconds, open_database, reason, utc
from faceline.stand.sentences import Sentence

_VISITS: Final = 4
"""Most visits that a template is made of; the newest are kept."""


class AlreadyEnrolledError(InputError):
    """The person looks like somebody who is enrolled; an operator who knows better may overrule it.

    Args:
        taken_for: The enrolled person.
    """

    def __init__(self, taken_for: Known) -> None:
        super().__init__(Sentence.TAKEN_FOR(name=taken_for.name))


class Enrolment:
    """The people in one database, with their consents and templates.

    Args:
        url: Address of the database, as for `faceline.stand.events.store.EventStore`.
        key_file: File of the keys, created if missing; None reads them from the environment
            (`faceline.stand.consent.keys`).
        model: Name and version of the embedder; templates of other embedders are not compared.
        limits: Quality that frames must have.
        rule: Rule that says which templates belong to one person; None compares none.
        create: Whether to create the database and the keys if they are missing.
        withdrawals: File that remembers withdrawals which the database could not take; None for no file.

    Raises:
        InputError: The database, the keys or the file of withdrawals cannot be used.
    """

    def __init__(
        self,
        url: str,
        *,
        key_file: Path | None,
        model: str,
        limits: QualityLimits = LIMITS,
        rule: Rule | None = None,
        create: bool = True,
        withdrawals: Path | None = None,
    ) -> None:
        self.engine = open_database(url, "people" if create else "database", create=create)
        self.keys = TemplateKeys(key_file, create=create)
        self.model, self.limits, self.rule = model, limits, rule
        self._rows, self._deletion = Rows(self.keys, model), Deletion(self.engine, withdrawals)
        self._unread: str | None = None  # why the gallery lacks somebody
        self._before = 0  # people who are enrolled with another embedder
        self._known: tuple[int, Gallery, int] | None = None  # number of the audit, gallery, first end of a consent

    @property
    def problem(self) -> str | None:
        """Return why somebody is not recognised or not wiped at the moment, in lines; None if all is well."""
        before = Sentence.ENROLLED_BEFORE(count=f"{self._before:,}") if self._before and self.model else None
        return "\n".join(filter(None, (self._unread, self.undeleted, self._deletion.unwiped, before))) or None

    @property
    def undeleted(self) -> str | None:
        """Return that people who withdrew are not deleted yet, as on a full disk; None if all are."""
        return self._deletion.undeleted

    def __enter__(self) -> "Enrolment":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the database."""
        self.engine.dispose()

    def preview(self, embeddings: Embeddings, quality: Sequence[FrameQuality], visitor: str | None = None) -> Preview:
        """Return the template that frames would make, compared with those of other people; nothing is stored.

        Args:
            embeddings: (n, d) embeddings, one for each frame.
            quality: Quality of each frame.
            visitor: Id of the person whose visit it is; None for somebody new.

        Raises:
            InputError: The frames are too few, too bad, of several people or unlike the visitor, or the database cannot
                be read.
        """
        made = self._made(embeddings, quality)
        with database_errors(self.engine.url, "people"), self.engine.connect() as connection:
            alike = None if visitor is None else self._alike(self._row(connection, visitor), made)
            return self._compared(connection, made, visitor)._replace(alike=alike)

    def enrol(
        self,
        person: Person,
        consent: Consent,
        embeddings: Embeddings,
        quality: Sequence[FrameQuality],
        *,
        by: str,
        overrule: bool = False,
    ) -> str:
        """Enrol a person from a few frames.

        Args:
            person: How they wish to be greeted.
            consent: Their consent.
            embeddings: (n, d) embeddings, one for each frame.
            quality: Quality of each frame.
            by: Name of the person who enrols them, for the audit.
            overrule: Whether to enrol even somebody whom the stand would take for another person; the audit records it.

        Returns:
            The new random id of the person.

        Raises:
            InputError: The consent is incomplete or not valid now, the frames are too few, too bad or of several
                people, the person is enrolled already, or the database cannot be written.
        """
        check_consent(person, consent)
        made = self._made(embeddings, quality)
        name = secrets.token_hex(8)
        row = {
            "id": name,
            "customer_group": person.group,
            "purpose": consent.purpose,
            "text_version": consent.text_version,
            "given_at": microseconds(consent.given_at),
            "expires_at": microseconds(consent.expires_at),
            "enrolled_at": microseconds(datetime.now(UTC)),
            "model": self.model,
        }
        detail = f"consent to text {consent.text_version}"
        if person.greeting is not None:
            detail += "; chose to be greeted by name on the screen"
        with self._alone() as connection:
            found = self._compared(connection, made)
            if found.taken_for is not None:
                if not overrule:
                    raise AlreadyEnrolledError(found.taken_for)
                detail += "; overruled that they look like somebody who is enrolled"
            named = person.greeting is not None
            names = {"given_by": consent.given_by, "greeting": person.greeting, "on_screen": named}
            connection.execute(PEOPLE.insert(), row | self._rows.sealed(name, names, made.template[None]))
            record(connection, by, "enrolled", name, detail)
        return name

    def add_visit(
        self,
        person: str,
        embeddings: Embeddings,
        quality: Sequence[FrameQuality],
        *,
        by: str,
        overrule: bool = False,
    ) -> int:
        """Add another visit to a template, or begin the template again if it is of another embedder.

        Two visits identify a person much better than one, because light, hair and camera differ from day to day.

        Args:
            person: Id of the person.
            embeddings: (n, d) embeddings, one for each frame.
            quality: Quality of each frame.
            by: Name of the person who adds it, for the audit.
            overrule: Whether to take the word of that person for who it is, where the embedder has changed and nothing
                can be compared; the audit records it.

        Returns:
            The number of visits in the template.

        Raises:
            InputError: There is no such person, the frames are not good enough, they look like somebody else, or
                they cannot be compared.
        """
        made = self._made(embeddings, quality)
        with self._alone() as connection:
            row = self._row(connection, person)
            visits, detail = made.template[None], ""
            if self._alike(row, made) is not None:
                visits = np.concatenate([self._rows.visits(row)[1 - _VISITS :], visits])
            elif overrule:
                detail = "; the embedder has changed, and the operator knows the person"
            else:
                raise InputError(Sentence.NOT_COMPARED(name=self._rows.given_by(row)))
            sealed = self._rows.sealed(person, self._rows.names(row), visits)
            connection.execute(PEOPLE.update().where(PEOPLE.c.id == person).values(model=self.model, **sealed))
            count = f"{len(visits)} visit{'s' if len(visits) > 1 else ''}"
            record(connection, by, "visit added", person, count + detail)
        with suppress(InputError):  # of the template before; where that fails, `gallery` does it later
            self.scrub()
        return len(visits)

    def gallery(self, moment: Moment | None = None) -> Gallery:
        """Return the people with a valid consent; this is cheap enough for every second.

        Expired consents are deleted first, and changes by other processes are seen at once. If the database cannot be
        read, nobody is recognised, because no consent can be checked. A row that cannot be decrypted is left out,
        reported as a problem, and tried again, as is a withdrawal that failed.
        """
        at = microseconds(datetime.now(UTC) if moment is None else moment.utc)
        try:
            with self.engine.connect() as connection:
                newest = connection.scalar(sa.select(sa.func.max(AUDIT.c.id))) or 0
            if self._known is None or self._known[0] != newest or self._known[2] <= at:
                self._deletion.expire(utc(at), "stand")
                with self.engine.connect() as connection:
                    self._known, self._unread = self._read(connection, at)
            self._deletion.again(at)
        except (SQLAlchemyError, InputError) as error:
            self._known, self._unread = None, reason(error)
            return NOBODY
        gallery = self._known[1]
        if self._unread is not None:
            self._known = None
        return gallery

    def withdraw(self, person: str, *, by: str) -> None:
        """Delete everything that is stored about a person now; only the audit keeps their id.

        If the database cannot be written, `gallery` leaves the person out all the same, and tries again.

        Raises:
            InputError: There is no such person, or they could not be deleted.
        """
        try:
            self._deletion.withdraw(person, by)
        finally:
            self._known = None

    def expire(self, at: datetime | None = None, *, by: str = "stand") -> list[str]:
        """Delete everybody whose consent has ended.

        Args:
            at: Time to check for; now by default.
            by: Name for the audit; the stand calls this by itself.

        Returns:
            Ids of the deleted people.
        """
        with database_errors(self.engine.url, "people"):
            gone = self._deletion.expire(at, by)
        if gone:
            self.scrub()
        return gone

    def export(self, person: str, *, by: str) -> dict[str, Any]:
        """Return everything that is stored about a person, for them to read.

        Raises:
            InputError: There is no such person.
        """
        with database_errors(self.engine.url, "people"), self.engine.begin() as connection:
            row = self._row(connection, person)
            record(connection, by, "exported", person)
            history = recorded(connection, person)
        return {**self._rows.told(row), "template": self._rows.visits(row).tolist(), "audit": history}

    def people(self) -> list[dict[str, Any]]:
        """Return id, group and greeting of everybody, without templates; rows that no key decrypts have no names."""
        with database_errors(self.engine.url, "people"), self.engine.connect() as connection:
            rows = connection.execute(sa.select(PEOPLE).order_by(PEOPLE.c.enrolled_at))
            return [self._rows.told(row) for row in rows]

    def name(self, person: str) -> str:
        """Return the name of an enrolled person, as on the signed form.

        Raises:
            InputError: There is no such person.
        """
        with database_errors(self.engine.url, "people"), self.engine.connect() as connection:
            return self._rows.given_by(self._row(connection, person))

    def audit(self) -> list[dict[str, Any]]:
        """Return what was done to people's data, oldest first."""
        with database_errors(self.engine.url, "people"), self.engine.connect() as connection:
            return recorded(connection)

    def rotate_key(self, *, by: str) -> int:
        """Encrypt everything with a new key and delete the old one; a crash at any point leaves everything readable.

        Returns:
            The number of people.

        Raises:
            InputError: A row cannot be decrypted, or the environment has no new key.
        """
        with self._alone() as connection:
            rows = connection.execute(sa.select(PEOPLE)).all()
            plain = [self._rows.opened(row) for row in rows]
            newest = self.keys.add()
            for row, values in zip(rows, plain, strict=True):
                again = self._rows.resealed(row.id, values)
                connection.execute(PEOPLE.update().where(PEOPLE.c.id == row.id).values(again))
            record(connection, by, "key rotated", None, f"{len(rows)} people")
        self.scrub()
        with self._alone():
            self.keys.forget_older(newest)
        return len(rows)

    def _made(self, embeddings: Embeddings, quality: Sequence[FrameQuality]) -> Made:
        return make_template(embeddings, quality, self.limits, -1.0 if self.rule is None else self.rule.one_person())

    def _alike(self, row: Any, made: Made) -> float | None:
        """Return how alike a template is to the earlier visits of a person; None if they are of another embedder."""
        if row.model != self.model:
            return None
        similarity = float(mean_direction(self._rows.visits(row)) @ made.template)
        if self.rule is not None and similarity < self.rule.unlike():
            raise InputError(Sentence.UNLIKE(name=self._rows.given_by(row)))
        return similarity

    def _compared(self, connection: sa.Connection, made: Made, visitor: str | None = None) -> Preview:
        """Compare a template with those of enrolled people but the visitor.

        With two templates of one person neither would lead, and a withdrawal would delete only one of them.
        """
        (_, known, _), _ = self._read(connection, microseconds(datetime.now(UTC)))
        similar = {
            person: float(template @ made.template)
            for person, template in zip(known.persons, known.templates, strict=True)
            if person != visitor
        }
        if self.rule is None or not similar:
            return Preview(made.good, made.agreement, len(similar), None, None, None, None)
        nearest, others = max(similar, key=lambda person: similar[person]), len(similar)
        limit, taken_for = self.rule.enrolled_already(others), None
        if similar[nearest] >= limit:
            row = self._row(connection, nearest)
            taken_for = Known(nearest, self._rows.given_by(row), utc(row.expires_at).date().isoformat())
        named = self.rule.to_name(others + 1, looks=2)
        return Preview(made.good, made.agreement, others, similar[nearest], limit, named, taken_for)

    def _row(self, connection: sa.Connection, person: str) -> Any:
        row = connection.execute(sa.select(PEOPLE).where(PEOPLE.c.id == person)).one_or_none()
        if row is None:
            raise nobody(person)
        return row

    @contextmanager
    def _alone(self) -> Iterator[sa.Connection]:
        """Write with the current keys while nobody else writes, because a rotation would remove the keys."""
        postgresql = self.engine.dialect.name == "postgresql"
        with database_errors(self.engine.url, "people"), self.engine.begin() as connection:
            connection.exec_driver_sql(
                "LOCK TABLE people IN SHARE ROW EXCLUSIVE MODE" if postgresql else "BEGIN IMMEDIATE"
            )
            self.keys.reload()
            yield connection

    def _read(self, connection: sa.Connection, at: int) -> tuple[tuple[int, Gallery, int], str | None]:
        """Return the gallery, and why it does not hold everybody."""
        newest = connection.scalar(sa.select(sa.func.max(AUDIT.c.id))) or 0
        rows = connection.execute(sa.select(PEOPLE).where(PEOPLE.c.expires_at > at).order_by(PEOPLE.c.id)).all()
        ends = min((row.expires_at for row in rows), default=2**63)
        self.keys.reload()
        self._before, lost, problem, read = 0, 0, None, []
        waiting = self._deletion.waiting
        for row in rows:
            if row.id in waiting:
                continue
            try:
                person = self._rows.greeted(row)
                if row.model != self.model:
                    self._before += 1
                    continue
                visits = self._rows.visits(row)
                read.append((row.id, person, mean_direction(visits), len(visits)))
            except LostKeyError:
                lost += 1
            except InputError as error:
                problem = error.told
        if lost:
            problem = Sentence.KEYS_LOST(count=f"{lost:,}", limit=f"{len(rows):,}", name=self.keys.place)
        if not read:
            return (newest, NOBODY, ends), problem
        ids, people, templates, counts = zip(*read, strict=True)
        gallery = Gallery(ids, people, np.stack(templates), counts)
        return (newest, gallery, ends), problem

    def scrub(self) -> None:
        """Wipe the bytes of deleted rows from the database's files; if that fails, `gallery` does it later.

        Raises:
            InputError: The bytes are still there.
        """
        self._deletion.scrub()

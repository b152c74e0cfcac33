"""Stores who may be recognised: people with a recorded consent, and nobody else.

Each person is one row: the consent, how they wish to be greeted, and one template. Names and template are encrypted. A
withdrawal or the end of a consent deletes the row and wipes its bytes from the database's files. The audit keeps a
random id of the person. No image is ever stored.
"""

import json
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from faceline.errors import InputError
from faceline.stand.clock import Moment
from faceline.stand.consent.keys import TemplateKeys
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
from faceline.stand.database import (
    AUDIT,
    PEOPLE,
    database_errors,
    microseconds,
    open_database,
    reason,
    utc,
    wipe_deleted,
)
from faceline.stand.sentences import Sentence

UNREADABLE: Final = "(cannot be opened)"
"""Shown in place of a name that no key decrypts; the person can still be withdrawn."""

_VISITS: Final = 4
"""Most visits that a template is made of; the newest are kept."""

_WIPE_EVERY: Final = 60_000_000
"""Microseconds between two tries of a wipe or a withdrawal that failed; each may take some seconds."""


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

    Raises:
        InputError: The database or the keys cannot be used.
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
    ) -> None:
        self.engine = open_database(url, "people" if create else "database", create=create)
        self.keys = TemplateKeys(key_file, create=create)
        self.model, self.limits, self.rule = model, limits, rule
        self._unread: str | None = None  # why the gallery lacks somebody
        self._before = 0  # people who are enrolled with another embedder
        self._unwiped: str | None = None  # why bytes of the deleted may still be there
        self._wipe_at = 0
        self._undeleted: dict[str, str] = {}  # ids of people whose withdrawal failed, and who asked for it
        with suppress(InputError):  # another process may have been killed before it did
            self.scrub()
        self._known: tuple[int, Gallery, int] | None = None  # number of the audit, gallery, first end of a consent

    @property
    def problem(self) -> str | None:
        """Return why somebody is not recognised or not wiped at the moment; None if all is well."""
        before = Sentence.ENROLLED_BEFORE(count=f"{self._before:,}") if self._before and self.model else None
        return self._unread or self.undeleted or self._unwiped or before

    @property
    def undeleted(self) -> str | None:
        """Return that people who withdrew are not deleted yet, as on a full disk; None if all are."""
        return Sentence.NOT_DELETED(count=len(self._undeleted)) if self._undeleted else None

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
            connection.execute(PEOPLE.insert(), row | self._sealed(name, names, made.template[None]))
            self._audit(connection, by, "enrolled", name, detail)
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
                visits = np.concatenate([self._visits(row)[1 - _VISITS :], visits])
            elif overrule:
                detail = "; the embedder has changed, and the operator knows the person"
            else:
                raise InputError(Sentence.NOT_COMPARED(name=self._named(row)))
            sealed = self._sealed(person, self._names(row), visits)
            connection.execute(PEOPLE.update().where(PEOPLE.c.id == person).values(model=self.model, **sealed))
            count = f"{len(visits)} visit{'s' if len(visits) > 1 else ''}"
            self._audit(connection, by, "visit added", person, count + detail)
        with suppress(InputError):  # of the template before; where that fails, `gallery` does it later
            self.scrub()
        return len(visits)

    def gallery(self, moment: Moment | None = None) -> Gallery:
        """Return the people with a valid consent; this is cheap enough for every second.

        Expired consents are deleted first, and changes by other processes are seen at once. If the database cannot be
        read, nobody is recognised, because no consent can be checked. A row that cannot be decrypted is left out,
        reported as a problem, and tried again.
        """
        at = microseconds(datetime.now(UTC) if moment is None else moment.utc)
        self._withdraw_again(at)
        try:
            with self.engine.connect() as connection:
                newest = connection.scalar(sa.select(sa.func.max(AUDIT.c.id))) or 0
            if self._known is None or self._known[0] != newest or self._known[2] <= at:
                self._end(at, "stand")
                with self.engine.connect() as connection:
                    self._known, self._unread = self._read(connection, at)
            self._wipe_again(at)
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
        self._undeleted[person], self._known, self._wipe_at = by, None, 0
        with database_errors(self.engine.url, "people"), self.engine.begin() as connection:
            found = connection.execute(PEOPLE.delete().where(PEOPLE.c.id == person)).rowcount
            if found:
                self._audit(connection, by, "withdrawn", person)
        del self._undeleted[person]
        if not found:
            raise _nobody(person)
        self.scrub()

    def expire(self, at: datetime | None = None, *, by: str = "stand") -> list[str]:
        """Delete everybody whose consent has ended.

        Args:
            at: Time to check for; now by default.
            by: Name for the audit; the stand calls this by itself.

        Returns:
            Ids of the deleted people.
        """
        with database_errors(self.engine.url, "people"):
            gone = self._end(microseconds(at or datetime.now(UTC)), by)
        if gone:
            self.scrub()
        return gone

    def _end(self, at: int, by: str) -> list[str]:
        """Delete the rows of ended consents; their bytes have to be wiped afterwards."""
        ended = PEOPLE.c.expires_at <= at
        with self.engine.connect() as connection:
            gone = list(connection.scalars(sa.select(PEOPLE.c.id).where(ended)))
        if gone:
            with self.engine.begin() as connection:
                connection.execute(PEOPLE.delete().where(PEOPLE.c.id.in_(gone)))
                for person in gone:
                    self._audit(connection, by, "expired", person)
            self._unwiped, self._wipe_at = "what has expired is not wiped yet", 0
        return gone

    def export(self, person: str, *, by: str) -> dict[str, Any]:
        """Return everything that is stored about a person, for them to read.

        Raises:
            InputError: There is no such person.
        """
        with database_errors(self.engine.url, "people"), self.engine.begin() as connection:
            row = self._row(connection, person)
            self._audit(connection, by, "exported", person)
            audit = connection.execute(sa.select(AUDIT).where(AUDIT.c.person == person).order_by(AUDIT.c.id))
            history = [_told_audit(entry) for entry in audit]
        return {**self._told(row), "template": self._visits(row).tolist(), "audit": history}

    def people(self) -> list[dict[str, Any]]:
        """Return id, group and greeting of everybody, without templates; rows that no key decrypts have no names."""
        with database_errors(self.engine.url, "people"), self.engine.connect() as connection:
            return [self._told(row) for row in connection.execute(sa.select(PEOPLE).order_by(PEOPLE.c.enrolled_at))]

    def name(self, person: str) -> str:
        """Return the name of an enrolled person, as on the signed form.

        Raises:
            InputError: There is no such person.
        """
        with database_errors(self.engine.url, "people"), self.engine.connect() as connection:
            return self._named(self._row(connection, person))

    def audit(self) -> list[dict[str, Any]]:
        """Return what was done to people's data, oldest first."""
        with database_errors(self.engine.url, "people"), self.engine.connect() as connection:
            return [_told_audit(row) for row in connection.execute(sa.select(AUDIT).order_by(AUDIT.c.id))]

    def rotate_key(self, *, by: str) -> int:
        """Encrypt everything with a new key and delete the old one; a crash at any point leaves everything readable.

        Returns:
            The number of people.

        Raises:
            InputError: A row cannot be decrypted, or the environment has no new key.
        """
        with self._alone() as connection:
            rows = connection.execute(sa.select(PEOPLE)).all()
            plain = [{name: self._open(row, name) for name in ("names", "template")} for row in rows]
            newest = self.keys.add()
            for row, values in zip(rows, plain, strict=True):
                again = {name: self._seal(row.id, value) for name, value in values.items()}
                connection.execute(PEOPLE.update().where(PEOPLE.c.id == row.id).values(again))
            self._audit(connection, by, "key rotated", None, f"{len(rows)} people")
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
        similarity = float(mean_direction(self._visits(row)) @ made.template)
        if self.rule is not None and similarity < self.rule.unlike():
            raise InputError(Sentence.UNLIKE(name=self._named(row)))
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
            taken_for = Known(nearest, self._named(row), utc(row.expires_at).date().isoformat())
        named = self.rule.to_name(others + 1, looks=2)
        return Preview(made.good, made.agreement, others, similar[nearest], limit, named, taken_for)

    def _row(self, connection: sa.Connection, person: str) -> Any:
        row = connection.execute(sa.select(PEOPLE).where(PEOPLE.c.id == person)).one_or_none()
        if row is None:
            raise _nobody(person)
        return row

    def _named(self, row: Any) -> str:
        return str(self._told(row)["consent"]["given_by"])

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
        self._before = sum(row.model != self.model for row in rows)
        self.keys.reload()
        read, problem = [], None
        for row in rows:
            if row.model != self.model or row.id in self._undeleted:
                continue
            try:
                names = self._names(row)
                named = (
                    names["greeting"] if names.get("on_screen") else None
                )  # older rows hold names nobody chose to show
                person = Person(named, row.customer_group)
                visits = self._visits(row)
                read.append((row.id, person, mean_direction(visits), len(visits)))
            except InputError as error:
                problem = error.told
        if not read:
            return (newest, NOBODY, ends), problem
        ids, people, templates, counts = zip(*read, strict=True)
        gallery = Gallery(ids, people, np.stack(templates), counts)
        return (newest, gallery, ends), problem

    def _seal(self, person: str, plain: bytes) -> bytes:
        return self.keys.encrypt(person.encode() + plain)

    def _open(self, row: Any, column: str) -> bytes:
        """Decrypt a column and check that it belongs to this row."""
        try:
            plain = self.keys.decrypt(row._mapping[column])
        except InputError as error:
            raise InputError(f"person {row.id}: {error.told}, or withdraw it") from None
        owner = row.id.encode()
        if not plain.startswith(owner):
            raise InputError(f"the row of person {row.id} holds another person's data; withdraw it")
        return plain.removeprefix(owner)

    def _names(self, row: Any) -> dict[str, Any]:
        names: dict[str, Any] = json.loads(self._open(row, "names"))
        return names

    def _visits(self, row: Any) -> Embeddings:
        """Return the embedding of each visit in a template."""
        visits = int(self._names(row).get("visits") or 1)
        return np.frombuffer(self._open(row, "template"), dtype="<f4").astype(np.float32).reshape(visits, -1)

    def _sealed(self, person: str, names: dict[str, Any], visits: Embeddings) -> dict[str, bytes]:
        """Encrypt the names and the template of a person."""
        return {
            "names": self._seal(person, json.dumps({**names, "visits": len(visits)}).encode()),
            "template": self._seal(person, visits.astype("<f4").tobytes()),
        }

    def _told(self, row: Any) -> dict[str, Any]:
        try:
            names = self._names(row)
        except InputError:
            names = {"given_by": UNREADABLE, "greeting": None, "visits": 0}
        consent = Consent(str(names["given_by"]), row.purpose, row.text_version, utc(row.given_at), utc(row.expires_at))
        return {
            "person": row.id,
            **asdict(Person(names["greeting"], row.customer_group)),
            "on_screen": bool(names.get("on_screen")),
            "consent": {key: _iso(value) for key, value in asdict(consent).items()},
            "enrolled_at": _iso(utc(row.enrolled_at)),
            "model": row.model,
            "visits": names.get("visits") or 1,
            "again": bool(self.model) and row.model != self.model,
        }

    def _audit(self, connection: sa.Connection, by: str, action: str, person: str | None, detail: str = "") -> None:
        entry = {"at": microseconds(datetime.now(UTC)), "action": action, "person": person, "operator": by}
        connection.execute(AUDIT.insert(), {**entry, "detail": detail})

    def scrub(self) -> None:
        """Wipe the bytes of deleted rows from the database's files; if that fails, `gallery` does it later.

        Raises:
            InputError: The bytes are still there.
        """
        self._unwiped, self._wipe_at = "what was deleted is not wiped yet", 0
        try:
            with database_errors(self.engine.url, "people"):
                wipe_deleted(self.engine)
        except InputError as error:
            self._unwiped = error.told
            raise
        self._unwiped = None

    def _withdraw_again(self, at: int) -> None:
        """Retry from time to time what `withdraw` could not do."""
        if self._undeleted and at >= self._wipe_at:
            with suppress(InputError):
                for person, by in list(self._undeleted.items()):
                    self.withdraw(person, by=by)
            self._wipe_at = at + _WIPE_EVERY

    def _wipe_again(self, at: int) -> None:
        """Retry from time to time what `scrub` could not do."""
        if self._unwiped is not None and at >= self._wipe_at:
            with suppress(InputError):
                self.scrub()
            self._wipe_at = at + _WIPE_EVERY


def _nobody(person: str) -> InputError:
    return InputError(f"{person}: nobody is enrolled under this id; faceline consent lists all", column="person")


def _iso(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _told_audit(row: Any) -> dict[str, Any]:
    return {**row._mapping, "at": _iso(utc(row.at))}

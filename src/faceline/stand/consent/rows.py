"""Reads and writes what a row of an enrolled person holds: names and template encrypted, the rest in plain."""

import json
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

import numpy as np

from faceline.errors import InputError
from faceline.stand.consent.keys import LostKeyError, TemplateKeys
from faceline.stand.consent.people import Consent, Person
from faceline.stand.consent.quality import Embeddings
from faceline.stand.database import utc

UNREADABLE: Final = "(cannot be opened)"
"""Shown in place of a name that no key decrypts; the person can still be withdrawn."""

_SEALED: Final = ("names", "template")


class Rows:
    """Encrypts and decrypts rows of the table of people.

    Args:
        keys: Keys of names and templates.
        model: Name and version of the embedder.
    """

    def __init__(self, keys: TemplateKeys, model: str) -> None:
        self._keys, self._model = keys, model

    def sealed(self, person: str, names: dict[str, Any], visits: Embeddings) -> dict[str, bytes]:
        """Encrypt the names and the template of a person."""
        return {
            "names": self._seal(person, json.dumps({**names, "visits": len(visits)}).encode()),
            "template": self._seal(person, visits.astype("<f4").tobytes()),
        }

    def opened(self, row: Any) -> dict[str, bytes]:
        """Decrypt the columns of a row, to encrypt them anew with `resealed`."""
        return {name: self._open(row, name) for name in _SEALED}

    def resealed(self, person: str, opened: dict[str, bytes]) -> dict[str, bytes]:
        """Encrypt what `opened` returned with the newest key."""
        return {name: self._seal(person, value) for name, value in opened.items()}

    def names(self, row: Any) -> dict[str, Any]:
        """Return the name of a person, how to greet them, and the number of their visits.

        Raises:
            LostKeyError: No key decrypts it.
            InputError: It is of another person.
        """
        names: dict[str, Any] = json.loads(self._open(row, "names"))
        return names

    def visits(self, row: Any) -> Embeddings:
        """Return the embedding of each visit in a template."""
        visits = int(self.names(row).get("visits") or 1)
        return np.frombuffer(self._open(row, "template"), dtype="<f4").astype(np.float32).reshape(visits, -1)

    def greeted(self, row: Any) -> Person:
        """Return how a person wishes to be greeted; older rows hold names that nobody chose to show."""
        names = self.names(row)
        return Person(names["greeting"] if names.get("on_screen") else None, row.customer_group)

    def given_by(self, row: Any) -> str:
        """Return the name on the signed form."""
        return str(self.told(row)["consent"]["given_by"])

    def told(self, row: Any) -> dict[str, Any]:
        """Return what a row says, without the template; what no key decrypts has no names."""
        try:
            names = self.names(row)
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
            "again": bool(self._model) and row.model != self._model,
        }

    def _seal(self, person: str, plain: bytes) -> bytes:
        return self._keys.encrypt(person.encode() + plain)

    def _open(self, row: Any, column: str) -> bytes:
        """Decrypt a column and check that it belongs to this row."""
        try:
            plain = self._keys.decrypt(row._mapping[column])
        except LostKeyError as error:
            raise LostKeyError(f"person {row.id}: {error.told}, or withdraw it") from None
        owner = row.id.encode()
        if not plain.startswith(owner):
            raise InputError(f"the row of person {row.id} holds another person's data; withdraw it")
        return plain.removeprefix(owner)


def _iso(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value

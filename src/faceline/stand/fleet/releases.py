"""Keeps the releases of a fleet: files by their digests, and signed lists of them."""

import re
import secrets
import shutil
from collections.abc import Collection, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from faceline.errors import InputError
from faceline.inference.bundle import LandmarkManifest, read_bundle
from faceline.stand.consent.consent_text import read_consent_text
from faceline.stand.content.catalogue import read_catalogue
from faceline.stand.database import microseconds, utc
from faceline.stand.fleet.manifest import BUNDLE, CATALOGUE, CONSENT, SOFTWARE, Item, Manifest, digest_of
from faceline.stand.fleet.protocol import Signed
from faceline.stand.fleet.roster import Roster
from faceline.stand.fleet.signing import SigningKey
from faceline.stand.fleet.tables import RELEASES

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


class Release(NamedTuple):
    """A release for stands.

    Attributes:
        name: Name of the release.
        at: Time when it was made.
        by: Name of the person who made it.
        note: Note of that person.
        manifest: List of what the release holds.
    """

    name: str
    at: datetime
    by: str
    note: str
    manifest: Manifest


class Releases:
    """The releases of a fleet.

    Args:
        roster: Stands of the fleet.
        key: Key that signs the releases.
        folder: Folder that keeps the files.
    """

    def __init__(self, roster: Roster, key: SigningKey, folder: Path) -> None:
        self.roster, self.key, self.folder = roster, key, folder

    def make(
        self,
        catalogue: Path,
        *,
        consent: Path | None = None,
        bundle: Path | None = None,
        base: str | None = None,
        pages: Collection[str] = (),
        by: str,
        note: str = "",
    ) -> str:
        """Make a release of contents and return its name.

        Args:
            catalogue: Catalogue file, with its media beside it.
            consent: File of a consent text.
            bundle: Bundle file that finds landmarks.
            base: Name of a release whose consent text and bundle are used if none is given.
            pages: Web sites that contents may show.
            by: Name of the person who makes it.
            note: Note for other people.

        Raises:
            InputError: A part is wrong; a stand would refuse it too.
        """
        found = {CATALOGUE: catalogue}
        found |= {f"contents/{name}": catalogue.parent / name for name in read_catalogue(catalogue, pages).files}
        if consent is not None:
            read_consent_text(consent)
            found[CONSENT] = consent
        if bundle is not None:
            if read_bundle(bundle, LandmarkManifest).manifest.layout is not None:
                raise InputError("a stand needs a bundle that finds the 68 points of iBUG", file=bundle)
            found[BUNDLE] = bundle
        items = [self._keep(path, file) for path, file in sorted(found.items())]
        before = None if base is None else self.find(base)
        if before is not None:
            items += [item for item in before.manifest.items if item.path in {CONSENT, BUNDLE} - set(found)]
        name = self._name()
        return self._sign(Manifest(release=name, kind="contents", items=tuple(items)), by, note)

    def announce(self, file: Path, version: str, *, by: str, note: str = "") -> str:
        """Announce a version of the software to all stands and return the name of the announcement.

        Args:
            file: File that installs the version, such as a wheel.
            version: Version of the software.
            by: Name of the person who announces it.
            note: Note for other people.
        """
        if not file.is_file():
            raise InputError("no such file", file=file)
        item = self._keep(f"{SOFTWARE}/{file.name}", file)
        return self._sign(
            Manifest(release=self._name(), kind="software", version=version, items=(item,)), by, note
        )  # fmt: skip

    def signed(self, name: str) -> Signed | None:
        """Return the signed form of a release, as stands receive it; None if there is no such release."""
        with self.roster.engine.connect() as connection:
            row = connection.execute(sa.select(RELEASES).where(RELEASES.c.id == name)).first()
        return None if row is None else Signed(manifest=row.manifest, signature=row.signature)

    def find(self, name: str) -> Release | None:
        """Return a release; None if there is none of that name."""
        return next(self._all(RELEASES.c.id == name), None)

    def newest(self, kind: str, most: int = 50) -> list[Release]:
        """Return the last releases of a kind, newest first."""
        return list(self._all(RELEASES.c.kind == kind, most))

    def announced(self) -> str | None:
        """Return the name of the newest announcement of a version; None if there is none."""
        query = sa.select(RELEASES.c.id).where(RELEASES.c.kind == "software").order_by(RELEASES.c.made_at.desc())
        with self.roster.engine.connect() as connection:
            return connection.scalar(query.limit(1))

    def file(self, digest: str) -> Path | None:
        """Return the file with a digest; None if there is none."""
        path = self._place(digest) if _DIGEST.fullmatch(digest) else None
        return path if path is not None and path.is_file() else None

    def _all(self, where: sa.ColumnElement[bool], most: int = 1) -> Iterator[Release]:
        query = sa.select(RELEASES).where(where).order_by(RELEASES.c.made_at.desc(), RELEASES.c.id.desc()).limit(most)
        with self.roster.engine.connect() as connection:
            for row in connection.execute(query):
                manifest = Manifest.model_validate_json(row.manifest)
                yield Release(row.id, utc(row.made_at), row.made_by, row.note, manifest)

    def _name(self) -> str:
        return f"{self.roster.clock():%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"

    def _place(self, digest: str) -> Path:
        return self.folder / digest[:2] / digest

    def _keep(self, path: str, file: Path) -> Item:
        """Copy a file into the store once, whatever its name is."""
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = self.folder / f".{secrets.token_hex(8)}.partial"
        try:
            shutil.copyfile(file, partial)
            item = Item(path=path, size=partial.stat().st_size, sha256=digest_of(partial))
            place = self._place(item.sha256)
            place.parent.mkdir(exist_ok=True)
            partial.replace(place)
        finally:
            partial.unlink(missing_ok=True)
        return item

    def _sign(self, manifest: Manifest, by: str, note: str) -> str:
        text = manifest.model_dump_json()
        values: dict[str, Any] = {
            "id": manifest.release, "kind": manifest.kind, "made_at": microseconds(self.roster.clock()), "made_by": by,
            "note": note, "manifest": text, "signature": self.key.sign(text),
        }  # fmt: skip
        with self.roster.writing, self.roster.engine.begin() as connection:
            connection.execute(RELEASES.insert().values(**values))
        return manifest.release

"""Installs what a fleet publishes: fetched, checked, and shown all at once; if refused, the old contents stay.

Each release is a folder, and a link names the one that is shown. A stand that is killed at any moment shows the old or
the new release. Going back changes the link too.
"""

import shutil
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from typing import Final

from faceline.errors import InputError, first_line
from faceline.stand.fleet.caller import Caller
from faceline.stand.fleet.manifest import CATALOGUE, Item, Manifest, digest_of, open_signed
from faceline.stand.fleet.protocol import Orders, Refusal, Signed
from faceline.stand.folders import check_room, make_folder
from faceline.stand.sentences import Sentence

OWN: Final = "own"
"""Name of the folder that holds the stand's own contents."""

_KEPT: Final = 4


class Contents:
    """The contents of a stand that belongs to a fleet.

    Args:
        folder: Folder that keeps the releases.
        check: Checks the folder of a release; raises if this stand cannot show it.

    Attributes:
        use: Called with the folder of a release when another one is shown.
        public_key: Public key of the fleet; set once the stand has joined.
        refused: Name of the release that was refused, and why.
        software: The newest announced version of the software whose file is complete.
        problem: What an operator should know; None if all is well.
    """

    def __init__(self, folder: Path, check: Callable[[Path], None]) -> None:
        self.folder, self._check = folder, check
        self.use: Callable[[Path], None] = lambda _: None
        self.public_key = ""
        self.refused: Refusal | None = None
        self.software: str | None = None
        self.problem: str | None = None
        self._announced: str | None = None
        self._link = folder / "current"

    @property
    def current(self) -> Path:
        """Return the folder of what is shown: a link that follows each change."""
        return self._link

    @property
    def release(self) -> str | None:
        """Return the name of the release that is shown; None for the stand's own contents."""
        name = self._link.readlink().name if self._link.is_symlink() else OWN
        return None if name == OWN else name

    def keep_own(self, catalogue: Path, media: Collection[str]) -> None:
        """Copy the stand's own contents: they are shown before anything is published, and after it is taken back.

        Args:
            catalogue: File of the catalogue.
            media: Media that the catalogue names, relative to its folder.
        """
        make_folder(self.folder, "folder")
        own = self.folder / OWN
        partial = self._empty(OWN)
        for name in media:
            _copy(catalogue.parent / name, partial / "contents" / name)
        _copy(catalogue, partial / CATALOGUE)
        shutil.rmtree(own, ignore_errors=True)
        partial.rename(own)
        if not self._link.is_symlink():
            self._show(OWN)

    def begin(self) -> Path:
        """Return what to show first: the last release, or the stand's own contents if that is broken."""
        name = self.release
        try:
            self._check(self.current)
        except InputError as error:
            if name is None:
                raise
            self._refuse(name, error.told)
            self._show(OWN)
        return self.current

    def follow(self, orders: Orders, caller: Caller) -> None:
        """Install the release that the fleet wants, and fetch the software that it announces.

        Raises:
            AwayError: The fleet went away; the next call continues.
        """
        if orders.software is not None and orders.software != self._announced:
            self._fetch_software(orders.software, caller)
        if orders.wanted == self.release:
            self.refused = self.problem = None
            return
        name = orders.wanted or OWN
        if self.refused is not None and self.refused.release == name:
            return  # it stays refused until something else is wanted
        try:
            if not (self.folder / name).is_dir():
                self._fetch(name, caller)
            self._check(self.folder / name)
            self._show(name)
            self.use(self.current)
        except InputError as error:
            self._refuse(name, error.told)
        except OSError as error:
            self.problem = Sentence.RELEASE_NOT_KEPT(name=name, why=first_line(error))
        else:
            self.refused = self.problem = None
            self._forget_old()

    def _refuse(self, name: str, why: str) -> None:
        shutil.rmtree(self.folder / name, ignore_errors=True)
        told = why.replace(f"{self.folder / name}/", "")[:400]
        self.refused = Refusal(release=name, why=told)
        self.problem = Sentence.RELEASE_REFUSED(name=name, why=told)

    def _show(self, name: str) -> None:
        new = self._link.with_name(".current")
        new.unlink(missing_ok=True)
        new.symlink_to(name)
        new.replace(self._link)

    def _fetch(self, name: str, caller: Caller) -> None:
        """Fetch a whole release into a folder and check it against its manifest."""
        manifest = self._manifest(name, "contents", caller)
        check_room({self.folder: sum(item.size for item in manifest.items)})
        partial = self._empty(name)
        for item in manifest.items:
            self._fetch_item(item, partial / item.path, caller)
        partial.rename(self.folder / name)

    def _fetch_software(self, name: str, caller: Caller) -> None:
        """Fetch the file of an announced version; installing it is left to whoever runs the machine."""
        try:
            manifest = self._manifest(name, "software", caller)
            item, folder = manifest.items[0], self.folder.parent / "software"
            target = folder / Path(item.path).name
            if not (target.is_file() and digest_of(target) == item.sha256):
                make_folder(folder, "folder")
                partial = folder / f".{target.name}.partial"
                self._fetch_item(item, partial, caller)
                partial.replace(target)
        except (InputError, OSError) as error:
            self.problem = Sentence.SOFTWARE_REFUSED(why=first_line(error))
            return
        self._announced, self.software = name, manifest.version

    def _manifest(self, name: str, kind: str, caller: Caller) -> Manifest:
        manifest = open_signed(caller.ask(f"release/{name}", None, Signed), self.public_key, name)
        if manifest.kind != kind:
            raise InputError(f"expected {kind}, got {manifest.kind}")
        return manifest

    def _fetch_item(self, item: Item, target: Path, caller: Caller) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        kept = next((file for file in self.folder.glob(f"*/{item.path}") if _is(file, item)), None)
        if kept is not None:
            shutil.copyfile(kept, target)
        else:
            caller.fetch(f"file/{item.sha256}", target)
        if not _is(target, item):
            target.unlink()
            raise InputError(f"{item.path}: it is not the file that was signed")

    def _empty(self, name: str) -> Path:
        partial = self.folder / f".{name}.partial"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        return partial

    def _forget_old(self) -> None:
        """Delete all but the last releases; going back to those needs no download."""
        folders = [each for each in self.folder.iterdir() if each.is_dir() and not each.is_symlink()]
        old = [each for each in folders if each.name not in (OWN, self.release)]
        for each in sorted(old, key=lambda folder: folder.stat().st_mtime)[: -(_KEPT - 1)]:
            with suppress(OSError):
                shutil.rmtree(each)


def _copy(file: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, target)


def _is(file: Path, item: Item) -> bool:
    return file.is_file() and file.stat().st_size == item.size and digest_of(file) == item.sha256

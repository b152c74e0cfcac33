"""Edits contents: a draft beside the catalogue is checked, published, and can be brought back.

The stand shows the YAML file. A folder beside it keeps the draft, the versions that were published before, and the
audit: who did what, and when.
"""

import copy
import hashlib
import json
import re
import secrets
import threading
import time
from collections.abc import Collection
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from shutil import copyfile
from typing import Any, Final

import yaml

from faceline.config.yaml_file import PlainData, YamlFile
from faceline.errors import InputError, first_line
from faceline.files import write_whole
from faceline.stand.content.artwork import check_file, wrong_ending
from faceline.stand.content.catalogue import DEMO, Catalogue, check_catalogue
from faceline.stand.content.films import Films
from faceline.stand.folders import make_folder

UPLOADS: Final = "uploads"
"""Folder of uploaded files, below that of the catalogue."""

_KEPT: Final = 100  # versions
_PARTIAL: Final = ".upload-"
_LEFT: Final = 86_400.0  # seconds after which an upload is not finished any more


class Desk:
    """Edits the draft of one catalogue.

    Args:
        file: File of the catalogue.
        pages: Web sites that contents may show.
    """

    def __init__(self, file: Path, pages: Collection[str] = ()) -> None:
        self.file, self.pages = file, pages
        self.folder = file.with_suffix(".versions")
        self._draft, self._audit = self.folder / "draft.json", self.folder / "audit.jsonl"
        self._lock = threading.RLock()
        self._published: tuple[tuple[int, int], dict[str, Any]] | None = None  # what the file held, and its stamp
        self.films = Films(lambda name, partial, by: self.add_medium(name, partial, by=by))

    @property
    def drafted(self) -> dict[str, Any] | None:
        """Return who began the draft, when, and on which version; None without a draft."""
        try:
            draft: dict[str, Any] = json.loads(self._draft.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        return draft

    @property
    def data(self) -> dict[str, Any]:
        """Return the draft, or what is published without a draft, as plain values."""
        draft = self.drafted
        data: dict[str, Any] = draft["data"] if draft else self._read()
        return data

    @property
    def text(self) -> str:
        """Return the draft, or what is published without a draft, as YAML."""
        return _dumped(self.data) if self.drafted else self.file.read_text(encoding="utf-8")

    def content(self, name: str) -> dict[str, Any] | None:
        """Return a content as it was written; None if there is none."""
        return _named(self.data["contents"], name)

    def campaign(self, name: str) -> dict[str, Any] | None:
        """Return a campaign as it was written; None if there is none."""
        return _named(self.data["campaigns"], name)

    def catalogue(self) -> Catalogue:
        """Return the draft, or what is published without a draft.

        Raises:
            InputError: A file that it names is missing.
        """
        return self._checked(PlainData(self.file, self.data))

    def save(self, content: dict[str, Any], before: str | None, mark: str, in_loop: bool, *, by: str) -> None:
        """Save a content in the draft.

        Args:
            content: The new content.
            before: Its id so far; None for a new content.
            mark: Mark of the content that the editor saw (`mark_of`).
            in_loop: Whether the standard loop shows it.
            by: Name of the editor.

        Raises:
            InputError: Somebody else has changed it meanwhile, or the catalogue would become invalid.
        """
        with self._lock:
            data = self.data
            self._put(data, "contents", content, before, mark)
            _put_in_loop(data, content["id"], in_loop)
            self._keep(data, by, "saved" if before else "created", content["id"])

    def preview(self, content: dict[str, Any], before: str | None) -> Catalogue:
        """Return the catalogue as saving a content would make it, and save nothing.

        Args:
            content: The content.
            before: Its id so far; None for a new content.

        Raises:
            InputError: The catalogue would become invalid.
        """
        data = self.data
        _replace_part(data["contents"], content, before)
        return self._checked(PlainData(self.file, data))

    def changed(self, kind: str, before: str | None, mark: str) -> str | None:
        """Say who has changed a content or campaign since an editor saw it; None if nobody has.

        Args:
            kind: Key of the catalogue: contents or campaigns.
            before: Its id; None for a new one.
            mark: Mark that the editor saw (`mark_of`).
        """
        if before is None or mark == mark_of(_named(self.data[kind], before)):
            return None
        who, one = self._last(before), kind.removesuffix("s")
        return f"{who} has changed this {one} meanwhile; copy what you typed, and open it again"

    def save_campaign(self, campaign: dict[str, Any], before: str | None, mark: str, *, by: str) -> None:
        """Put a campaign into the draft, as `save` does with a content.

        Raises:
            InputError: Somebody else has changed it meanwhile, or the catalogue would be wrong.
        """
        with self._lock:
            data = self.data
            self._put(data, "campaigns", campaign, before, mark)
            self._keep(data, by, "campaign saved" if before else "campaign created", campaign["id"])

    def delete_campaign(self, name: str, *, by: str) -> None:
        """Remove a campaign from the draft.

        Raises:
            InputError: Contents belong to it, or the catalogue would be wrong without it.
        """
        with self._lock:
            data = self.data
            its = [content["id"] for content in data["contents"] if content["campaign"] == name]
            if its:
                raise InputError(
                    f"contents belong to {name}: {', '.join(its)}; delete them first, or give them another campaign"
                )
            data["campaigns"] = [campaign for campaign in data["campaigns"] if campaign["id"] != name]
            self._keep(data, by, "campaign deleted", name)

    def move(self, place: int, name: str, steps: int, *, by: str) -> None:
        """Move a content of the standard loop to an earlier or later place.

        Args:
            place: Index of the content in the loop.
            name: Id of the content that the editor saw there.
            steps: Number of places; a negative one moves it forward.
            by: Name of the editor.

        Raises:
            InputError: Somebody else has changed the loop meanwhile.
        """
        with self._lock:
            data = self.data
            loop = data["loop"]
            if not 0 <= place < len(loop) or loop[place] != name or not 0 <= place + steps < len(loop):
                raise InputError("the loop was changed meanwhile; look at it again")
            loop.insert(place + steps, loop.pop(place))
            self._keep(data, by, "moved in the loop", name)

    def delete(self, name: str, *, by: str) -> None:
        """Remove a content from the draft.

        Raises:
            InputError: The catalogue would become invalid.
        """
        with self._lock:
            data = self.data
            data["contents"] = [content for content in data["contents"] if content["id"] != name]
            _put_in_loop(data, name, False)
            self._keep(data, by, "deleted", name)

    def bring_in(self, text: str, *, by: str) -> None:
        """Import a whole YAML file as the draft.

        Raises:
            InputError: The text is no catalogue.
        """
        with self._lock:
            self._keep(self._parsed(text).data, by, "imported", "")

    def publish(self, *, by: str) -> None:
        """Publish the draft and keep what was shown before as a version.

        Raises:
            InputError: There is no draft, or something else changed the file since it began.
        """
        with self._lock:
            draft = self.drafted
            if draft is None:
                raise InputError("there is no draft to publish")
            if draft["base"] != _digest(self.file):
                raise InputError(
                    f"{self.file.name} was changed by hand after the draft was begun; export the draft, discard it, "
                    "and bring in what you still need"
                )
            self._replace(_dumped(draft["data"]), by, "published")
            self._draft.unlink()

    def discard(self, *, by: str) -> None:
        """Delete the draft."""
        with self._lock:
            self._draft.unlink(missing_ok=True)
            self._note(by, "discarded", "")

    def bring_back(self, version: str, *, by: str) -> None:
        """Publish an earlier version; the current one becomes a version too, so this can be undone.

        Raises:
            InputError: There is a draft, there is no such version, or a medium of it is missing.
        """
        with self._lock:
            if self.drafted is not None:
                raise InputError("publish or discard the draft first")
            if version not in self.versions():
                raise InputError("this version is not kept any more")
            self._replace((self.folder / f"{version}.yaml").read_text(encoding="utf-8"), by, "brought back", version)

    def versions(self) -> list[str]:
        """Return the names of the stored versions, newest first."""
        return sorted((file.stem for file in self.folder.glob("[0-9]*.yaml")), reverse=True)

    def history(self) -> list[dict[str, Any]]:
        """Return the audit, newest first."""
        try:
            lines = self._audit.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return []
        return [json.loads(line) for line in reversed(lines)]

    def new_partial(self) -> Path:
        """Return a new file for an upload, and delete those that a killed process left."""
        for left in self.file.parent.glob(f"*{_PARTIAL}*"):
            with suppress(FileNotFoundError):  # another upload has just ended
                if time.time() - left.stat().st_mtime > _LEFT:
                    left.unlink()
        return self.file.with_name(f"{_PARTIAL}{secrets.token_hex(8)}")

    def add_medium(self, name: str, partial: Path, *, by: str) -> str:
        """Store an uploaded file if a display can show it.

        Args:
            name: Name that the editor gave it.
            partial: The file, in the catalogue's folder.
            by: Name of the editor.

        Returns:
            Its name relative to the catalogue's folder.

        Raises:
            InputError: A display cannot show it; the message says why.
        """
        target = self.file.parent / UPLOADS / clean_name(name)
        if wrong := wrong_ending(target.suffix):
            partial.unlink(missing_ok=True)
            raise InputError(f"{name}: {wrong}")
        partial = partial.rename(partial.with_name(f".{partial.name}{target.suffix}"))
        try:
            check_file(self.file.parent, partial.name)
            with self._lock:
                number = 1
                while target.exists() and target.read_bytes() != partial.read_bytes():
                    number += 1
                    target = target.with_name(f"{Path(clean_name(name)).stem}-{number}{target.suffix}")
                target.parent.mkdir(exist_ok=True)
                partial.replace(target)
        except ValueError as error:
            raise InputError(f"{name}: {first_line(error).removesuffix(f': {partial.name}')}") from None
        finally:
            partial.unlink(missing_ok=True)
        self._note(by, "uploaded", target.name)
        return f"{UPLOADS}/{target.name}"

    def _put(self, data: dict[str, Any], kind: str, part: dict[str, Any], before: str | None, mark: str) -> None:
        """Replace the content or campaign that the editor saw, or append a new one."""
        if changed := self.changed(kind, before, mark):
            raise InputError(changed)
        _replace_part(data[kind], part, before)

    def _keep(self, data: dict[str, Any], by: str, action: str, content: str) -> None:
        """Write the draft if it is a valid catalogue."""
        self._checked(PlainData(self.file, data))
        draft = self.drafted or {"base": _digest(self.file), "by": by, "at": _now()}
        with write_whole(self._draft) as partial:
            partial.write_text(json.dumps({**draft, "data": data}, default=str), encoding="utf-8")
        self._note(by, action, content)

    def _replace(self, text: str, by: str, action: str, detail: str = "") -> None:
        self._checked(self._parsed(text))
        self.folder.mkdir(exist_ok=True)
        kept = self.versions()
        number = int(kept[0].partition("-")[0]) + 1 if kept else 1
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
        (self.folder / f"{number:05}-{stamp}.yaml").write_bytes(self.file.read_bytes())
        for old in kept[_KEPT - 1 :]:
            (self.folder / f"{old}.yaml").unlink()
        with write_whole(self.file) as partial:
            partial.write_text(text, encoding="utf-8")
        self._note(by, action, detail)

    def _read(self) -> dict[str, Any]:
        """Return what the file holds; it is parsed once, until it changes."""
        state = self.file.stat()
        stamp, kept = (state.st_mtime_ns, state.st_size), self._published
        if kept is None or kept[0] != stamp:
            kept = self._published = stamp, YamlFile(self.file).data
        return copy.deepcopy(kept[1])

    def _parsed(self, text: str) -> YamlFile:
        """Parse a text as if the file held it."""
        try:
            return YamlFile(self.file, text)
        except InputError as error:
            raise InputError(error.message) from None

    def _checked(self, source: PlainData) -> Catalogue:
        """Return a catalogue whose media are those of the file."""
        try:
            return check_catalogue(source, self.pages)
        except InputError as error:
            raise InputError(error.message) from None

    def _note(self, by: str, action: str, content: str) -> None:
        self.folder.mkdir(exist_ok=True)
        with self._audit.open("a", encoding="utf-8") as audit:
            audit.write(json.dumps({"at": _now(), "by": by, "action": action, "content": content}) + "\n")

    def _last(self, content: str) -> str:
        return next((str(line["by"]) for line in self.history() if line["content"] == content), "somebody")


def mark_of(content: dict[str, Any] | None) -> str:
    """Return a digest that changes with the content."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:16]


def clean_name(name: str) -> str:
    """Return a file name without characters that could be misread."""
    stem, dot, suffix = Path(name).name.lower().rpartition(".")
    return (re.sub(r"[^a-z0-9_-]+", "-", stem).strip("-")[:60] or "medium") + dot + re.sub(r"[^a-z0-9]", "", suffix)


def _named(parts: list[dict[str, Any]], name: str) -> dict[str, Any] | None:
    return next((part for part in parts if part["id"] == name), None)


def _replace_part(parts: list[dict[str, Any]], part: dict[str, Any], before: str | None) -> None:
    place = next((i for i, each in enumerate(parts) if each["id"] == before), len(parts))
    parts[place : place + 1] = [part]


def _put_in_loop(data: dict[str, Any], name: str, in_loop: bool) -> None:
    if in_loop and name not in data["loop"]:
        data["loop"].append(name)
    elif not in_loop:
        data["loop"] = [each for each in data["loop"] if each != name]


def _dumped(data: dict[str, Any]) -> str:
    return str(yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=110))


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def copy_demo(file: Path) -> Path:
    """Copy the catalogue of the demo and its media as a first catalogue.

    Args:
        file: File for the catalogue; its media go beside it.
    """
    make_folder(file.parent, "folder")
    for part in DEMO.parent.glob("*.svg"):
        copyfile(part, file.parent / part.name)
    copyfile(DEMO, file)
    return file

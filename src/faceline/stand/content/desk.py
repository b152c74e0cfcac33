"""Where contents are edited: a draft beside the catalogue, which is checked, published, and brought back.

The YAML file stays what the stand shows. Beside it, a folder keeps the draft, the versions that were published before,
and the audit: who did what, and when.
"""

import hashlib
import json
import re
import threading
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path
from shutil import copyfile
from typing import Any, Final

import yaml

from faceline.errors import InputError, first_line
from faceline.files import write_whole
from faceline.stand.content.artwork import check_file, wrong_ending
from faceline.stand.content.catalogue import DEMO, Catalogue, read_catalogue
from faceline.stand.folders import make_folder

UPLOADS: Final = "uploads"
"""Folder of what was uploaded, below that of the catalogue."""

_KEPT: Final = 100  # versions


class Desk:
    """The draft of one catalogue.

    Args:
        file: The catalogue.
        pages: Web sites that contents may show.
    """

    def __init__(self, file: Path, pages: Collection[str] = ()) -> None:
        self.file, self.pages = file, pages
        self.folder = file.with_suffix(".versions")
        self._draft, self._audit = self.folder / "draft.json", self.folder / "audit.jsonl"
        self._lock = threading.RLock()

    @property
    def drafted(self) -> dict[str, Any] | None:
        """Who began the draft, when, and on which version; None where there is none."""
        try:
            draft: dict[str, Any] = json.loads(self._draft.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        return draft

    @property
    def data(self) -> dict[str, Any]:
        """The draft, or else what is published, as plain values."""
        draft = self.drafted
        data: dict[str, Any] = draft["data"] if draft else yaml.safe_load(self.file.read_text(encoding="utf-8"))
        return data

    @property
    def text(self) -> str:
        """The draft, or else what is published, as YAML."""
        return _dumped(self.data) if self.drafted else self.file.read_text(encoding="utf-8")

    def content(self, name: str) -> dict[str, Any] | None:
        """A content as it was written."""
        return _named(self.data["contents"], name)

    def campaign(self, name: str) -> dict[str, Any] | None:
        """A campaign as it was written."""
        return _named(self.data["campaigns"], name)

    def catalogue(self) -> Catalogue:
        """The draft, or else what is published.

        Raises:
            InputError: A file that it names has gone.
        """
        return self._checked(_dumped(self.data))

    def save(self, content: dict[str, Any], before: str | None, mark: str, in_loop: bool, *, by: str) -> None:
        """Put a content into the draft.

        Args:
            content: As it is to be written.
            before: Its id until now; None for a new one.
            mark: Of the content as the editor saw it (`mark_of`).
            in_loop: Whether the standard loop shows it.
            by: Who edits.

        Raises:
            InputError: Somebody else has changed it meanwhile, or the catalogue would be wrong.
        """
        with self._lock:
            data = self.data
            self._put(data["contents"], content, before, mark, "content")
            _put_in_loop(data, content["id"], in_loop)
            self._keep(data, by, "saved" if before else "created", content["id"])

    def save_campaign(self, campaign: dict[str, Any], before: str | None, mark: str, *, by: str) -> None:
        """Put a campaign into the draft; as `save`.

        Raises:
            InputError: Somebody else has changed it meanwhile, or the catalogue would be wrong.
        """
        with self._lock:
            data = self.data
            self._put(data["campaigns"], campaign, before, mark, "campaign")
            self._keep(data, by, "campaign saved" if before else "campaign created", campaign["id"])

    def delete_campaign(self, name: str, *, by: str) -> None:
        """Take a campaign out of the draft.

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
        """Show a content of the standard loop earlier or later.

        Args:
            place: Where it is in the loop.
            name: Of the content, as the editor saw it there.
            steps: How many places later, or earlier where it is negative.
            by: Who edits.

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
        """Take a content out of the draft.

        Raises:
            InputError: The catalogue would be wrong without it.
        """
        with self._lock:
            data = self.data
            data["contents"] = [content for content in data["contents"] if content["id"] != name]
            _put_in_loop(data, name, False)
            self._keep(data, by, "deleted", name)

    def bring_in(self, text: str, *, by: str) -> None:
        """Take a whole YAML file as the draft.

        Raises:
            InputError: It is not a catalogue.
        """
        with self._lock:
            self._checked(text)
            self._keep(yaml.safe_load(text), by, "imported", "")

    def publish(self, *, by: str) -> None:
        """Let the stand show the draft; what was shown until now is kept as a version.

        Raises:
            InputError: There is none, or the file was changed by something else since it was begun.
        """
        with self._lock:
            draft = self.drafted
            if draft is None:
                raise InputError("there is no draft to publish")
            if draft["base"] != _digest(self.file):
                raise InputError(
                    f"{self.file.name} was changed by hand since the draft was begun; export the draft, discard it, "
                    "and bring in what is still wanted"
                )
            self._replace(_dumped(draft["data"]), by, "published")
            self._draft.unlink()

    def discard(self, *, by: str) -> None:
        """Forget the draft."""
        with self._lock:
            self._draft.unlink(missing_ok=True)
            self._note(by, "discarded", "")

    def bring_back(self, version: str, *, by: str) -> None:
        """Let the stand show an earlier version; what is shown now becomes a version too, so this can be undone.

        Raises:
            InputError: There is a draft, no such version, or a medium of it has gone.
        """
        with self._lock:
            if self.drafted is not None:
                raise InputError("publish or discard the draft first")
            if version not in self.versions():
                raise InputError("this version is not kept any more")
            self._replace((self.folder / f"{version}.yaml").read_text(encoding="utf-8"), by, "brought back", version)

    def versions(self) -> list[str]:
        """Names of the versions that are kept, newest first."""
        return sorted((file.stem for file in self.folder.glob("[0-9]*.yaml")), reverse=True)

    def history(self) -> list[dict[str, Any]]:
        """The audit, newest first."""
        try:
            lines = self._audit.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return []
        return [json.loads(line) for line in reversed(lines)]

    def add_medium(self, name: str, partial: Path, *, by: str) -> str:
        """Take an uploaded file in, if a display can show it.

        Args:
            name: As the editor called it.
            partial: The file, in the folder of the catalogue.
            by: Who uploads.

        Returns:
            Its name below the folder of the catalogue.

        Raises:
            InputError: A display cannot show it; it says why.
        """
        target = self.file.parent / UPLOADS / clean_name(name)
        if wrong := wrong_ending(target.suffix):
            partial.unlink(missing_ok=True)
            raise InputError(f"{name}: {wrong}")
        partial = partial.rename(partial.with_name(f".{partial.name}{target.suffix}"))
        try:
            check_file(self.file.parent, partial.name)
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

    def _put(self, parts: list[dict[str, Any]], part: dict[str, Any], before: str | None, mark: str, kind: str) -> None:
        """Put a content or a campaign in the place of the one that the editor saw, or last."""
        place = next((i for i, each in enumerate(parts) if each["id"] == before), len(parts))
        if before is not None and mark != mark_of(_named(parts, before)):
            who = self._last(before)
            raise InputError(f"{who} has changed this {kind} meanwhile; copy what you typed, and open it again")
        parts[place : place + 1] = [part]

    def _keep(self, data: dict[str, Any], by: str, action: str, content: str) -> None:
        """Write the draft, if it is a catalogue."""
        self._checked(_dumped(data))
        draft = self.drafted or {"base": _digest(self.file), "by": by, "at": _now()}
        with write_whole(self._draft) as partial:
            partial.write_text(json.dumps({**draft, "data": data}, default=str), encoding="utf-8")
        self._note(by, action, content)

    def _replace(self, text: str, by: str, action: str, detail: str = "") -> None:
        self._checked(text)
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

    def _checked(self, text: str) -> Catalogue:
        """The catalogue of a text; its media lie where those of the file do."""
        candidate = self.file.with_name(f".{self.file.stem}.candidate.yaml")
        with self._lock:
            try:
                candidate.write_text(text, encoding="utf-8")
                return read_catalogue(candidate, self.pages)
            except InputError as error:
                raise InputError(error.message) from None
            finally:
                candidate.unlink(missing_ok=True)

    def _note(self, by: str, action: str, content: str) -> None:
        self.folder.mkdir(exist_ok=True)
        with self._audit.open("a", encoding="utf-8") as audit:
            audit.write(json.dumps({"at": _now(), "by": by, "action": action, "content": content}) + "\n")

    def _last(self, content: str) -> str:
        return next((str(line["by"]) for line in self.history() if line["content"] == content), "somebody")


def mark_of(content: dict[str, Any] | None) -> str:
    """Tells a content or a campaign from a changed one."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:16]


def clean_name(name: str) -> str:
    """A name of a file without what could be misread."""
    stem, dot, suffix = Path(name).name.lower().rpartition(".")
    return (re.sub(r"[^a-z0-9_-]+", "-", stem).strip("-")[:60] or "medium") + dot + re.sub(r"[^a-z0-9]", "", suffix)


def _named(parts: list[dict[str, Any]], name: str) -> dict[str, Any] | None:
    return next((part for part in parts if part["id"] == name), None)


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
    """Copy the catalogue of the demo and its media, to begin with.

    Args:
        file: Where the catalogue goes; its media lie beside it.
    """
    make_folder(file.parent, "folder")
    for part in DEMO.parent.glob("*.svg"):
        copyfile(part, file.parent / part.name)
    copyfile(DEMO, file)
    return file

"""``faceline consent``: lists enrolled people, and serves their rights."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from rich.table import Table

from faceline.errors import InputError
from faceline.files import write_whole
from faceline.outputs import check_output
from faceline.stand.consent.enrolment import Enrolment
from faceline.stand.consent.keys import VARIABLE
from faceline.stand.database import address_of
from faceline.stand.settings import ConsentSettings
from faceline.terminal import show

_LISTED: Final = {
    "person": "person", "given_by": "name", "greeting": "greeted as", "group": "group", "given_at": "since",
    "expires_at": "until", "text_version": "text",
}  # fmt: skip
"""Columns about each person that fit into 80 characters; an export has all."""
_AUDITED: Final = {name: name for name in ("at", "action", "person", "operator", "detail")}


def main(settings: ConsentSettings) -> None:
    """Run ``action`` and print the result."""
    keys = _key_file(settings)
    with Enrolment(settings.database, key_file=keys, model="", create=False) as enrolment:
        match settings.action:
            case "list":
                _print(enrolment.people(), _LISTED)
            case "audit":
                _print(enrolment.audit(), _AUDITED)
            case "withdraw":
                enrolment.withdraw(_person(settings), by=settings.operator)
                print(f"{settings.person}: withdrawn; template, names and consent are deleted")
            case "export":
                _write(enrolment.export(_person(settings), by=settings.operator), settings.output)
            case "expire":
                ended = enrolment.expire(by=settings.operator)
                print(f"{len(ended)} consents had ended; all that belonged to them is deleted")
                enrolment.scrub()
            case "rotate-key":
                print(f"{enrolment.rotate_key(by=settings.operator)} people are encrypted with the new key")


def _key_file(settings: ConsentSettings) -> Path | None:
    """Return the key file beside the stand's database; None if the keys are in the environment."""
    if settings.key_file is not None:
        return Path(settings.key_file)
    if VARIABLE in os.environ:
        return None
    if address_of(settings.database, "database").get_backend_name() != "sqlite":
        raise InputError(f"missing; give the stand's template.keys, or {VARIABLE}", column="key_file")
    return Path(settings.database.partition(":///")[2]).with_name("template.keys")


def _person(settings: ConsentSettings) -> str:
    if settings.person is None:
        raise InputError(f"missing; faceline consent action={settings.action} person=ID", column="person")
    return settings.person


def _write(told: dict[str, Any], output: str | None) -> None:
    text = json.dumps(told, indent=2, ensure_ascii=False)
    if output is None:
        print(text)
        return
    check_output(Path(output), "output", begins=[b"{"])
    try:
        with write_whole(Path(output), 0o600) as partial:
            partial.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"{output}: cannot be written: {error.strerror}", column="output") from None
    print(f"written to {output}")


def _print(rows: list[dict[str, Any]], headings: Mapping[str, str]) -> None:
    if not rows:
        print("nobody is enrolled, and nothing was done")
        return
    table = Table(title_justify="left")
    for name, heading in headings.items():
        table.add_column(heading, overflow="fold", no_wrap=name in ("person", "given_at", "expires_at"))
    for row in rows:
        values = {**row, **row.get("consent", {})}
        table.add_row(*(_short(name, values[name]) for name in headings))
    show(table)


def _short(name: str, value: Any) -> str:
    """Format a cell: times in UTC, days for people and seconds for the audit."""
    text = "" if value is None else str(value)
    return text[:10] if name.endswith("_at") else text[:19].replace("T", " ") if name == "at" else text

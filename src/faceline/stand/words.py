"""The words of the pages in other languages (gettext), and numbers and days as each language writes them.

Messages are in English in code, templates and scripts; ``locales/LANGUAGE.po`` beside this file has the translations.
They are compiled when a language is first asked for, so that no compiled file can be older than its source.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date, timedelta
from functools import cache
from gettext import GNUTranslations, NullTranslations
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import Any, Final, Literal

from babel.dates import format_date, format_timedelta, get_day_names
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal
from jinja2 import Environment

LANGUAGES: Final[Mapping[str, str]] = {
    "en": "English", "de": "Deutsch", "fr": "Français", "es": "Español", "ar": "العربية",
}  # fmt: skip
"""What each language calls itself, by its code; the first is that of the messages."""

LOCALES: Final = Path(str(files("faceline.stand"))) / "locales"

_UNITS: Final[Mapping[Literal["day", "hour", "minute", "second"], int]] = {
    "day": 86_400, "hour": 3_600, "minute": 60, "second": 1,
}  # fmt: skip
_RIGHT_TO_LEFT: Final = ("ar",)
_chosen: ContextVar[str] = ContextVar("language", default="en")


def language() -> str:
    """The code of the language that is spoken here and now."""
    return _chosen.get()


@contextmanager
def speaking(code: str) -> Iterator[None]:
    """Speak a language of `LANGUAGES` inside."""
    token = _chosen.set(code)
    try:
        yield
    finally:
        _chosen.reset(token)


def direction() -> str:
    """How the language is written: ``ltr`` or ``rtl``."""
    return "rtl" if language() in _RIGHT_TO_LEFT else "ltr"


def preferred(header: str) -> str:
    """The language of an ``Accept-Language`` header that we have; English where it names none of ours."""
    wanted = []
    for place, part in enumerate(header[:500].split(",")):
        code, _, quality = part.partition(";")
        try:
            weight = float(quality.strip().removeprefix("q=") or 1.0)
        except ValueError:
            continue
        wanted.append((-weight, place, code.strip().lower().partition("-")[0]))
    return next((code for weight, _, code in sorted(wanted) if code in LANGUAGES and weight < 0), "en")


def _(message: str, /, **values: Any) -> str:
    """A message in the language that is spoken, with its ``%(name)s`` filled in."""
    told = _catalog(language()).gettext(message)
    return told % values if values else told


def several(one: str, many: str, count: int, /, **values: Any) -> str:
    """A message about a number of things, which ``%(count)s`` stands for, in the form that the language has for it."""
    return _catalog(language()).ngettext(one, many, count) % {"count": number(count), **values}


def number(value: float, places: int = 0) -> str:
    """A number as the language writes it."""
    pattern = "#,##0." + "0" * places if places else "#,##0"
    return str(format_decimal(value, pattern, locale=language()))


def signed(value: float, places: int = 0) -> str:
    """A difference, with its sign before the number also where text runs from right to left."""
    before = "\u200e" if direction() == "rtl" else ""
    return f"{before}{'+' if value >= 0 else '−'}{number(abs(value), places)}"


def share(value: float, places: int = 0) -> str:
    """A share in per cent."""
    return f"{number(100 * value, places)}\u00a0%"


def day(value: date, pattern: str = "d MMMM y") -> str:
    """A day as the language writes it; the pattern is of Unicode's TR 35."""
    return str(format_date(value, pattern, locale=language()))


def ago(since: timedelta) -> str:
    """How long something is ago, in the largest unit that it fills."""
    seconds = max(since.total_seconds(), 1.0)
    unit = next(unit for unit, size in _UNITS.items() if seconds >= size)
    return str(format_timedelta(-timedelta(seconds=seconds), unit, 1e9, add_direction=True, locale=language()))


def translate(environment: Environment) -> None:
    """Let templates speak: ``_("…")``, numbers, shares and days, and the language itself."""
    environment.add_extension("jinja2.ext.i18n")
    environment.install_gettext_callables(  # type: ignore[attr-defined]
        lambda message: _catalog(language()).gettext(message),
        lambda one, many, count: _catalog(language()).ngettext(one, many, count),
        newstyle=True,
    )
    environment.globals.update(
        number=number, share=share, signed=signed, day=day, language=language, direction=direction, languages=LANGUAGES,
        of_scripts=of_scripts,
    )  # fmt: skip


def day_names() -> list[str]:
    """The days of a week from Monday on, short."""
    names = get_day_names("abbreviated", locale=language())
    return [str(names[place]) for place in range(7)]


def mark(message: str) -> str:
    """The same message; it is translated elsewhere, when it is told."""
    return message


def of_scripts() -> dict[str, str]:
    """The messages of the scripts of the pages, translated."""
    return {message: _(message) for message in _scripts()}


@cache
def _scripts() -> tuple[str, ...]:
    with (LOCALES / "de.po").open("rb") as file:
        catalog = read_po(file)
    return tuple(
        str(each.id) for each in catalog if each.id and any(name.endswith(".js") for name, _ in each.locations)
    )


@cache
def _catalog(code: str) -> NullTranslations:
    if code == "en":
        return NullTranslations()
    compiled = BytesIO()
    with (LOCALES / f"{code}.po").open("rb") as file:
        write_mo(compiled, read_po(file, locale=code))
    compiled.seek(0)
    return GNUTranslations(compiled)

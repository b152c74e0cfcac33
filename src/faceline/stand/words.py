"""Translates the pages (gettext), and formats numbers and days as each language does.

Messages in code, templates and scripts are English; ``locales/LANGUAGE.po`` beside this file holds the translations.
They are compiled when a language is first used, so no compiled file can be older than its source.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date, datetime, timedelta
from functools import cache
from gettext import GNUTranslations, NullTranslations
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import Any, Final, Literal, SupportsFloat

from babel.dates import format_skeleton, format_timedelta, get_day_names
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal
from jinja2 import Environment

LANGUAGES: Final[Mapping[str, str]] = {
    "en": "English", "de": "Deutsch", "fr": "Français", "es": "Español", "ar": "العربية",
}  # fmt: skip
"""Name of each language in itself, by its code; the first is that of the messages."""

LOCALES: Final = Path(str(files("faceline.stand"))) / "locales"

UNITS: Final[Mapping[Literal["day", "hour", "minute", "second"], int]] = {
    "day": 86_400, "hour": 3_600, "minute": 60, "second": 1,
}  # fmt: skip
"""Seconds of the units in which times are told."""

_RIGHT_TO_LEFT: Final = ("ar",)
_chosen: ContextVar[str] = ContextVar("language", default="en")


def language() -> str:
    """Return the code of the current language."""
    return _chosen.get()


@contextmanager
def speaking(code: str) -> Iterator[None]:
    """Use a language of `LANGUAGES` inside this context."""
    token = _chosen.set(code)
    try:
        yield
    finally:
        _chosen.reset(token)


def direction() -> str:
    """Return the writing direction of the language: ``ltr`` or ``rtl``."""
    return "rtl" if language() in _RIGHT_TO_LEFT else "ltr"


def preferred(header: str) -> str:
    """Return the first language of an ``Accept-Language`` header that exists here, or English."""
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
    """Translate a message to the current language and fill in its ``%(name)s``."""
    told = _catalog(language()).gettext(message)
    return told % values if values else told


def apart(name: str) -> str:
    """Return a name that keeps its own direction beside text from right to left."""
    return f"\u2068{name}\u2069" if direction() == "rtl" else name


def several(one: str, many: str, count: int, /, **values: Any) -> str:
    """Translate a message about a number of things, ``%(count)s``, with the right plural form."""
    return _catalog(language()).ngettext(one, many, count) % {"count": number(count), **values}


def number(value: SupportsFloat, places: int = 0) -> str:
    """Format a number for the language."""
    pattern = "#,##0." + "0" * places if places else "#,##0"
    return str(format_decimal(round(float(value), places) + 0.0, pattern, locale=language()))  # + 0.0: no -0.00


def signed(value: float, places: int = 0) -> str:
    """Format a difference; the sign stays before the number even in text from right to left."""
    before = "\u200e" if direction() == "rtl" else ""
    return f"{before}{'+' if value >= 0 else '−'}{number(abs(value), places)}"


def share(value: float, places: int = 0) -> str:
    """Format a share in per cent."""
    return f"{number(100 * value, places)}\u00a0%"


def in_seconds(count: str) -> str:
    """Write the unit after a number of seconds."""
    return _("%(count)s s", count=count).replace(" ", "\u00a0")


def rough(value: float) -> str:
    """Format a share with as many digits as a reader needs; what is almost all does not become all."""
    percent = 100 * value
    if 99 < percent < 100:
        return share(min(value, 0.999), 1)
    return share(value, 1 if abs(percent) < 9.95 else 0)


def plain(value: float) -> str:
    """Format a number with the decimals that it has, at most three."""
    return str(format_decimal(value, "#,##0.###", locale=language()))


def day(value: date, parts: str = "yMMMMd") -> str:
    """Format a day for the language; the parts are a skeleton of Unicode's TR 35."""
    return str(format_skeleton(parts, value, locale="en_GB" if language() == "en" else language()))


def time_of(value: datetime) -> str:
    """Format a day and the time of it."""
    return f"{day(value)} {value:%H:%M}"


def days(first: date, last: date) -> str:
    """Format the first and last day of a span, or the only day."""
    return day(first) if first == last else _("%(low)s to %(high)s", low=day(first), high=day(last))


def ago(since: timedelta) -> str:
    """Say in words how long ago something was, in the largest unit that it fills."""
    seconds = max(since.total_seconds(), 1.0)
    unit = next(unit for unit, size in UNITS.items() if seconds >= size)
    return str(format_timedelta(-timedelta(seconds=seconds), unit, 1e9, add_direction=True, locale=language()))


def translate(environment: Environment) -> None:
    """Give templates ``_("…")``, numbers, shares and days, and the language itself."""
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
    """Return the short names of the weekdays from Monday on."""
    names = get_day_names("abbreviated", locale=language())
    return [str(names[place]) for place in range(7)]


def mark(message: str) -> str:
    """Return the same message, which is translated later where it is shown."""
    return message


def of_scripts() -> dict[str, str]:
    """Return the translated messages of the pages' scripts."""
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

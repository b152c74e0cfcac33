"""Bring src/faceline/stand/locales/*.po up to date with the messages of code, templates and scripts.

python scripts/words.py

New and changed messages get an empty translation, and those that are gone are taken out. A test holds that none is
empty.
"""

from babel.messages import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.pofile import read_po, write_po

from faceline.stand.words import LANGUAGES, LOCALES

STAND = LOCALES.parent
METHODS = [
    ("**.py", "python"),
    ("**/templates/**.html", "jinja2"),
    ("**.j2", "jinja2"),
    ("**/static/**.js", "javascript"),
]
OPTIONS = {"**/static/**.js": {"parse_template_string": "true"}}
KEYWORDS = {**DEFAULT_KEYWORDS, "several": (1, 2), "mark": None}


def messages() -> Catalog:
    """All messages of the pages, with the files that they are in."""
    catalog = Catalog(project="faceline", fuzzy=False)
    for file, _, message, comments, context in extract_from_dir(STAND, METHODS, OPTIONS, KEYWORDS):
        catalog.add(message, locations=[(str(file), 0)], auto_comments=comments, context=context)
    return catalog


def main() -> None:
    """Update the files of all languages."""
    template = messages()
    LOCALES.mkdir(exist_ok=True)
    for code in (code for code in LANGUAGES if code != "en"):
        path = LOCALES / f"{code}.po"
        catalog = Catalog(locale=code, fuzzy=False)
        if path.exists():
            with path.open("rb") as file:
                catalog = read_po(file, locale=code)
        catalog.update(template, no_fuzzy_matching=True)
        catalog.obsolete.clear()
        missing = [each.id for each in catalog if each.id and not any(each.string or ())]
        with path.open("wb") as file:
            write_po(file, catalog, width=120, sort_output=True, omit_header=True)
        print(f"{path.name}: {len(catalog)} messages, {len(missing)} without a translation")


if __name__ == "__main__":
    main()

"""What people read has short sentences and the field's terms."""

import re
import runpy
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROSE = runpy.run_path(str(ROOT / "scripts/prose.py"))
TEXTS = {str(page.relative_to(ROOT)): page.read_text(encoding="utf-8") for page in PROSE["pages"]()}
TEXTS |= {name: text() for name, text in PROSE["TEXTS"].items()}
RIDDLES = {
    "validation part": "validation set",
    "test part": "test set",
    "training part": "training set",
    "first look": "coarse stage",
    "mirror averaging": "flip test-time augmentation",
    "mean with the mirror image": "flip test-time augmentation",
    "mean over mirror images": "flip test-time augmentation",
    "doubts": "uncertainty",
    "taught frames": "pseudo-labels",
    "luckiest": "unbiased",
}
"""Words of this project alone, by those of the field."""


@pytest.mark.parametrize("name", TEXTS)
def test_sentences_are_short(name: str) -> None:
    middle, high = PROSE["measure"](TEXTS[name])
    assert middle <= PROSE["MEDIAN"], (
        f"half of the sentences have over {middle} words; see python scripts/prose.py {name}"
    )
    assert high <= PROSE["P90"], f"a tenth of the sentences have over {high} words; see python scripts/prose.py {name}"


@pytest.mark.parametrize("name", TEXTS)
def test_terms_are_those_of_the_field(name: str) -> None:
    text = " ".join(TEXTS[name].split())
    found = [word for word in RIDDLES if re.search(rf"\b{word}\b", text, re.IGNORECASE)]
    assert not found, {word: RIDDLES[word] for word in found}


def test_docstrings_name_what_they_describe() -> None:
    riddles = re.findall(r"^ +[*\w.]+(?: \(.*?\))?: (?:Of|That|Those|Whose) .*$", PROSE["docstrings"](), re.MULTILINE)
    assert not riddles, "begin with a noun, such as “Name of the stand”"


def test_help_is_made_of_whole_sentences() -> None:
    allowed = ("yes", "bf16-mixed", "timm ", "person, ")  # names that are written small
    for told in PROSE["comments"]():
        assert told.endswith((".", "…")), f"no full stop: {told}"
        assert told[0].isupper() or told[0].isdigit() or told.startswith(allowed), f"no capital: {told}"


def test_every_picture_has_a_text_and_the_command_that_draws_it() -> None:
    drawn = [
        pattern
        for row in re.findall(r"^\| (`[^|]*\.(?:jpg|png)`[^|]*)\|", TEXTS["CONTRIBUTING.md"], re.MULTILINE)
        for pattern in re.findall(r"`([^`]+)`", row)
    ]
    for name, text in TEXTS.items():
        for told, picture in re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", text):
            assert len(told.split()) > 2, f"{name}: {picture} has no text in its place"
            assert any(fnmatch(picture.removeprefix("docs/"), pattern) for pattern in drawn), f"{picture}: no command"


def test_the_measure_tells_short_from_long() -> None:
    short, long = "One two three four. " * 10, f"{'word ' * 30}. " * 10
    assert PROSE["measure"](short) == (4, 4)
    assert PROSE["measure"](long)[0] > PROSE["MEDIAN"]


def test_code_tables_and_addresses_are_no_sentences() -> None:
    text = "# A title\n\n| a | b |\n\n```sh\nrun this command now\n```\n\nSee [a page](https://a.b/c) for more."
    assert PROSE["sentences"](text) == ["See a page for more."]

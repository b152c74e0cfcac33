"""Every command line of README, docs and help is one that faceline takes.

Each goes through the command itself, to the point at which its workflow would start: the verb is there, the config
composes, and every key and value passes its check. Of a sweep each value is tried.
"""

import importlib
import re
import shlex
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hydra._internal.hydra import Hydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep
from hydra.types import RunMode

from faceline import cli
from faceline.verbs import EXAMPLES, PLAIN, VERBS

ROOT = Path(__file__).parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
MOST_READ = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "--help", "docs/use.md", "docs/stand.md")
"""Pages whose commands are always composed; those of others, which take 0.2 s each, with the slow tests."""
PROJECT = ("docs/tutorial.md", "docs/extend/")
"""Pages whose commands run in a project that `faceline init` made."""


@dataclass(frozen=True)
class Line:
    """One command line, and the page on which it stands."""

    page: str
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.page}: {shlex.join(self.words)}"


def blocks(page: Path) -> Iterator[list[Line]]:
    """The commands of each shell block of a page."""
    text, name = page.read_text(encoding="utf-8"), str(page.relative_to(ROOT))
    for block in re.findall(r"^ *```(?:sh|bash)\n(.*?)```", text, re.DOTALL | re.MULTILINE):
        split = [tuple(shlex.split(line, comments=True)) for line in block.replace("\\\n", " ").splitlines()]
        yield [Line(name, words) for words in split if words]


def lines() -> Iterator[Line]:
    """All that somebody may copy: lines of shell blocks, whole commands within a sentence, examples of the help."""
    for page in PAGES:
        text, name = page.read_text(encoding="utf-8"), str(page.relative_to(ROOT))
        for block in blocks(page):
            yield from block
        prose = re.sub(r"^ *```.*?```", "", text, flags=re.DOTALL | re.MULTILINE)
        for span in re.findall(r"`(faceline [^`…]*=[^`…]*)`", prose):
            yield Line(name, tuple(shlex.split(span)))
    for told in (*(example for _, examples in VERBS.values() for example in examples), *(one for _, one in EXAMPLES)):
        yield Line("--help", tuple(shlex.split(told, comments=True)))


def own(line: Line) -> tuple[str, ...]:
    """What follows the name of our command; nothing where it is not called (a user may have the same name)."""
    for place, word in enumerate(line.words):
        if (word == "faceline" or word.endswith("/bin/faceline")) and line.words[place - 1] not in ("-u", "-g", "-o"):
            return line.words[place + 1 :]
    return ()


LINES = [line for line in dict.fromkeys(lines()) if line.words and "…" not in line.words]
OURS = list({own(line): line for line in reversed(LINES) if own(line)}.values())[::-1]
OTHERS = [line for line in LINES if line not in OURS and {"make", "python", "pip", "install"} & set(line.words)]


def variants(words: tuple[str, ...]) -> Iterator[list[str]]:
    """The command with one value for each word of a sweep, and then with each other value once."""
    if not {"-m", "--multirun"} & set(words) and not any(word.startswith("sweep=") for word in words):
        yield list(words)
        return
    first, others = [words[0]], []
    for word in words[1:]:
        if word in ("-m", "--multirun"):
            continue
        override = OverridesParser.create().parse_override(word)
        if not override.is_sweep_override():
            first.append(word)
            continue
        value = override.value()
        values = [value.start] if isinstance(value, IntervalSweep) else list(override.sweep_string_iterator())
        others += [(len(first), f"{override.get_key_element()}={each}") for each in values[1:]]
        first.append(f"{override.get_key_element()}={values[0]}")
    for place, word in [(0, first[0]), *others]:
        yield [*first[:place], word, *first[place + 1 :], "hydra.mode=RUN"]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("documented") / "my_project"
    importlib.import_module("faceline.commands.init").main(str(folder))
    (block,) = re.findall(r"```yaml\n(# @package _global_.*?)```", (ROOT / "docs/tutorial.md").read_text(), re.DOTALL)
    (folder / "conf/experiment/mine.yaml").write_text(block)
    return folder


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """Names of the workflows that were reached; none really starts."""
    reached: list[str] = []

    class Workflow:
        def __init__(self, name: str) -> None:
            self.main = lambda *_, **__: reached.append(name)

    monkeypatch.setattr(cli, "_module", Workflow)
    monkeypatch.setattr(Hydra, "get_mode", lambda *_, **__: RunMode.RUN)  # else each is composed twice
    for name, function in (("init", "main"), ("results", "main"), ("predict", "predict")):
        module = importlib.import_module(f"faceline.commands.{name}")
        monkeypatch.setattr(module, function, lambda *_, name=name, **__: reached.append(name))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FACELINE_DATA", str(tmp_path))
    return reached


def is_quick(line: Line) -> bool:
    """Whether it stands on a page that everybody reads, or needs no Hydra."""
    words = own(line)
    return line.page in MOST_READ or words[0] in PLAIN or " ".join(words[:2]) in PLAIN


@pytest.mark.parametrize(
    "line", [line if is_quick(line) else pytest.param(line, marks=pytest.mark.slow) for line in OURS], ids=str
)
def test_every_documented_command_is_taken(
    line: Line,
    started: list[str],
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if line.page.startswith(PROJECT):
        monkeypatch.chdir(project)
    for words in variants(own(line)):
        here = [word.replace("/etc/faceline/", f"{ROOT}/deploy/") for word in words]  # what is installed there
        assert cli.main(here) == 0, capsys.readouterr().err
    helps = not words or words[-1] in ("--help", "--version", "dev") or "--cfg" in words
    assert started or helps, "no workflow was reached"


@pytest.mark.parametrize("line", OTHERS, ids=str)
def test_every_other_command_names_what_is_there(line: Line) -> None:
    match line.words:
        case ["make", *targets]:
            known = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
            assert {target for target in targets if "=" not in target} <= known
        case ["python", script, *words]:
            text = (ROOT / script).read_text()
            assert all(word in text for word in words if word.startswith("--"))
        case words:
            extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
            assert set(re.findall(r"\[(\w+)\]", " ".join(words))) <= set(extras)
            assert all(list(ROOT.glob(word)) for word in words if re.match(r"(deploy|conf|scripts|src)/", word))

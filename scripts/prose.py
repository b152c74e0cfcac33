"""Measure how long the sentences of pages, help, docstrings and error messages are, and name the longest.

python scripts/prose.py              # every page, the help, docstrings and error messages
python scripts/prose.py README.md    # some pages, with their longest sentences
python scripts/prose.py errors       # the same for error messages; also help and docstrings
"""

import ast
import re
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median, quantiles

MEDIAN, P90 = 16, 28
"""Words a sentence, at most."""

ROOT = Path(__file__).resolve().parents[1]
ERRORS = ("InputError", "NegativeAnswer", "AwayError", "SourceLostError")
PAGES = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "research/README.md")


def sentences(text: str) -> list[str]:
    """The sentences of a Markdown text, without code, tables, headings, pictures and addresses."""
    text = re.sub(r"```.*?```|<!--.*?-->|<details>.*?</details>", "", text, flags=re.DOTALL)
    text = re.sub(r"!\[.*?\]\(.*?\)", "", text, flags=re.DOTALL)
    text = re.sub(r"\[([^\[\]]*)\]\([^()]*\)", r"\1", text)
    lines = ["" if line.lstrip().startswith(("|", "#", ">", "!!!", ":::")) else line for line in text.splitlines()]
    blocks = re.split(r"\n\s*\n|\n\s*(?:[-*]|\d+\.)\s", "\n".join(lines))
    found = [each for block in blocks for each in re.split(r"(?<=[.!?])\s+(?=\S)", " ".join(block.split()))]
    return [each for each in found if len(each.split()) > 2]


def pages() -> list[Path]:
    """The pages that people read, in the repository and on the site."""
    return [*(ROOT / name for name in PAGES), *sorted((ROOT / "docs").rglob("*.md"))]


def comments() -> list[str]:
    """What the configs say of each key; that of a verb's own keys is its `--help`."""
    found = []
    for file in sorted((ROOT / "conf").rglob("*.yaml")):
        found += re.findall(r"^ *\"?\w+\"?:[^#\n]*# *(.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)
    return found


def help_text() -> str:
    """The comments of the configs, a paragraph each."""
    return "\n\n".join(comments())


def docstrings() -> str:
    """Docstrings of the package's public modules, classes and functions, a paragraph each, without code."""
    found = []
    for file in sorted((ROOT / "src/faceline").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
                name = getattr(node, "name", "")
                text = "" if name.startswith("_") else ast.get_docstring(node) or ""
                found.append(re.sub(r"^\s*(?:\w+:|>>>.*|\.\.\..*)$", "", text, flags=re.MULTILINE))
    return "\n\n".join(found)


def errors() -> str:
    """The messages of a user's mistakes, a paragraph each; a value counts as one word."""
    return "\n\n".join(
        _literal(node.args[0])
        for file in sorted((ROOT / "src/faceline").rglob("*.py"))
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and node.args and getattr(node.func, "id", None) in ERRORS
    )


def _literal(node: ast.expr) -> str:
    """The text of a string in code, with an X in place of each value."""
    if isinstance(node, ast.JoinedStr):
        return "".join(_literal(each) for each in node.values)
    return str(node.value) if isinstance(node, ast.Constant) else "X"


TEXTS: dict[str, Callable[[], str]] = {"help": help_text, "docstrings": docstrings, "errors": errors}


def measure(text: str) -> tuple[float, float]:
    """Median and 90 % quantile of the words of a sentence."""
    words = [len(each.split()) for each in sentences(text)] or [0]
    return median(words), quantiles(words, n=10)[-1] if len(words) > 1 else words[0]


def main() -> int:
    """Print a line a text; the exit code is 1 where one has sentences that are too long."""
    named = sys.argv[1:]
    names = named or [*(str(page.relative_to(ROOT)) for page in pages()), *TEXTS]
    bad = 0
    for name in names:
        text = TEXTS[name]() if name in TEXTS else Path(name).read_text(encoding="utf-8")
        middle, high = measure(text)
        bad += middle > MEDIAN or high > P90
        print(f"{middle:5.1f} {high:5.1f}  {name}")
        if named:
            for each in sorted(sentences(text), key=lambda each: -len(each.split()))[:10]:
                print(f"      {len(each.split())}: {each}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

"""Measure how long the sentences of README and docs are, and name the longest.

python scripts/prose.py              # every page
python scripts/prose.py README.md    # some, with their longest sentences
"""

import re
import sys
from pathlib import Path
from statistics import median, quantiles

MEDIAN, P90 = 16, 28
"""Words a sentence, at most."""


def sentences(text: str) -> list[str]:
    """The sentences of a Markdown text, without code, tables, headings, pictures and addresses."""
    text = re.sub(r"```.*?```|<!--.*?-->|<details>.*?</details>", "", text, flags=re.DOTALL)
    text = re.sub(r"!\[.*?\]\(.*?\)", "", text, flags=re.DOTALL)
    text = re.sub(r"\[([^\[\]]*)\]\([^()]*\)", r"\1", text)
    lines = ["" if line.lstrip().startswith(("|", "#", ">")) else line for line in text.splitlines()]
    blocks = re.split(r"\n\s*\n|\n\s*(?:[-*]|\d+\.)\s", "\n".join(lines))
    found = [each for block in blocks for each in re.split(r"(?<=[.!?])\s+(?=\S)", " ".join(block.split()))]
    return [each for each in found if len(each.split()) > 2]


def measure(text: str) -> tuple[float, float]:
    """Median and 90 % quantile of the words of a sentence."""
    words = [len(each.split()) for each in sentences(text)] or [0]
    return median(words), quantiles(words, n=10)[-1] if len(words) > 1 else words[0]


def main() -> int:
    """Print a line a page; the exit code is 1 where one has sentences that are too long."""
    named = [Path(each) for each in sys.argv[1:]]
    pages = named or [Path("README.md"), *sorted(Path("docs").rglob("*.md"))]
    bad = 0
    for page in pages:
        text = page.read_text(encoding="utf-8")
        middle, high = measure(text)
        bad += middle > MEDIAN or high > P90
        print(f"{middle:5.1f} {high:5.1f}  {page}")
        if named:
            for each in sorted(sentences(text), key=lambda each: -len(each.split()))[:10]:
                print(f"      {len(each.split())}: {each}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

"""The page: whole, valid in itself, and safe whatever a run is called."""

import re
from collections import Counter
from html.parser import HTMLParser

import numpy as np
from matplotlib.figure import Figure
from tests.unit.reports.test_comparison import board

from faceline.plot_style import PALETTE
from faceline.reports.comparison import Apart, Comparison, Review
from faceline.reports.comparison_page import Closer, Plot, WorstFrame, page
from faceline.reports.svg import inline_svg

VOID = {"meta", "br", "hr", "img", "input", "link", "wbr"}


class Outline(HTMLParser):
    """Headings, ids and references of a page; fails where elements are not closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.headings: list[int] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        if re.fullmatch(r"h\d", tag):
            self.headings.append(int(tag[1]))
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def values(self, name: str) -> list[str]:
        return [value for _, attribute, value in self.attributes if attribute == name]


def figure() -> Figure:
    drawn = Figure(figsize=(3, 2))
    axes = drawn.subplots()
    axes.plot([1, 2], [1, 3], "o-", color=PALETTE[1])
    return drawn


def closer() -> Closer:
    face = np.random.default_rng(0).uniform(20, 80, (68, 2))
    worst = WorstFrame("v/1.png", b"\xff\xd8\xff", (100, 120), face, np.stack([face + 1, face + 2]), [0.1, 0.2])
    plots = [Plot(f"plot {i}", "found", inline_svg(figure(), f"k{i}", "t", "d"), [(0, "a"), (1, "b")]) for i in (1, 2)]
    return Closer(plots, {("A_B", "C_D"): [3, 1]}, [worst], ["a", "b"])


def made(comparison: Comparison, *closers: Closer) -> str:
    return page(comparison, closers, made="today", version="0")


def test_the_page_is_whole() -> None:
    found = Outline(made(Comparison([board(), board()], [Apart("c" * 32, "x", "w", "f", "r")]), closer(), closer()))
    assert found.headings[0] == 1 and found.headings.count(1) == 1
    assert all(after - before <= 1 for before, after in zip(found.headings, found.headings[1:], strict=False))
    repeated = {name for name, count in Counter(found.values("id")).items() if count > 1}
    assert not {name for name in repeated if not name.startswith("k")}  # the two boards were given the same figures
    anchors = {value[1:] for value in found.values("href") if value.startswith("#")}
    assert anchors <= set(found.values("id"))
    labelled = {name for value in found.values("aria-labelledby") for name in value.split()}
    assert labelled <= set(found.values("id"))


def test_the_page_needs_nothing_else() -> None:
    text = made(Comparison([board()]), closer())
    found = Outline(text)
    assert not {tag for tag, *_ in found.attributes} & {"script", "link", "iframe", "object", "form"}
    assert all(value.startswith(("#", "data:image/jpeg;base64,")) for value in found.values("href"))
    assert not found.values("src") and "url(http" not in text and "@import" not in text


def test_what_a_run_is_called_stays_text() -> None:
    evil = "<script>alert(1)</script>\"'&{{7*7}}"
    review = Review((evil, "b"), ("a" * 32, "b" * 32), evil, {evil: [evil, None]}, {evil: (1.0, None)})
    apart = Apart(evil, evil, evil, evil, evil)
    plot = Plot(evil, evil, inline_svg(figure(), "k", evil, evil), [(0, evil), (1, evil)])
    shown = Closer([plot], {(evil, evil): [1, 2]}, no_worst=evil)
    for comparison in (Comparison([board(names=(evil, evil))], [apart], {evil: 1}), Comparison([], review=review)):
        text = made(comparison, *[shown][: len(comparison.boards)])
        Outline(text)
        assert "<script" not in text and "alert(1)" in text and "{{7*7}}" in text


def test_a_verdict_comes_first_and_says_why_frames_are_missing() -> None:
    text = made(Comparison([board()]), Closer(no_worst="the cache is gone"))
    assert text.index("<h1>cnn leads") < text.index("Leaderboard") < text.index("Not drawn: the cache is gone.")


def test_a_figure_follows_the_page() -> None:
    svg = inline_svg(figure(), "key", "a <title>", "what is seen")
    assert svg.startswith("<svg") and 'role="img"' in svg and "a &lt;title&gt;" in svg
    assert "var(--series-2)" in svg and PALETTE[1].lower() not in svg
    ids = re.findall(r' id="([^"]+)"', svg)
    assert len(set(ids)) == len(ids) and all(name.startswith("key-") for name in ids)
    assert set(re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', svg)) <= {(i, "") for i in ids} | {("", i) for i in ids}
    assert svg == inline_svg(figure(), "key", "a <title>", "what is seen")  # to the letter

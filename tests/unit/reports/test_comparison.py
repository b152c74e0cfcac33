"""The words of a comparison, and its tables in Markdown."""

import json
from dataclasses import replace

import pytest

from faceline.metrics.paired import Paired
from faceline.reports.comparison import (
    Apart,
    Comparison,
    Entry,
    Leaderboard,
    Review,
    as_json,
    beats,
    board_verdict,
    cost,
    markdown,
    review_verdict,
)


def entry(label: str, figure: float, beats_next: float | None = None, behind: Paired | None = None) -> Entry:
    return Entry(
        run_id=f"{label}0123456789abcdef",
        label=label,
        figure=figure,
        interval=(figure - 0.005, figure + 0.005),
        behind=behind,
        beats_next=beats_next,
        scalars={"nme": figure},
        costs={"parameters": 1731460.0, "train_seconds": 912.3},
        facts={"command": f"faceline train name={label}"},
    )


def board(
    probability: float = 0.97, *, lowest: bool = True, names: tuple[str, str] = ("cnn", "resnet18")
) -> Leaderboard:
    sign = 1 if lowest else -1
    behind = Paired(sign * 0.01, *sorted((sign * 0.002, sign * 0.018)), 1 - probability, 40)
    first, second = (0.04, 0.05) if lowest else (0.5, 0.49)
    return Leaderboard(
        task="landmarks" if lowest else "identification",
        data="synthetic",
        protocol="official",
        fingerprint="f" * 16,
        metric="nme" if lowest else "f1_weighted",
        lowest=lowest,
        entries=[entry(names[0], first, probability), entry(names[1], second, None, behind)],
        probabilities=[[None, probability], [1 - probability, None]],
        differs={"model.lr": ["0.1", None]},
    )


@pytest.mark.parametrize(
    ("probability", "words"),
    [
        (0.999, "is better than b (probability 99.9 %)"),
        (0.95, "is better than b (probability 95 %)"),
        (0.94, "is probably better than b (94 %), but luck is not ruled out"),
        (0.79, "cannot be told apart from b (79 %)"),
    ],
)
def test_a_probability_is_put_into_words(probability: float, words: str) -> None:
    assert beats(probability, "b") == words


def test_costs_are_read_at_any_size() -> None:
    told = [
        cost("parameters", 3.0),
        cost("train_seconds", 0.0531),
        cost("train_seconds", 1234.5),
        cost("ms_per_frame", None),
    ]
    assert told == ["3", "0.053", "1,234", "–"]


def test_a_board_is_told_in_a_sentence() -> None:
    found = board()
    assert board_verdict(found) == "cnn leads with NME 4.00 %; it is better than resnet18 (probability 97 %)"
    assert board_verdict(replace(found, entries=found.entries[1:])).startswith("resnet18 reaches NME 5.00 %; there is")
    blind = replace(found.entries[0], beats_next=None)
    assert "luck cannot be ruled out" in board_verdict(replace(found, entries=[blind, found.entries[1]]))


def test_a_review_tells_by_how_much() -> None:
    a, b = board().entries
    assert review_verdict(board(), a, b) == (
        "cnn is better than resnet18: 1.00 points of NME lower (95 %: 0.20 to 1.80), with a probability of 97 %"
    )
    assert "cnn is probably better than" in review_verdict(board(0.9), a, b)
    assert review_verdict(board(0.6), b, a).startswith("resnet18 and cnn cannot be told apart: cnn is 1.00 points")
    f1 = board(0.97, lowest=False)
    assert "0.010 of F1 higher (95 %: 0.002 to 0.018)" in review_verdict(f1, *f1.entries)


def test_markdown_has_the_verdict_and_every_run() -> None:
    apart = Apart("c" * 32, "other", "landmarks · udacity · official", "NME 4.50 %", "another data set")
    text = markdown(Comparison([board()], [apart], {"failed": 2}))
    assert text.startswith("**cnn leads with NME 4.00 %")
    assert "| 1 | cnn | 4.00 % | 3.50 to 4.50 % | 97 % | 1,731,460 | 912 | – | `cnn01234` |" in text
    assert "| `cccccccc` | other |" in text and "Left out: 2 failed." in text


def test_several_boards_have_no_verdict_over_all() -> None:
    both = Comparison([board(), replace(board(lowest=False), apart="another protocol")])
    assert both.verdict() == "4 runs on 2 leaderboards, which must not be ranked together"
    assert "Ranked apart: another protocol." in markdown(both)
    assert "0.490 to 0.500" not in markdown(both)


def test_a_name_is_no_markup() -> None:
    text = markdown(Comparison([board(names=("<b>[x](y)*", "a|b\nc"))]))
    assert "<b>" not in text and "[x]" not in text.replace("\\[", "") and "a\\|b c" in text


def test_a_review_in_markdown_shows_what_differs() -> None:
    review = Review(("a", "b"), ("a" * 32, "b" * 32), "a is better", {"model.lr": ["0.1", None]}, {"nme": (0.1, 0.2)})
    text = markdown(Comparison([], review=review))
    assert "| model.lr | 0.1 | – |" in text
    assert "The configs are equal." in markdown(Comparison([], review=replace(review, differs={})))


def test_everything_is_plain_for_json() -> None:
    content = json.loads(json.dumps(as_json(Comparison([board()]))))
    assert content["verdict"] == content["boards"][0]["verdict"]
    assert content["boards"][0]["entries"][1]["behind"]["difference"] == 0.01

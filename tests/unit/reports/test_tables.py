import json
from pathlib import Path

import pytest

from faceline.errors import InputError
from faceline.reports.results import read_results as read_rows
from faceline.reports.results import render_results as render
from faceline.reports.tables import (
    LANDMARKS,
    LandmarkResult,
    markdown_table,
    ranked,
)

BEGIN, END = LANDMARKS.begin, LANDMARKS.end


def read_results(path: Path) -> list[LandmarkResult]:
    return read_rows(path, LandmarkResult)


def render_results(json_path: Path, readme: Path, *, check: bool = False) -> str:
    return render(LANDMARKS, json_path, readme, check=check)


def score(model: str, mse: float, **other) -> LandmarkResult:
    return LandmarkResult.model_validate(row(model, mse=mse, **other))


def row(model: str = "mobilenetv2", **other) -> dict:
    values = {
        "model": model,
        "data": "udacity",
        "split": "official",
        "input_size": 160,
        "mse": 9.94e-5,
        "nme": 0.0531,
        "params": 2398000,
        "train_seconds": 1020,
        "run_id": "0123456789abcdef",
        "commit": "fedcba9876543210",
        "command": f"faceline train experiment=landmarks/{model} data=udacity",
    }
    return values | other


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    results, readme = tmp_path / "landmarks.json", tmp_path / "README.md"
    results.write_text(json.dumps([row("cnn", mse=4e-4), row()]))
    readme.write_text(f"# Title\n\nbefore\n{BEGIN}\nthe table before\n{END}\n\nafter — ü\n", encoding="utf-8")
    return results, readme


def test_scores_of_another_protocol_are_ranked_apart():
    mixed = [
        score("a", 0.3, data="synthetic"),
        score("b", 0.1, data="synthetic", split="person_disjoint"),
        score("c", 0.2, data="synthetic"),
        score("d", 0.05, data="udacity"),
    ]
    assert [[s.model for s in group] for group in ranked(mixed)] == [["c", "a"], ["b"], ["d"]]


def test_render_replaces_only_what_is_between_the_markers(files: tuple[Path, Path]):
    results, readme = files
    text = render_results(results, readme)
    assert readme.read_text(encoding="utf-8") == text
    assert text.startswith(f"# Title\n\nbefore\n{BEGIN}\n")
    assert text.endswith(f"{END}\n\nafter — ü\n")
    assert "the table before" not in text
    assert sorted(path.name for path in readme.parent.iterdir()) == ["README.md", "landmarks.json"]


def test_a_second_rendering_changes_nothing_and_passes_the_check(files: tuple[Path, Path]):
    text = render_results(*files)
    before = files[1].stat().st_mtime_ns
    assert render_results(*files) == text
    assert render_results(*files, check=True) == text
    assert files[1].stat().st_mtime_ns == before


def test_check_refuses_a_readme_that_differs_and_leaves_it(files: tuple[Path, Path]):
    results, readme = files
    render_results(results, readme)
    results.write_text(json.dumps([row(mse=1e-5)]))
    before = readme.read_text(encoding="utf-8")
    with pytest.raises(InputError, match=r"README\.md: .*differs from .*landmarks\.json"):
        render_results(results, readme, check=True)
    assert readme.read_text(encoding="utf-8") == before


def table_of(results: list[dict]) -> list[list[str]]:
    text = markdown_table([LandmarkResult(**result) for result in results])
    return [[c.strip() for c in line.strip("|").split(" | ")] for line in text.splitlines() if line[:1] == "|"]


def test_the_table_shows_our_figures_beside_those_of_the_study():
    head, _, *rows = table_of([row("cnn", mse=4e-4), row(ci95=[0.051, 0.0552])])
    assert head == ["model", "px", "MSE", "NME, % [95 %]", "study's MSE", "weights", "min"]
    assert rows[0] == ["mobilenetv2", "160", "0.000099", "5.31 [5.10, 5.52]", "0.0004", "2.4 M", "17"]
    assert rows[1][0] == "cnn"  # the larger error comes second
    assert rows[1][3:5] == ["5.31", "0.0010"]


def test_the_study_has_no_figure_for_other_models_data_or_splits():
    assert [cells[4] for cells in table_of([row("vgg"), row()])[2:]] == ["–", "0.0004"]
    for other in (row(split="person_disjoint"), row(data="synthetic")):
        assert "study's MSE" not in table_of([other])[0]


def test_commands_are_listed_in_full_under_the_table():
    text = markdown_table([LandmarkResult(**row()), LandmarkResult(**row("cnn", command="faceline a|b"))])
    details = text[text.index("<details>") : text.index("</details>")]
    assert "\nfaceline train experiment=landmarks/mobilenetv2 data=udacity\n" in details
    assert "· run 01234567 · commit fedcba9876\nfaceline a|b\n" in details


def test_a_bar_in_a_name_does_not_break_the_table():
    text = markdown_table([LandmarkResult(**row("a|b"))])
    assert r"| a\|b | 160 |" in text


@pytest.mark.parametrize("field", sorted(row()))
def test_a_missing_field_is_named_with_its_row(files: tuple[Path, Path], field: str):
    results, _ = files
    broken = {key: value for key, value in row("cnn").items() if key != field}
    results.write_text(json.dumps([row(), broken]))
    named = r"result 2: " if field == "model" else r"result 2 \(cnn\): "
    with pytest.raises(InputError, match=rf"landmarks\.json, key '{field}': {named}field required"):
        read_results(results)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("mse", "0.1"),
        ("mse", -1e-4),
        ("nme", float("nan")),
        ("params", 1.5),
        ("params", 0),
        ("input_size", True),
        ("train_seconds", None),
        ("run_id", ""),
        ("command", "two\nlines"),
        ("accuracy", 0.9),
    ],
)
def test_a_wrong_value_is_named_with_its_row(files: tuple[Path, Path], field: str, value):
    results, readme = files
    before = readme.read_bytes()
    results.write_text(json.dumps([row(**{field: value})]))
    with pytest.raises(InputError, match=rf"key '{field}': result 1 \(mobilenetv2\): .*got"):
        render_results(results, readme)
    assert readme.read_bytes() == before


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", "expected a list"),
        ("[]", "at least one"),
        ("[1]", "result 1: "),
        ("[{", "expected JSON"),
    ],
)
def test_a_file_that_holds_no_list_of_results_is_refused(files: tuple[Path, Path], text: str, message: str):
    files[0].write_text(text)
    with pytest.raises(InputError, match=message):
        read_results(files[0])


def test_files_that_are_not_there_are_named(files: tuple[Path, Path], tmp_path: Path):
    with pytest.raises(InputError, match=r"none\.json: expected a readable file"):
        render_results(tmp_path / "none.json", files[1])
    with pytest.raises(InputError, match=r"none\.md: expected a readable file"):
        render_results(files[0], tmp_path / "none.md")


@pytest.mark.parametrize("text", ["no markers", BEGIN, END, f"{END}{BEGIN}", f"{BEGIN}{END}{BEGIN}{END}"])
def test_a_readme_without_its_markers_is_refused(files: tuple[Path, Path], text: str):
    files[1].write_text(text)
    with pytest.raises(InputError, match="expected one <!-- results:landmarks -->"):
        render_results(*files)
    assert files[1].read_text() == text

"""Tables of results: the leaderboard in the terminal, and the README's table, rendered from a JSON file."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from faceline.errors import InputError

BEGIN: Final = "<!-- results:landmarks -->"
END: Final = "<!-- /results:landmarks -->"

STUDY_MSE: Final = {
    "cnn": "0.0010",
    "efficientnet_b0": "0.0019",
    "resnet18": "0.0004",
    "mobilenetv2": "0.0004",
}
"""Test MSE on [0, 1] that the reference study reports, to the digits that it gives."""

NOTE: Final = (
    "MSE is on [0, 1] coordinates; NME is the mean point error over the distance of the outer eye corners. "
    "The study's MSE was measured on a test part of its own choice; it stands beside `official`, whose test frames "
    "come from videos seen in training, as a mark to beat and not as a like-for-like comparison. Training minutes are "
    "the wall time of one thread on a machine that did other work beside it."
)

_Error = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_Text = Annotated[str, Field(min_length=1, pattern=r"^[^\r\n]*$")]


class Score(BaseModel):
    """One line of a leaderboard.

    Attributes:
        model: Name of the model, as its experiment is called.
        data: Name of the data set.
        split: Protocol of the split; scores under different ones are never ranked together.
        mse: On [0, 1] coordinates.
        nme: A fraction: 0.05 is 5 %.
        params: Number of parameters.
        train_seconds: Wall time of the training.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    model: _Text
    data: _Text
    split: _Text
    mse: _Error
    nme: _Error
    params: Annotated[int, Field(gt=0)]
    train_seconds: _Error


class LandmarkResult(Score):
    """A score with what is needed to get it again: one object of ``docs/results/landmarks.json``.

    Attributes:
        input_size: Side of the square input, in pixels.
        run_id: The MLflow run.
        commit: Git commit of the code that ran.
        command: The exact command line.
    """

    input_size: Annotated[int, Field(gt=0)]
    run_id: _Text
    commit: _Text
    command: _Text


_AnyScore = TypeVar("_AnyScore", bound=Score)


def ranked(scores: Sequence[_AnyScore]) -> list[list[_AnyScore]]:
    """The scores in groups of one data set and split, as they come; within each the lowest MSE first."""
    groups: dict[tuple[str, str], list[_AnyScore]] = {}
    for score in scores:
        groups.setdefault((score.data, score.split), []).append(score)
    return [sorted(group, key=lambda score: score.mse) for group in groups.values()]


def leaderboard(scores: Sequence[Score]) -> Table:
    """A table for the terminal; ranks start again with each data set and split."""
    table = Table(title="Leaderboard", title_justify="left")
    table.add_column("", justify="right", no_wrap=True)
    table.add_column("model", no_wrap=True)
    for name in ("MSE", "NME %", "parameters", "seconds"):
        table.add_column(name, justify="right", no_wrap=True)
    for group in ranked(scores):
        table.add_section()
        table.add_row("", escape(f"{group[0].data} · {group[0].split}"), style="bold")
        for rank, score in enumerate(group, start=1):
            numbers = (_mse(score), _nme(score), f"{score.params:,}", f"{score.train_seconds:,.0f}")
            table.add_row(str(rank), escape(score.model), *numbers)
    return table


def print_leaderboard(scores: Sequence[Score], console: Console | None = None) -> None:
    """Print ``leaderboard`` to the console, by default standard output."""
    (console or Console()).print(leaderboard(scores))


def read_results(path: Path) -> list[LandmarkResult]:
    """The checked rows of a results file.

    Raises:
        InputError: No file, no list of objects, or a row with a field that is missing, unknown or wrong.
    """
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"expected a readable file, got: {error.strerror}", file=path) from error
    except ValueError as error:
        raise InputError(f"expected JSON, got: {error}", file=path) from error
    if not isinstance(rows, list) or not rows:
        raise InputError("expected a list with at least one object for each result", file=path)
    try:
        return TypeAdapter(list[LandmarkResult]).validate_python(rows)
    except ValidationError as error:
        raise _row_error(path, rows, error) from error


def render_results(json_path: Path, readme_path: Path, *, check: bool = False) -> str:
    """Put the results table between its two markers in the README; everything around them stays.

    Args:
        json_path: The results.
        readme_path: The Markdown file that has the markers.
        check: Only compare, write nothing.

    Returns:
        The text of the README with the table of the results.

    Raises:
        InputError: A bad results file, markers that are not there exactly once and in order, or, with
            ``check``, a README that differs from the results.
    """
    table = markdown_table(read_results(json_path))
    try:
        readme = readme_path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"expected a readable file, got: {error.strerror}", file=readme_path) from error
    if readme.count(BEGIN) != 1 or readme.count(END) != 1 or readme.index(BEGIN) > readme.index(END):
        raise InputError(f"expected one {BEGIN} and after it one {END}", file=readme_path)
    before, after = readme.split(BEGIN)[0], readme.split(END)[1]
    rendered = f"{before}{BEGIN}\n\n{table}\n{END}{after}"
    if rendered == readme:
        return rendered
    if check:
        raise InputError(f"the table differs from {json_path}: render it again", file=readme_path)
    draft = readme_path.with_name(f".{readme_path.name}.{os.getpid()}")
    try:
        draft.write_text(rendered, encoding="utf-8")
        draft.replace(readme_path)
    finally:
        draft.unlink(missing_ok=True)
    return rendered


def markdown_table(results: Sequence[LandmarkResult]) -> str:
    """The results as Markdown: a table, a note on the study's figures, and the command of every row."""
    ordered = [result for group in ranked(results) for result in group]
    head = "model|data|split|input px|MSE|NME|study's MSE|parameters|training minutes|run|commit"
    rule = "---|---|---|---:|---:|---:|---:|---:|---:|---|---"
    lines = [_line(head.split("|")), _line(rule.split("|")), *(_line(_cells(result)) for result in ordered)]
    commands = [f"# {result.model} · {result.data} · {result.split}\n{result.command}" for result in ordered]
    details = [
        "<details>",
        "<summary>The command of each row</summary>",
        "",
        "```sh",
        *commands,
        "```",
        "",
        "</details>",
    ]
    return "\n".join([*lines, "", NOTE, "", *details, ""])


def _cells(result: LandmarkResult) -> list[str]:
    study = STUDY_MSE.get(result.model, "") if (result.data, result.split) == ("udacity", "official") else ""
    return [
        result.model,
        result.data,
        result.split,
        str(result.input_size),
        _mse(result),
        f"{_nme(result)} %",
        study or "–",
        f"{result.params:,}",
        f"{result.train_seconds / 60:.1f}",
        f"`{result.run_id[:8]}`",
        f"`{result.commit[:10]}`",
    ]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _mse(score: Score) -> str:
    return f"{score.mse:.6f}"


def _nme(score: Score) -> str:
    return f"{100 * score.nme:.2f}"


def _row_error(path: Path, rows: list[object], error: ValidationError) -> InputError:
    """The first complaint, with the row it is about."""
    first = error.errors(include_url=False)[0]
    row, *field = first["loc"]
    name = rows[int(row)].get("model") if isinstance(rows[int(row)], dict) else None  # type: ignore[attr-defined]
    named = f"result {int(row) + 1}" + (f" ({name})" if name else "")
    came = "" if first["type"] == "missing" else f", got {first['input']!r}"
    return InputError(
        f"{named}: {first['msg'][0].lower()}{first['msg'][1:]}{came}",
        file=path,
        column=".".join(str(part) for part in field) or None,
    )

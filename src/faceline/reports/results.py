"""Published results: checked rows of a JSON file, rendered as a table in a page."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from faceline.config.names import current_command
from faceline.errors import InputError
from faceline.files import write_whole

Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Span = Annotated[list[Amount], Field(min_length=2, max_length=2)]
"""Both ends of an interval."""
Text = Annotated[str, Field(min_length=1, pattern=r"^[^\r\n]*$")]

NONE: Final = "–"
"""Cell of a figure that is not known or does not exist."""


class Result(BaseModel):
    """What every published row says of how it was measured.

    Attributes:
        run_id: Id of the MLflow run.
        commit: Git commit of the code that ran.
        command: The exact command line.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    run_id: Text
    commit: Text
    command: Text


Row = TypeVar("Row", bound=Result)


@dataclass(frozen=True)
class ResultsTable(Generic[Row]):
    """A kind of published results.

    Attributes:
        name: Name in the markers ``<!-- results:NAME -->`` and ``<!-- /results:NAME -->`` around the table.
        row: Class of each object in the file.
        markdown: Function from rows to a table.
    """

    name: str
    row: type[Row]
    markdown: Callable[[Sequence[Row]], str]

    @property
    def begin(self) -> str:
        """The marker before the table."""
        return f"<!-- results:{self.name} -->"

    @property
    def end(self) -> str:
        """The marker after the table."""
        return f"<!-- /results:{self.name} -->"


def line(cells: Sequence[str]) -> str:
    """Return a row of a Markdown table."""
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def table(columns: Mapping[str, Sequence[str]]) -> list[str]:
    """Return a table of figures as lines of Markdown; columns without a figure are left out.

    Args:
        columns: Cells of each column, by its head. The first column names the rows.
    """
    kept = {head: cells for head, cells in columns.items() if any(cell != NONE for cell in cells)}
    ruler = ["---", *["---:"] * (len(kept) - 1)]
    return [line(list(kept)), line(ruler), *(line(cells) for cells in zip(*kept.values(), strict=True)), ""]


def commands(named: Sequence[tuple[str, Result]]) -> list[str]:
    """Return the command of each row, in today's names, as lines of Markdown that are folded away.

    Args:
        named: Name of each row, and its result.
    """
    text = [
        f"# {name} · run {result.run_id[:8]} · commit {result.commit[:10]}\n{current_command(result.command)}"
        for name, result in named
    ]
    return ["<details>", "<summary>The command of each row</summary>", "", "```sh", *text, "```", "", "</details>"]


def read_results(path: Path, row: type[Row]) -> list[Row]:
    """Read and check the rows of a results file.

    Raises:
        InputError: The file is missing or no list of objects, or a row has a missing, unknown or wrong field.
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
        return TypeAdapter(list[row]).validate_python(rows)
    except ValidationError as error:
        raise _row_error(path, rows, error) from error


def render_results(table: ResultsTable[Any], json_path: Path, page: Path, *, check: bool = False) -> str:
    """Put the results table between its two markers in a page; everything around them stays.

    Args:
        table: Kind of results.
        json_path: File of the results.
        page: Markdown file with the markers.
        check: Whether to only compare, without writing.

    Returns:
        The text of the page with the table of the results.

    Raises:
        InputError: The results file is wrong, the markers do not occur exactly once and in order, or, with ``check``,
            the page differs from the results.
    """
    content = table.markdown(read_results(json_path, table.row))
    try:
        text = page.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"expected a readable file, got: {error.strerror}", file=page) from error
    if text.count(table.begin) != 1 or text.count(table.end) != 1 or text.index(table.begin) > text.index(table.end):
        raise InputError(f"expected one {table.begin} and after it one {table.end}", file=page)
    before, after = text.split(table.begin)[0], text.split(table.end)[1]
    rendered = f"{before}{table.begin}\n\n{content}\n{table.end}{after}"
    if rendered == text:
        return rendered
    if check:
        raise InputError(f"the table differs from {json_path}: render it again", file=page)
    with write_whole(page) as draft:
        draft.write_text(rendered, encoding="utf-8")
    return rendered


def _row_error(path: Path, rows: list[object], error: ValidationError) -> InputError:
    """Return the first complaint with its row."""
    first = error.errors(include_url=False)[0]
    row, *field = first["loc"]
    name = (rows[int(row)].get("model") or rows[int(row)].get("method")) if isinstance(rows[int(row)], dict) else None  # type: ignore[attr-defined]
    named = f"result {int(row) + 1}" + (f" ({name})" if name else "")
    came = "" if first["type"] == "missing" else f", got {first['input']!r}"
    return InputError(
        f"{named}: {first['msg'][0].lower()}{first['msg'][1:]}{came}",
        file=path,
        column=".".join(str(part) for part in field) or None,
    )

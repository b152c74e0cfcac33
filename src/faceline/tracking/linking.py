"""Links the page of a comparison from the notes of the runs that it ranks, as MLflow's page shows them."""

import re
from collections.abc import Sequence

from faceline.errors import InputError
from faceline.tracking.records import RunRecord
from faceline.tracking.runs import Run

PAGE = "comparison/comparison.html"
"""Place of the page among the artifacts of a board's first run."""

NOTE = "mlflow.note.content"
"""Tag with the Markdown description of a run on MLflow's page."""

_LINK = re.compile(r"\n*\[Compared with its like\]\([^)]*\)")


def link_page(boards: Sequence[Sequence[RunRecord]], page: str) -> str | None:
    """Store a page with the first run of each board, and link it from all runs of that board.

    Args:
        boards: Runs that were ranked together, the best first.
        page: HTML of the page.

    Returns:
        Why that failed, as in a read-only store; None if it worked.
    """
    try:
        for first, *others in boards:
            run = Run(first.client, first.id)
            run.log_text(page, PAGE)
            address = f"#/experiments/{run.experiment_id}/runs/{first.id}/artifacts/{PAGE}"
            for each in (first, *others):
                _link(each, address)
    except InputError as error:
        return str(error)
    return None


def _link(record: RunRecord, address: str) -> None:
    before = record.tags.get(NOTE, "")
    note = f"{_LINK.sub('', before)}\n\n[Compared with its like]({address})".lstrip()
    if note != before:
        Run(record.client, record.id).set_tags({NOTE: note})

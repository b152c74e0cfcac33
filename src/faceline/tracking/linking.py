"""Puts a link to the page of a comparison into the notes of the runs that it ranks, as MLflow's page shows them."""

import re
from collections.abc import Sequence

from faceline.errors import InputError
from faceline.tracking.records import RunRecord
from faceline.tracking.runs import Run

PAGE = "comparison/comparison.html"
"""Where the page lies among the artifacts of the first run of a board."""

NOTE = "mlflow.note.content"
"""What MLflow's page shows as the description of a run, in Markdown."""

_LINK = re.compile(r"\n*\[Compared with its like\]\([^)]*\)")


def link_page(boards: Sequence[Sequence[RunRecord]], page: str) -> str | None:
    """Keep a page with the first run of each board, and link it from all runs of that board.

    Args:
        boards: Runs that were ranked together, the best first.
        page: The page, as HTML.

    Returns:
        Why that could not be done, as in a store that may only be read; None where it was.
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

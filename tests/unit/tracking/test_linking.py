"""The page of a comparison is linked from the runs that it ranks, once."""

import pytest
from mlflow import MlflowClient
from tests.recorded import landmark_run

from faceline.errors import InputError
from faceline.tracking.linking import NOTE, PAGE, link_page
from faceline.tracking.records import download, get_run
from faceline.tracking.runs import tracked_run


def test_every_run_of_a_board_links_the_page_of_its_first(client: MlflowClient) -> None:
    runs = [landmark_run(client, "linked", name) for name in ("first", "second", "third")]
    with tracked_run(client, "linked", "", run_id=runs[1].id) as second:
        second.set_tags({NOTE: "A note of my own."})
    for page in ("<p>one</p>", "<p>two</p>"):  # the later one replaces the earlier
        boards = [[get_run(client, run.id) for run in runs[:2]], [get_run(client, runs[2].id)]]
        assert link_page(boards, page) is None
    links, experiment = [], client.get_run(runs[0].id).info.experiment_id
    for run in (runs[0], runs[2]):
        assert download(run, PAGE).read_text() == "<p>two</p>"
        links.append(f"[Compared with its like](#/experiments/{experiment}/runs/{run.id}/artifacts/{PAGE})")
    notes = [get_run(client, run.id).tags[NOTE] for run in runs]
    assert notes == [links[0], f"A note of my own.\n\n{links[0]}", links[1]]


def test_a_store_that_takes_no_page_says_why(client: MlflowClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise InputError("the disk is full")

    run = landmark_run(client, "linked", "full")
    monkeypatch.setattr(client, "log_text", refuse)
    assert link_page([[run]], "<p></p>") == "the disk is full"
    assert NOTE not in get_run(client, run.id).tags

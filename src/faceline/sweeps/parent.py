"""The runs of a sweep in the store: one for the study, and below it one for each trial."""

import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from mlflow import MlflowClient

from faceline.errors import InputError
from faceline.sweeps.trial import TRIAL_TAG
from faceline.tracking.provenance import provenance
from faceline.tracking.records import (
    ERROR_TAG,
    PARENT_TAG,
    PROCESS_TAG,
    RunRecord,
    find_runs,
    is_open,
    process_mark,
)
from faceline.tracking.runs import Run, tracked_run
from faceline.tracking.store import experiment as experiment_id
from faceline.tracking.store import store_errors

KIND_TAG = "faceline.kind"
SWEEP_TAG = "faceline.sweep"
GRACE = 10.0
"""Seconds in which a job notices that its sweep was killed."""


@contextmanager
def open_parent(
    client: MlflowClient, experiment: str, name: str, run_id: str | None, arguments: Sequence[str]
) -> Iterator[Run]:
    """Open the run of the study: a new one, or the one that it had before."""
    tags = {KIND_TAG: "sweep", SWEEP_TAG: name, "command": shlex.join(["faceline", "train", *arguments])}
    with tracked_run(client, experiment, name, tags=tags, run_id=run_id) as run:
        run.log_provenance(provenance())
        yield run


def describe(run: Run, description: Mapping[str, Any]) -> None:
    """Log what the sweep is about."""
    run.log_text(yaml.safe_dump(dict(description), sort_keys=False, allow_unicode=True), "sweep.yaml")


@dataclass(frozen=True)
class ChildRuns:
    """The runs of the trials.

    Attributes:
        client: Client of the store.
        experiment: Name of the experiment.
        parent: Id of the sweep's run.
    """

    client: MlflowClient
    experiment: str
    parent: str

    def find(self, number: int) -> RunRecord | None:
        """Return the run of a trial; None if it did not get so far."""
        where = f"tags.`{PARENT_TAG}` = '{self.parent}' AND tags.`{TRIAL_TAG}` = '{number}'"
        return next(iter(find_runs(self.client, where=where)), None)

    def abandoned(self, number: int) -> RunRecord | None:
        """Return the run of a trial whose sweep was killed; None if there is none.

        Raises:
            InputError: The trial still runs.
        """
        until = time.monotonic() + GRACE
        while (record := self.find(number)) is not None and is_open(record):
            if time.monotonic() > until:
                raise InputError(f"trial {number} of an earlier start still runs (run {record.id}); wait, or end it")
            time.sleep(0.2)
        return record

    def close(self, number: int, status: str, reason: str, log: Path) -> None:
        """Record a trial that did not finish; it gets a run of its own in any case.

        Args:
            number: Number of the trial.
            status: FAILED or KILLED.
            reason: Why it did not finish.
            log: Output of the job, which is kept if the file exists.
        """
        record = self.find(number)
        with store_errors(self.client.tracking_uri):
            if record is None:
                tags = {PARENT_TAG: self.parent, TRIAL_TAG: str(number), PROCESS_TAG: process_mark()}
                created = self.client.create_run(
                    experiment_id(self.client, self.experiment), run_name=f"trial {number}", tags=tags
                )
                run_id = str(created.info.run_id)
            else:
                run_id = record.id
            self.client.set_terminated(run_id, status)
            if record is None or ERROR_TAG not in record.tags:
                self.client.set_tag(run_id, ERROR_TAG, reason[:500])
            if log.is_file():
                self.client.log_artifact(run_id, str(log))

"""Runs that the store holds: find them, load their config and files."""

import difflib
import hashlib
import platform
import tempfile
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import psutil
from omegaconf import OmegaConf

from faceline.config.names import current
from faceline.errors import InputError
from faceline.tracking.places import found_beside, local_path
from faceline.tracking.store import local_database, store_errors

# isort: split
# After the store module, which switches telemetry off.
from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts
from mlflow.entities import DatasetInput, ViewType
from mlflow.entities import Run as MlflowRun
from mlflow.exceptions import MlflowException

DIGEST_TAG = "faceline.config_digest"
ERROR_TAG = "faceline.error"
PROCESS_TAG = "faceline.process"
MODEL_TAG = "faceline.model."
FILE_TAG = "faceline.file"
PARENT_TAG = "mlflow.parentRunId"
"""Of the trial of a sweep: the run that holds the sweep."""
CONTEXT_TAG = "mlflow.data.context"
CONFIG_FILE = "config.yaml"
BEST = "best"
"""Name of the model of a run that is measured and used."""
TAG = "tag."
"""Before the names of the user's own tags."""

PAGE = 1000


@dataclass(frozen=True)
class RunRecord:
    """A run as the store knows it.

    Attributes:
        client: Client of the store.
        id: Its id.
        name: Its name, not unique.
        status: RUNNING, FINISHED, FAILED or KILLED.
        started: Seconds since 1970.
        metrics: The last value of each.
        params: As logged, cut at MLflow's limits.
        tags: All of them.
        artifact_uri: Where its artifacts are.
        ended: Seconds since 1970; None where it has no end yet.
        data: Digest of the frames that it used, by what for: training, validation, test.
    """

    client: MlflowClient = field(repr=False, compare=False)
    id: str
    name: str
    status: str
    started: float
    metrics: dict[str, float]
    params: dict[str, str]
    tags: dict[str, str]
    artifact_uri: str
    ended: float | None = None
    data: dict[str, str] = field(default_factory=dict)

    @cached_property
    def config(self) -> dict[str, Any]:
        """The resolved config that the run was (last) started with.

        Raises:
            InputError: None was logged.
        """
        config = OmegaConf.to_container(OmegaConf.load(download(self, CONFIG_FILE)))
        assert isinstance(config, dict)
        return {str(key): value for key, value in current(config).items()}


def get_run(client: MlflowClient, run_id: str) -> RunRecord:
    """The run with this id, or with the one id that begins so.

    Raises:
        InputError: There is none or more than one; names the nearest ids.
    """
    try:
        with store_errors(client.tracking_uri):
            return _record(client, client.get_run(run_id))
    except MlflowException:
        known = [record.id for record in find_runs(client)]
    near = [known_id for known_id in known if run_id and known_id.startswith(run_id)]
    if len(near) == 1:
        return get_run(client, near[0])
    near = near[:3] or difflib.get_close_matches(run_id, known, n=3, cutoff=0.0)
    raise InputError(
        f"no run {run_id!r} in this store; " + (f"nearest: {', '.join(near)}" if near else "it has no runs"),
        column="run_id",
    )


def find_runs(
    client: MlflowClient,
    experiments: Sequence[str] = (),
    where: str = "",
    order_by: Sequence[str] = (),
    *,
    deleted: bool = False,
) -> list[RunRecord]:
    """All runs that fit, newest first.

    Args:
        client: Client of the store.
        experiments: Names; all experiments if empty.
        where: Filter in MLflow's language, such as ``attributes.status = 'FINISHED'``.
        order_by: Such as ``metrics.`val/nme` ASC``.
        deleted: Those that were deleted, in place of the others.

    Raises:
        InputError: There is no such experiment; names those that there are.
    """
    with store_errors(client.tracking_uri):
        ids = {found.name: found.experiment_id for found in client.search_experiments()}
        for name in experiments:
            if name not in ids:
                raise InputError(
                    f"no experiment {name!r} in this store, it has {', '.join(sorted(ids))}",
                    column="tracking.experiment",
                )
        chosen = [ids[name] for name in experiments] or list(ids.values())
        view = ViewType.DELETED_ONLY if deleted else ViewType.ACTIVE_ONLY
        found: list[RunRecord] = []
        token: str | None = None
        while True:
            page = client.search_runs(chosen, where, view, PAGE, order_by=list(order_by) or None, page_token=token)
            found += [_record(client, run) for run in page]
            token = page.token
            if not token:
                return found


def unfinished(client: MlflowClient, experiment: str, config_digest: str) -> RunRecord | None:
    """The newest run of this config that did not reach its end and that no living process writes."""
    with store_errors(client.tracking_uri):
        if client.get_experiment_by_name(experiment) is None:
            return None
    where = f"tags.`{DIGEST_TAG}` = '{config_digest}' AND attributes.status != 'FINISHED'"
    found = find_runs(client, [experiment], where, ["attributes.start_time DESC"])
    return next((record for record in found if not is_open(record)), None)


def history(record: RunRecord, metric: str) -> dict[int, float]:
    """The value of a metric by its epoch; the last where an epoch has several."""
    with store_errors(record.client.tracking_uri):
        points = record.client.get_metric_history(record.id, metric)
    return {point.step: point.value for point in sorted(points, key=lambda point: (point.step, point.timestamp))}


def download(record: RunRecord, path: str) -> Path:
    """An artifact of a run as a local file; no copy where the store is on this machine.

    Raises:
        InputError: The run has no such artifact.
    """
    return _fetch(record.client, record.artifact_uri, path, f"run {record.id}")


def checkpoint(record: RunRecord, name: str) -> Path:
    """The checkpoint file of the newest LoggedModel with this name in a run.

    Raises:
        InputError: The run has none.
    """
    model_id = record.tags.get(MODEL_TAG + name)
    if model_id is None:
        raise InputError(f"run {record.id} ({record.status}) has no model {name!r}", column="run_id")
    return model_file(record.client, model_id)


def model_file(client: MlflowClient, model_id: str) -> Path:
    """The checkpoint file of a LoggedModel.

    Raises:
        InputError: The store no longer has it.
    """
    try:
        with store_errors(client.tracking_uri):
            model = client.get_logged_model(model_id)
    except MlflowException as error:
        raise InputError(f"the store has no model {model_id}", column="run_id") from error
    return _fetch(client, str(model.artifact_location), model.tags[FILE_TAG], f"model {model_id}")


def artifact_folder(client: MlflowClient, uri: str) -> Path | None:
    """The folder of a run's or a model's artifacts; None where they are not on this machine.

    Args:
        client: Client of the store.
        uri: The address that the store has recorded.
    """
    database = local_database(client)
    return local_path(uri) if database is None else found_beside(database, uri)


def _fetch(client: MlflowClient, base: str, path: str, owner: str) -> Path:
    if (place := artifact_folder(client, base)) is not None:
        file = place / path
        if not file.exists():
            raise InputError(
                f"{owner} has no artifact {path!r}: its files were deleted, or left behind when the store was moved",
                file=file,
            )
        return file
    folder = tempfile.mkdtemp(dir=_downloads().name)
    uri = f"{base}/{path}"
    try:
        return Path(download_artifacts(artifact_uri=uri, dst_path=folder, tracking_uri=client.tracking_uri))
    # MLflow does not tell a missing file from a server that fails.
    except (MlflowException, OSError) as error:
        raise InputError(f"{owner} has no artifact {path!r}, or the store did not hand it out") from error


@cache
def _downloads() -> "tempfile.TemporaryDirectory[str]":
    """The folder of what this process has fetched; it goes with the process."""
    return tempfile.TemporaryDirectory(prefix="faceline-")


def process_mark() -> str:
    """Names this process among all that ever ran: its number, its second of birth, and a digest of the machine."""
    process = psutil.Process()
    return f"{process.pid}:{process.create_time():.1f}:{_machine()}"


def is_open(record: RunRecord) -> bool:
    """Whether a living process of this machine still writes the run; a killed one leaves RUNNING behind."""
    number, _, born = record.tags.get(PROCESS_TAG, "").partition(":")
    if record.status != "RUNNING" or not born:
        return False
    try:
        process = psutil.Process(int(number))
        # A number is used again; the clock may be set by a moment.
        same = abs(process.create_time() - float(born.partition(":")[0])) < 2
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def is_lost(record: RunRecord) -> bool:
    """Whether the run has no end because its process, on this very machine, was killed before it could say so."""
    here = record.tags.get(PROCESS_TAG, "").endswith(f":{_machine()}")
    return record.status == "RUNNING" and here and not is_open(record)


def _machine() -> str:
    """Tells machines, and containers, from each other without giving their names away."""
    return hashlib.sha256(f"{platform.node()} {uuid.getnode()}".encode()).hexdigest()[:8]


def _record(client: MlflowClient, run: MlflowRun) -> RunRecord:
    info = run.info
    return RunRecord(
        client=client,
        id=str(info.run_id),
        name=str(info.run_name),
        status=str(info.status),
        started=info.start_time / 1000,
        metrics=dict(run.data.metrics),
        params=dict(run.data.params),
        tags=dict(run.data.tags),
        artifact_uri=str(info.artifact_uri),
        ended=info.end_time / 1000 if info.end_time else None,
        data={tag.value: used.dataset.digest for used in _datasets(run) for tag in used.tags if tag.key == CONTEXT_TAG},
    )


def _datasets(run: MlflowRun) -> list[DatasetInput]:
    return list(run.inputs.dataset_inputs) if run.inputs else []

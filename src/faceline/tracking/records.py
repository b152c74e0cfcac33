"""Finds runs in the store, and loads their configs and files."""

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
"""Tag of a sweep's trial with the id of the sweep's run."""
CONTEXT_TAG = "mlflow.data.context"
CONFIG_FILE = "config.yaml"
BEST = "best"
"""Name of a run's model that is measured and used."""
TAG = "tag."
"""Prefix of the user's own tags."""

PAGE = 1000


@dataclass(frozen=True)
class RunRecord:
    """A run in the store.

    Attributes:
        client: Client of the store.
        id: Id of the run.
        name: Name of the run, which need not be unique.
        status: RUNNING, FINISHED, FAILED or KILLED.
        started: Start in seconds since 1970.
        metrics: Last value of each metric.
        params: Params as logged, cut at MLflow's limits.
        tags: All tags.
        artifact_uri: Address of its artifacts.
        ended: End in seconds since 1970; None if it has not ended.
        data: Digests of its frames, by their use: training, validation, test.
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
        """Return the resolved config that the run was (last) started with.

        Raises:
            InputError: The run has no config.
        """
        config = OmegaConf.to_container(OmegaConf.load(download(self, CONFIG_FILE)))
        assert isinstance(config, dict)
        return {str(key): value for key, value in current(config).items()}


def get_run(client: MlflowClient, run_id: str) -> RunRecord:
    """Return the run with this id, or the only one whose id begins so.

    Raises:
        InputError: There is no such run, or more than one; the message names the nearest ids.
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
    """Return all matching runs, newest first.

    Args:
        client: Client of the store.
        experiments: Names of experiments; all if empty.
        where: Filter in MLflow's language, such as ``attributes.status = 'FINISHED'``.
        order_by: Order, such as ``metrics.`val/nme` ASC``.
        deleted: Whether to return deleted runs instead of the others.

    Raises:
        InputError: An experiment does not exist; the message names the existing ones.
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
    """Return the newest unfinished run of this config that no living process writes."""
    with store_errors(client.tracking_uri):
        if client.get_experiment_by_name(experiment) is None:
            return None
    where = f"tags.`{DIGEST_TAG}` = '{config_digest}' AND attributes.status != 'FINISHED'"
    found = find_runs(client, [experiment], where, ["attributes.start_time DESC"])
    return next((record for record in found if not is_open(record)), None)


def history(record: RunRecord, metric: str) -> dict[int, float]:
    """Return the value of a metric by epoch; the last one if an epoch has several."""
    with store_errors(record.client.tracking_uri):
        points = record.client.get_metric_history(record.id, metric)
    return {point.step: point.value for point in sorted(points, key=lambda point: (point.step, point.timestamp))}


def download(record: RunRecord, path: str) -> Path:
    """Return an artifact of a run as a local file, without a copy if the store is on this machine.

    Raises:
        InputError: The run has no such artifact.
    """
    return _fetch(record.client, record.artifact_uri, path, f"run {record.id}")


def checkpoint(record: RunRecord, name: str) -> Path:
    """Return the checkpoint file of the newest LoggedModel with this name in a run.

    Raises:
        InputError: The run has no such model.
    """
    model_id = record.tags.get(MODEL_TAG + name)
    if model_id is None:
        raise InputError(f"run {record.id} ({record.status}) has no model {name!r}", column="run_id")
    return model_file(record.client, model_id)


def model_file(client: MlflowClient, model_id: str) -> Path:
    """Return the checkpoint file of a LoggedModel.

    Raises:
        InputError: The store does not have it any more.
    """
    try:
        with store_errors(client.tracking_uri):
            model = client.get_logged_model(model_id)
    except MlflowException as error:
        raise InputError(f"the store has no model {model_id}", column="run_id") from error
    return _fetch(client, str(model.artifact_location), model.tags[FILE_TAG], f"model {model_id}")


def artifact_folder(client: MlflowClient, uri: str) -> Path | None:
    """Return the folder of a run's or model's artifacts; None if they are not on this machine.

    Args:
        client: Client of the store.
        uri: Address that the store has recorded.
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
    """Return the folder of this process's downloads, which is deleted at its end."""
    return tempfile.TemporaryDirectory(prefix="faceline-")


def process_mark() -> str:
    """Return a mark that no other process ever has: its number, its start second, and a digest of the machine."""
    process = psutil.Process()
    return f"{process.pid}:{process.create_time():.1f}:{_machine()}"


def is_open(record: RunRecord) -> bool:
    """Tell whether a living process of this machine still writes the run; a killed one leaves RUNNING behind."""
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
    """Tell whether the process of an unfinished run on this machine was killed before it could record that."""
    here = record.tags.get(PROCESS_TAG, "").endswith(f":{_machine()}")
    return record.status == "RUNNING" and here and not is_open(record)


def _machine() -> str:
    """Return a digest that tells machines and containers apart without revealing their names."""
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

"""Tracked runs: open one, log to it, end it with the right status."""

import json
import logging
import signal
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Literal, NoReturn, SupportsFloat

import numpy as np
from omegaconf import OmegaConf

from faceline.config.messages import explain
from faceline.config.tree import conf_dir
from faceline.errors import InputError, first_line
from faceline.tracking.limits import checked_metrics, flat_params, tag_value
from faceline.tracking.provenance import IGNORED, without
from faceline.tracking.records import (
    CONFIG_FILE,
    CONTEXT_TAG,
    ERROR_TAG,
    FILE_TAG,
    MODEL_TAG,
    PROCESS_TAG,
    get_run,
    is_open,
    process_mark,
)
from faceline.tracking.store import experiment as experiment_id
from faceline.tracking.store import settle_store, store_errors

# isort: split
# After the store module, which switches telemetry off.
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, LoggedModelOutput, Metric, Param, RunTag
from mlflow.exceptions import MlflowException

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Context = Literal["training", "validation", "test"]

_log = logging.getLogger(__name__)


class Run:
    """An open run: everything that is logged is in the store when the call returns.

    Args:
        client: Client of the store.
        run_id: Id of an existing run.
        resumed: Whether something was logged to it before.
    """

    def __init__(self, client: MlflowClient, run_id: str, *, resumed: bool = False) -> None:
        self.client, self.id, self.resumed = client, run_id, resumed
        with store_errors(client.tracking_uri):
            self.experiment_id = str(client.get_run(run_id).info.experiment_id)

    def set_tags(self, tags: Mapping[str, Any]) -> None:
        """Set or replace tags."""
        self._write(tags=[RunTag(key, tag_value(value)) for key, value in tags.items()])

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Log what the run was started with; nested mappings become names with dots.

        Raises:
            InputError: A resumed run has another value.
        """
        flat = flat_params(params)
        if self.resumed:
            self._check_unchanged(flat)
        self._write(params=[Param(name, value) for name, value in flat.items()])

    def log_config(self, config: Mapping[str, Any], ignore: Sequence[str] = IGNORED) -> None:
        """Log a resolved config: whole as ``config.yaml``, and as params without the ignored keys.

        Args:
            config: Config in plain containers.
            ignore: Keys that may change when the run is resumed, as in ``provenance.config_digest``.
        """
        self.log_text(OmegaConf.to_yaml(OmegaConf.create(dict(config))), CONFIG_FILE)
        self.log_params(without(config, ignore))

    def log_provenance(self, info: Mapping[str, Any]) -> None:
        """Log the result of ``provenance.provenance``; each start of a resumed run keeps its own files.

        A run that continued under another commit, or once from changed files, counts as made from changed files.
        """
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        own = info.get("own_code", {})
        facts = {name: {key: value for key, value in code.items() if key != "diff"} for name, code in own.items()}
        kept = {name: value for name, value in info.items() if name != "diff"}
        self.log_dict(kept | ({"own_code": facts} if own else {}), f"provenance/{stamp}.json")
        for name, code in own.items():
            self.log_text(code["diff"] or "", f"provenance/{stamp}-{name}.diff")
        if info["diff"]:
            self.log_text(info["diff"], f"provenance/{stamp}.diff")
        tags = {f"faceline.{name}": info[name] for name in ("commit", "dirty", "threads")}
        tags |= {"own_code": ", ".join(f"{name} ({code['digest']})" for name, code in own.items())} if own else {}
        if self.resumed:
            with store_errors(self.client.tracking_uri):
                before = self.client.get_run(self.id).data.tags
            same = before.get("faceline.commit") == str(info["commit"]) and before.get("faceline.dirty") == "False"
            tags["faceline.dirty"] = bool(info["dirty"]) or not same
        # Shown by MLflow's page as the version.
        self.set_tags(tags | ({"mlflow.source.git.commit": info["commit"]} if info["commit"] else {}))

    def log_metrics(self, metrics: Mapping[str, SupportsFloat], step: int | None = None) -> None:
        """Log numbers in one request.

        Args:
            metrics: Names such as ``val/nme``.
            step: Number of the epoch, from 0; None means 0.

        Raises:
            ValueError: MLflow refuses a name, or a value is not finite.
        """
        now = _milliseconds()
        checked = checked_metrics(metrics)
        self._write(metrics=[Metric(name, value, now, step or 0) for name, value in checked.items()])

    def log_text(self, text: str, path: str) -> None:
        """Store a text as an artifact."""
        with store_errors(self.client.tracking_uri):
            self.client.log_text(self.id, text, path)

    def log_dict(self, content: Mapping[str, Any], path: str) -> None:
        """Store plain containers as an artifact, as JSON or YAML by the suffix of the path."""
        with store_errors(self.client.tracking_uri):
            self.client.log_dict(self.id, dict(content), path)

    def log_figure(self, figure: "Figure", path: str) -> None:
        """Store a matplotlib figure as an artifact, in the format of the path's suffix."""
        with store_errors(self.client.tracking_uri):
            self.client.log_figure(self.id, figure, path)

    def log_array(self, values: np.ndarray, path: str) -> None:
        """Store an array as an artifact, in NumPy's format."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, Path(path).name)
            np.save(file, values, allow_pickle=False)
            self.log_file(file, str(Path(path).parent))

    def log_file(self, file: Path, folder: str | None = None) -> None:
        """Store a copy of a file as an artifact."""
        with store_errors(self.client.tracking_uri):
            self.client.log_artifact(self.id, str(file), folder)

    def log_dataset(
        self, name: str, fingerprint: str, *, split: str, context: Context, profile: Mapping[str, Any]
    ) -> None:
        """Record which data the run used, and what for.

        Args:
            name: Name of the data set.
            fingerprint: Digest of exactly these frames, at most 36 characters.
            split: Protocol of the split.
            context: Use of the data, such as training.
            profile: Counts; MLflow keeps the first of each name and fingerprint in an experiment.
        """
        source = json.dumps({"name": name, "split": split})
        dataset = Dataset(name, fingerprint, "faceline", source, profile=json.dumps(dict(profile)))
        tags = [InputTag(CONTEXT_TAG, context), InputTag("split", split)]
        inputs = [DatasetInput(dataset, tags)]
        with store_errors(self.client.tracking_uri):
            try:
                self.client.log_inputs(self.id, datasets=inputs)
            except MlflowException:
                # Another job of a sweep may have written the data set since MLflow looked for it; now it is found.
                self.client.log_inputs(self.id, datasets=inputs)

    def log_model(
        self,
        name: str,
        checkpoint: Path,
        metrics: Mapping[str, SupportsFloat],
        params: Mapping[str, Any],
        step: int = 0,
        folder: Path | None = None,
    ) -> str:
        """Store a checkpoint as a LoggedModel, which MLflow can rank and register.

        Args:
            name: Name such as ``best``; ``checkpoint`` finds the newest model of a run by it.
            checkpoint: File to copy, or with ``folder`` its place in that folder.
            metrics: Scores of the model.
            params: Params that tell it from other models.
            step: Epoch of the model.
            folder: Folder to copy instead of the file: the model as MLflow reads it, with signature and example.

        Returns:
            The id of the model.
        """
        values = checked_metrics(metrics)
        texts, kept = flat_params(params), checkpoint.name if folder is None else checkpoint.as_posix()
        settle_store(self.client)  # a long training may outlast a command that saw the store under another path
        with store_errors(self.client.tracking_uri):
            model = self.client.create_logged_model(
                self.experiment_id, name, self.id, tags={FILE_TAG: kept}, params=texts
            )
            model_id = str(model.model_id)
            try:
                if folder is None:
                    self.client.log_model_artifact(model_id, str(checkpoint))
                else:
                    self.client.log_model_artifacts(model_id, str(folder))
                now = _milliseconds()
                self._write(metrics=[Metric(key, value, now, step, model_id) for key, value in values.items()])
                self.client.log_outputs(self.id, [LoggedModelOutput(model_id, step)])
            except BaseException:
                self.client.finalize_logged_model(model_id, "FAILED")
                raise
            self.client.finalize_logged_model(model_id, "READY")
        self.set_tags({MODEL_TAG + name: model_id})
        return model_id

    def _write(self, **content: Sequence[Any]) -> None:
        # The client splits what is more than a request may hold.
        with store_errors(self.client.tracking_uri):
            self.client.log_batch(self.id, **content, synchronous=True)

    def _check_unchanged(self, params: Mapping[str, str]) -> None:
        with store_errors(self.client.tracking_uri):
            before = self.client.get_run(self.id).data.params
        for name, value in params.items():
            if before.get(name, value) != value:
                raise InputError(
                    f"run {self.id} was started with {before[name]!r}, got {value!r}: set it back, or start a new run",
                    column=name,
                )


@contextmanager
def tracked_run(
    client: MlflowClient,
    experiment: str,
    name: str,
    *,
    tags: Mapping[str, Any] | None = None,
    run_id: str | None = None,
) -> Iterator[Run]:
    """Open a run that ends with the block: FINISHED, FAILED by an exception, KILLED by Ctrl-C, SIGTERM or an exit.

    MLflow's global active run is neither used nor changed.

    Args:
        client: Client of the store.
        experiment: Name of the experiment, created if missing.
        name: Name of a new run.
        tags: Tags to set.
        run_id: Id of a run to continue instead of a new one.

    Raises:
        InputError: There is no such run, or another process still writes it.
    """
    with _raise_on_sigterm():
        tags = {PROCESS_TAG: process_mark(), **(tags or {})}
        run = _resume(client, run_id) if run_id else _start(client, experiment, name, tags)
        try:
            if run.resumed:
                run.set_tags(tags)
            yield run
        except (KeyboardInterrupt, SystemExit) as error:
            _end(run, "KILLED", error)
            raise
        except BaseException as error:
            _end(run, "FAILED", error)
            raise
        with store_errors(client.tracking_uri):
            client.set_terminated(run.id, "FINISHED")


def _start(client: MlflowClient, experiment: str, name: str, tags: Mapping[str, Any]) -> Run:
    texts = {key: tag_value(value) for key, value in tags.items()}  # at once: a kill leaves no run that nobody owns
    with store_errors(client.tracking_uri):
        created = client.create_run(experiment_id(client, experiment), run_name=name, tags=texts)
    return Run(client, str(created.info.run_id))


def _resume(client: MlflowClient, run_id: str) -> Run:
    record = get_run(client, run_id)
    if is_open(record):
        raise InputError(
            f"run {run_id} is still written by process {record.tags[PROCESS_TAG].partition(':')[0]}: "
            "wait for its end, or start a new run",
            column="run_id",
        )
    with store_errors(client.tracking_uri):
        client.update_run(run_id, status="RUNNING")
        if ERROR_TAG in record.tags:
            client.delete_tag(run_id, ERROR_TAG)
    return Run(client, run_id, resumed=True)


def _end(run: Run, status: str, error: BaseException) -> None:
    try:
        with store_errors(run.client.tracking_uri):
            run.client.set_terminated(run.id, status)
        run.set_tags({ERROR_TAG: _why(error)[:500]})
    except Exception as second:  # the first error is the one to be seen
        _log.warning("run %s could not be marked %s: %s", run.id, status, second)


def _why(error: BaseException) -> str:
    """Return in one line why a run ended early: as the command tells it where the user can help it."""
    if isinstance(error, KeyboardInterrupt) or isinstance(error.__context__, KeyboardInterrupt):
        return "interrupted"  # Lightning turns that into SystemExit
    if isinstance(error, SystemExit) and error.code == 128 + signal.SIGTERM:
        return "ended by SIGTERM"
    reason = first_line(error) if str(error).strip() else "no message"
    return explain(error, conf_dir()) or f"{type(error).__name__}: {reason}"


@contextmanager
def _raise_on_sigterm() -> Iterator[None]:
    """Let SIGTERM unwind the stack as Ctrl-C does, with the usual exit status of shells."""
    # Only the main thread may, and only there the exception would arrive.
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _terminate(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001
    raise SystemExit(128 + number)


def _milliseconds() -> int:
    return time.time_ns() // 1_000_000

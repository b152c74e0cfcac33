"""``faceline predict``: finds faces in photos, folders and films of the user's own."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from omegaconf import DictConfig
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from faceline.config.check import plain
from faceline.errors import InputError, NegativeAnswer
from faceline.inference.bundle import DEFAULT
from faceline.inference.detection import FaceDetector, FindLandmarks
from faceline.inference.runtime import Detections, LandmarkRuntime
from faceline.photos.inputs import InputFile, Inputs, check_places, find_inputs
from faceline.photos.prediction import Prediction, Summary
from faceline.photos.tables import DEFAULT_OUTPUTS, check_table, face_table
from faceline.photos.written import Written
from faceline.terminal import note
from faceline.threads import usable_threads

_TORCH_SIZE = 256
"""Edge of the face picture for a run's model, which resizes it to its own size."""


def main(cfg: DictConfig) -> None:
    """Run `predict` with a config of Hydra's."""
    predict(plain(cfg))


def predict(config: dict[str, Any]) -> None:
    """Find the faces of every input; write the table and, if asked, the overlays.

    Raises:
        InputError: A setting or an input is wrong; with ``on_error=stop`` also if any file cannot be read.
        NegativeAnswer: Some files could not be read, or the only photo shows no face.
    """
    words = [config["input"]] if isinstance(config["input"], str) else list(config["input"])
    kind = config["format"]
    named = config["output"] or DEFAULT_OUTPUTS[kind]
    output = Path(named)
    overlays = Path(config["overlays"]) if config["overlays"] else None
    check_table(named, kind, [Path(word) for word in words])
    _check_overlays(overlays, words, table=None if kind == "pts" else output)
    inputs = find_inputs(words, leave_out=[overlays] if overlays is not None else [])
    if kind == "pts" or overlays is not None:
        check_places(inputs.files)
    detector, landmarks = _detector(config)
    stops = config["on_error"] == "stop" or (config["on_error"] is None and inputs.one)
    with face_table(output, kind, inputs.files, landmarks) as table, _remembered(overlays) as written:
        prediction = Prediction(detector, table, written, smooth=config["smooth"], stops=stops)
        with _progress() as progress:
            for file in _each(inputs.files, progress):
                prediction.add(file, progress)
        summary = prediction.end()
    _tell(summary, inputs, output)


@contextmanager
def _remembered(overlays: Path | None) -> Iterator[Written | None]:
    """Remember the overlays that are written, also when the run is interrupted: they are no photos."""
    written = None if overlays is None else Written(overlays)
    try:
        yield written
    finally:
        if written is not None:
            written.save()


def _check_overlays(overlays: Path | None, words: Sequence[str], table: Path | None) -> None:
    """Refuse overlays that would overwrite the input, or lie where the file of the table will be."""
    if overlays is None:
        return
    folder = Path(os.path.realpath(overlays))
    if table is not None and Path(os.path.realpath(table)) in (folder, *folder.parents):
        raise InputError("is the name of the table too; give another folder", file=overlays, column="overlays")
    if (overlays.exists() or overlays.is_symlink()) and not overlays.is_dir():
        raise InputError("is a file; give a folder for the overlays", file=overlays, column="overlays")
    for word in words:
        folder = Path(word) if Path(word).is_dir() else Path(word).parent
        with suppress(OSError):
            if overlays.exists() and overlays.samefile(folder):
                told = "is the folder of the photos themselves; give another one for the overlays"
                raise InputError(told, file=overlays, column="overlays")


def _detector(config: dict[str, Any]) -> tuple[FaceDetector, int]:
    """Return the face detector, with a run's model, which needs torch, or a bundle; and its number of landmarks."""
    threads = usable_threads(config["threads"])
    cv2.setNumThreads(0)  # one frame is too little work to share
    find_landmarks, size, points = _landmarks(config, threads)
    return FaceDetector(find_landmarks, size, config["faces"], config["min_confidence"]), points


def _landmarks(config: dict[str, Any], threads: int) -> tuple[FindLandmarks, int, int]:
    if config["run_id"] is None and config["ckpt_path"] is None:
        runtime = LandmarkRuntime(config["bundle"] or DEFAULT, threads)
        return runtime.detect_batch, runtime.size, runtime.manifest.points
    if config["bundle"] is not None:
        raise InputError("give bundle=FILE, or run_id=RUN or ckpt_path=FILE, and not both", column="bundle")
    from faceline.tasks.selection import chosen_detector  # noqa: PLC0415  # it imports torch

    find = chosen_detector(config)

    def one_by_one(images: Sequence[Any]) -> Detections:
        return Detections(np.stack([find(image) for image in images]), None)

    return one_by_one, _TORCH_SIZE, find.args[0].markup.points


class _Rate(ProgressColumn):
    """Shows how many files or frames are done in a second."""

    def render(self, task: Task) -> Text:
        """Return the text of the column."""
        return Text(f"{task.speed:.1f} a second" if task.speed else "")


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    )


def _each(files: Sequence[InputFile], progress: Progress) -> Iterator[InputFile]:
    """Yield the files one by one, with a progress bar if there are several."""
    if len(files) == 1:
        yield files[0]
        return
    task = progress.add_task("files", total=len(files))
    for file in files:
        yield file
        progress.advance(task)


def _tell(summary: Summary, inputs: Inputs, output: Path) -> None:
    """Print a summary; the exit code says whether something is missing."""
    for line in summary.notes:
        note(line)
    if inputs.others:
        note(f"{inputs.others} other {'file is' if inputs.others == 1 else 'files are'} neither photo nor film")
    if inputs.own:
        note(f"{inputs.own} {'file' if inputs.own == 1 else 'files'} of an earlier run, such as overlays, not read")
    print(f"{summary.line()}; written to {os.fspath(output)}")
    if summary.skipped:
        count = len(summary.skipped)
        raise NegativeAnswer(f"{count} {'file' if count == 1 else 'files'} could not be read or not whole, see above")
    if inputs.one and not summary.faces and not summary.frames_of_films:
        doubtful = "; a lower min_confidence keeps what was left out" if summary.doubtful else ""
        raise NegativeAnswer(f"no face was found in {inputs.files[0].name}{doubtful}")

"""From a checked config to the objects of a run, and from a checkpoint back to them."""

import logging
import os
import pickle
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import pytorch_lightning as pl
import torch
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from faceline.data.datamodule import LandmarkData
from faceline.errors import InputError, first_line
from faceline.models.callbacks import CONFIG_KEY
from faceline.models.landmark_detector import LandmarkDetector

Config = dict[str, Any]
"""A resolved config in plain containers."""


@dataclass(frozen=True)
class Trained:
    """A model from a checkpoint, and the run that made it.

    Attributes:
        model: On the CPU, in evaluation mode.
        config: The config of its run.
        run_id: Its run.
    """

    model: LandmarkDetector
    config: Config
    run_id: str


def plain(cfg: DictConfig) -> Config:
    """The config with every interpolation resolved, in plain containers."""
    config = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    assert isinstance(config, dict)
    return {str(key): value for key, value in config.items()}


def prepare_process(seed: int, threads: int | None) -> int:
    """Fix what results depend on in this process: seeds and the number of threads.

    Returns:
        The number of threads.
    """
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)  # its notes on itself
    logging.getLogger("pytorch_lightning.profilers").setLevel(logging.INFO)  # what debug=profiler asks for
    warnings.filterwarnings("ignore", module="pytorch_lightning.utilities._pytree")  # about its own use of torch
    threads = threads or len(os.sched_getaffinity(0))
    torch.set_num_threads(threads)
    cv2.setNumThreads(0)  # one frame is too little work to share, and its threads would compete with torch's
    pl.seed_everything(seed, workers=True, verbose=False)
    return threads


def build_data(config: Mapping[str, Any]) -> LandmarkData:
    """The data module of a config; reads nothing yet."""
    data = config["data"]
    return LandmarkData(
        source=instantiate(data["source"]),
        split=dict(config["split"]),
        transforms={name: instantiate(config["transforms"][name]) for name in ("train", "eval")},
        size=data["size"],
        batch_size=data["batch_size"],
        workers=data["workers"],
        limit=data["limit"],
        seed=config["seed"],
        cache_dir=Path(data["cache_dir"]),
    )


def build_model(config: Mapping[str, Any]) -> LandmarkDetector:
    """The model of a config, untrained or from the weights that it names."""
    model = instantiate(config["model"])
    assert isinstance(model, LandmarkDetector)
    return model


def check_size(model: LandmarkDetector, size: int) -> None:
    """Refuse a backbone that cannot take frames of this size.

    Raises:
        InputError: A forward pass of an empty frame fails.
    """
    try:
        with torch.inference_mode():
            model.eval()(torch.zeros(1, 3, size, size))
    except (RuntimeError, AssertionError, ValueError) as error:
        raise InputError(
            f"the backbone does not take frames of {size} px, or gives no maps to find points in "
            f"({first_line(error)}); set data.size to what it was made for, or take another",
            column="model.backbone",
        ) from error
    model.train()


def read_checkpoint(file: Path) -> dict[str, Any]:
    """A checkpoint of a run, tensors and plain containers only.

    Raises:
        InputError: Missing, damaged, or not made by a run of this project.
    """
    if not file.is_file():
        raise InputError("no such checkpoint", file=file)
    try:
        checkpoint = torch.load(file, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, pickle.UnpicklingError) as error:
        raise InputError(f"not a readable checkpoint ({first_line(error)})", file=file) from error
    if not isinstance(checkpoint, dict) or CONFIG_KEY not in checkpoint:
        raise InputError("no checkpoint of a faceline run: it holds no config", file=file)
    return checkpoint


def load_trained(file: Path) -> Trained:
    """The model of a checkpoint under the config of its own run."""
    checkpoint = read_checkpoint(file)
    record = checkpoint[CONFIG_KEY]
    config = record["config"]
    start = {"pretrained": False, "weights": None} if "weights" in config["model"] else {}
    model = build_model({**config, "model": {**config["model"], **start}})  # its weights are in the checkpoint
    model.load_state_dict(checkpoint["state_dict"])
    return Trained(model.eval(), config, record["run_id"])

"""Loads a model of any kind; a bundle without the packages that train."""

from pathlib import Path
from typing import TYPE_CHECKING

from faceline.config.messages import naming_its_extra
from faceline.inference.bundle import DEFAULT, SFACE
from faceline.inference.runtime import LandmarkRuntime

if TYPE_CHECKING:
    from faceline.api import Model


def load(name: str | Path, **tracking: str) -> "LandmarkRuntime | Model":
    """Load a model from a bundle, a run or a checkpoint. A bundle needs no torch to run.

    Args:
        name: ``default`` for the bundle that ships with faceline, a file ``*.faceline``, a checkpoint ``*.ckpt``, the
            id of a run, or a registered model such as ``champion``.
        **tracking: Store of the runs, as ``root`` or ``uri``; by default it is below the current folder.

    Returns:
        A runtime for a bundle, a `Model` for a run or a checkpoint. Both have ``detect(image)``. An embedder is no
        such model: `faceline.embed_face` opens ``sface``, or its bundle.

    Raises:
        InputError: There is no such model, or it needs code that is not available.

    Examples:
        >>> import numpy as np
        >>> load("default").detect(np.zeros((120, 100, 3), dtype=np.uint8)).shape
        (68, 2)
    """
    if str(name) in (DEFAULT, SFACE) or Path(name).suffix == ".faceline":
        return LandmarkRuntime(name)  # which refuses an embedder by its name
    try:
        from faceline.api import load_model  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise naming_its_extra(error) from None
    return load_model(name, **tracking)

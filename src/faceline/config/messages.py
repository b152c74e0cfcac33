"""Turns an error that the user can fix into one line, and tells it from a bug.

Hydra, OmegaConf and Lightning explain a misspelt override in several lines, each in its own words. Here they become one
line that begins with the key and ends with the nearest valid one.
"""

import errno
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from omegaconf.errors import InterpolationKeyError, MissingMandatoryValue, OmegaConfBaseException

from faceline.config.own_code import explain_own_code, is_of_own_code
from faceline.config.tree import groups, options
from faceline.errors import InputError, first_line

OPTIONAL = frozenset({
    "albumentations", "alembic", "babel", "cloudpickle", "cryptography", "duckdb", "fastapi", "huggingface_hub",
    "hydra", "imageio_ffmpeg", "jinja2", "markupsafe", "matplotlib", "mlflow", "onnx", "onnxscript", "openpyxl",
    "optuna", "pandas", "prometheus_client", "psutil", "psycopg", "pyarrow", "python_multipart", "pytorch_lightning",
    "ray", "safetensors", "scipy", "segno", "sklearn", "sqlalchemy", "starlette", "submitit", "threadpoolctl", "timm",
    "torch", "torchvision", "uvicorn", "websockets",
})  # fmt: skip
"""Packages of extras; a missing one is no bug."""

_FULL = {errno.ENOSPC, errno.EDQUOT}
_WRONG_PLACE = {
    errno.EEXIST: "is there already",
    errno.ENOENT: "is not there, or cannot be made there",
    errno.ENOTDIR: "lies below a file, or is one, where a folder is needed",
    errno.EISDIR: "is a folder, where a file is needed",
    errno.EROFS: "lies on a disk that cannot be written",
    errno.ENAMETOOLONG: "is too long a name",
}
_SHARED_MEMORY = "too little shared memory (/dev/shm) for the workers; set data.workers=0, or give it more"
_OUT_OF_MEMORY = "out of memory; lower data.batch_size, data.size or data.workers"


def explain(error: BaseException, conf: Path) -> str | None:
    """Turn an error of the user or of the user's own code into one line; None for a bug of the program.

    Args:
        error: Raised error.
        conf: Folder of the configs, for the names of options.
    """
    for cause in _chain(error):
        line = _explain_one(cause, conf)
        if line is not None:
            return " ".join(line.split())
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield the original error first: libraries wrap our errors into theirs."""
    links: list[BaseException] = []
    while error is not None and error not in links:
        links.append(error)
        in_teardown = error.__cause__ is None and _raised_in(error, "pytorch_lightning", "lightning_fabric")
        error = error.__context__ if in_teardown else error.__cause__
    return iter(sorted(links, key=_is_wrapper))


def _raised_in(error: BaseException, *packages: str) -> bool:
    """Tell whether code of any of these packages raised the error."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    return place is not None and str(place.tb_frame.f_globals.get("__name__")).split(".")[0] in packages


def _is_wrapper(error: BaseException) -> bool:
    return isinstance(error, OmegaConfBaseException) or type(error).__module__.startswith("hydra.")


def _explain_one(error: BaseException, conf: Path) -> str | None:  # noqa: PLR0911, PLR0912  # a table of kinds
    match error:
        case InputError():
            return _own_message(error)
        case MissingMandatoryValue():
            return f"{error.full_key}: missing; give it a value with {error.full_key}=…"
        case InterpolationKeyError() if (group := _group_that_lacks(error, conf)) is not None:
            return (
                f"{group}: nothing is chosen, and {error.full_key} needs it; {group}={' | '.join(options(conf, group))}"
            )
        case OmegaConfBaseException():
            return f"{error.full_key}: {first_line(error)}" if error.full_key else first_line(error)
        case OSError() if error.filename is None and _raised_in(error, "multiprocessing"):  # locks lie there too
            return _SHARED_MEMORY
        case OSError() if error.errno in _FULL:
            file = _file(error)
            return f"the disk is full{':' if file else ''}{file}; free some space and start again"
        case PermissionError():
            return f"not permitted to use{_file(error) or ' a file'}; change its permissions or choose another place"
        case OSError() if error.errno in _WRONG_PLACE and error.filename and not is_of_own_code(error):
            return f"{error.filename}: {_WRONG_PLACE[error.errno]}; choose another place"
        case MemoryError():
            return _OUT_OF_MEMORY
        case RuntimeError() | OSError() if _is_shared_memory(error):
            return _SHARED_MEMORY
        case ValueError() if "more than 1 value per channel when training" in str(error):
            return "data.batch_size: this model cannot learn from a batch of one frame; expected at least 2"
        case RuntimeError() if "can't allocate memory" in str(error):  # torch's, on a CPU
            return _OUT_OF_MEMORY
        case RuntimeError() if str(error).startswith("Early stopping conditioned"):
            return f"callbacks.early_stopping: {first_line(error)}"
        case ModuleNotFoundError() if str(error).startswith("Requirement '"):  # an accelerator without its package
            return f"trainer: {first_line(error)}"
        case ModuleNotFoundError() if error.name in OPTIONAL:
            return naming_its_extra(error).msg
        case _ if type(error).__name__ == "OutOfMemoryError":  # torch's, on a GPU
            return _OUT_OF_MEMORY
        case _ if (line := explain_own_code(error)) is not None:
            return line
    if "hydra" in sys.modules:  # else it has raised nothing
        from faceline.config.composition import explain_composition  # noqa: PLC0415

        line = explain_composition(error, conf)
        if line is not None:
            return line
    is_of_lightning = type(error).__name__ == "MisconfigurationException"
    return f"trainer: {first_line(error)}" if is_of_lightning else None


def _group_that_lacks(error: InterpolationKeyError, conf: Path) -> str | None:
    """Return the config group without a chosen option that an interpolation misses; None for other causes."""
    key = re.search(r"Interpolation key '(\w+)' not found", str(error))
    return key[1] if key is not None and key[1] in groups(conf) else None


def _is_shared_memory(error: BaseException) -> bool:
    """Tell whether a worker of a DataLoader had no room, or no access, in /dev/shm."""
    text = str(error)
    is_memory = any(words in text for words in ("shared memory", "us error", "/dev/shm", "/torch_"))
    return is_memory and any(words in text for words in ("shm", "DataLoader", "torch_"))


def naming_its_extra(error: ModuleNotFoundError) -> ModuleNotFoundError:
    """Return the same error, which names the extra of the missing package if it belongs to one."""
    if error.name not in OPTIONAL:
        return error
    line = f"the package {error.name} is not installed; pip install 'faceline[{_extra(error.name)}]'"
    return ModuleNotFoundError(line, name=error.name)


def _extra(package: str) -> str:
    """Return the extra that a package comes with."""
    if package == "psycopg":
        return "postgresql"
    return "stand" if "faceline.stand" in sys.modules else "train"


def _own_message(error: InputError) -> str:
    """Return our message without the traceback that a DataLoader's worker adds."""
    if "Original Traceback" in error.message:
        return error.message.rstrip().rsplit("\n", 1)[-1].removeprefix("faceline.errors.InputError: ")
    only_key = error.column is not None and error.file is None and error.row is None
    return f"{error.column}: {error.message}" if only_key else str(error)


def _file(error: OSError) -> str:
    """Return the file of an error; of a copy, where it was to go."""
    file = error.filename if error.filename2 is None else error.filename2
    return f" {file}" if file is not None else ""

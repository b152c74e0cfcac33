"""What tests of whole commands would make again and again, made once: an empty store, drawn frames, figures."""

import pickle
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from hydra._internal.core_plugins.file_config_source import FileConfigSource
from hydra.plugins.config_source import ConfigResult
from matplotlib.figure import Figure

from faceline.data import cache
from faceline.data.index import FrameSource
from faceline.data.synthetic import SyntheticFaces

PNG = b"\x89PNG\r\n\x1a\n"
"""In place of a figure at which no test looks."""

SAVE, BUILD = Figure.savefig, cache._build


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of what was made once."""
    return tmp_path_factory.mktemp("kept")


def _copied_stores(kept: Path, patch: pytest.MonkeyPatch) -> None:
    """Empty stores are copies of one, whose tables MLflow has made."""
    from faceline.tracking import store  # noqa: PLC0415 (it imports MLflow, for which other tests should not wait)

    make, first = store._create, kept / "mlflow.db"

    def copy(file: Path) -> None:
        if not first.exists():
            make(first)
        partial = file.with_name(f".{file.name}.partial")
        shutil.copyfile(first, partial)
        old, new = (f"{(each.parent / 'artifacts').as_uri()}/" for each in (first, file))
        with closing(sqlite3.connect(partial)) as connection:
            connection.execute(
                "UPDATE experiments SET artifact_location = replace(artifact_location, ?, ?)", (old, new)
            )
            connection.commit()
        partial.replace(file)

    patch.setattr(store, "_create", copy)


def _frames_drawn_once(kept: Path, patch: pytest.MonkeyPatch) -> None:
    """Synthetic frames that one test has drawn are copied by the others."""

    def copy(source: FrameSource, size: int, folder: Path, view: cache.View | None) -> cache.FrameStore:
        if not isinstance(source, SyntheticFaces):
            return BUILD(source, size, folder, view)
        if not (kept / folder.name).exists():
            BUILD(source, size, kept / folder.name, view)
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(kept / folder.name, folder)
        opened = cache._open(folder, size, cache.markup_of(source))
        assert opened is not None
        return opened

    patch.setattr(cache, "_build", copy)


def _no_figure(figure: Figure, file: Any, *args: Any, **settings: Any) -> None:
    """To draw a figure takes longer than a tiny training."""
    if settings.get("format", Path(str(file)).suffix) not in ("png", ".png"):
        SAVE(figure, file, *args, **settings)
    elif hasattr(file, "write"):
        file.write(PNG)
    else:
        Path(file).write_bytes(PNG)


@pytest.fixture(scope="session", autouse=True)
def configs_read_once() -> Iterator[None]:
    """Files of conf/ are parsed once, not in each command: PyYAML's loader is slow."""
    read, known = FileConfigSource.load_config, dict[tuple[Path, int, int], bytes]()

    def load(source: FileConfigSource, config_path: str) -> ConfigResult:
        file = Path(source.path, source._normalize_file_name(config_path))
        if not file.exists():
            return read(source, config_path)
        state = file.stat()
        key = (file, state.st_mtime_ns, state.st_size)
        if key not in known:
            known[key] = pickle.dumps(read(source, config_path))
        result: ConfigResult = pickle.loads(known[key])
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FileConfigSource, "load_config", load)
        yield


@contextmanager
def quick_commands(kept: Path) -> Iterator[None]:
    """Stores and synthetic frames are copied; only tests with the marker `figures` draw figures."""
    with pytest.MonkeyPatch.context() as patch:
        _copied_stores(kept, patch)
        _frames_drawn_once(kept, patch)
        patch.setattr(Figure, "savefig", _no_figure)
        yield


@pytest.fixture(autouse=True)
def figures_where_asked_for(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test with the marker `figures` draws them."""
    if request.node.get_closest_marker("figures") is not None:
        monkeypatch.setattr(Figure, "savefig", SAVE)

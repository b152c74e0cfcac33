"""What tests of whole commands would make again and again, made once: an empty store, drawn frames, figures."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

from faceline.data import cache
from faceline.data.index import FrameSource
from faceline.data.synthetic import SyntheticFaces

PNG = b"\x89PNG\r\n\x1a\n"
"""In place of a figure at which no test looks."""


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of what was made once."""
    return tmp_path_factory.mktemp("kept")


@pytest.fixture
def copied_stores(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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

    monkeypatch.setattr(store, "_create", copy)


@pytest.fixture
def frames_drawn_once(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Synthetic frames that one test has drawn are copied by the others."""
    build = cache._build

    def copy(source: FrameSource, size: int, folder: Path, view: cache.View | None) -> cache.FrameStore:
        if not isinstance(source, SyntheticFaces):
            return build(source, size, folder, view)
        if not (kept / folder.name).exists():
            build(source, size, kept / folder.name, view)
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(kept / folder.name, folder)
        opened = cache._open(folder, size, cache.markup_of(source))
        assert opened is not None
        return opened

    monkeypatch.setattr(cache, "_build", copy)


@pytest.fixture
def figures_where_asked_for(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """To draw a figure takes longer than a tiny training: only tests with the marker `figures` do."""
    save = Figure.savefig

    def quick(figure: Figure, file: Any, *args: Any, **settings: Any) -> None:
        if settings.get("format", Path(str(file)).suffix) not in ("png", ".png"):
            save(figure, file, *args, **settings)
        elif hasattr(file, "write"):
            file.write(PNG)
        else:
            Path(file).write_bytes(PNG)

    if request.node.get_closest_marker("figures") is None:
        monkeypatch.setattr(Figure, "savefig", quick)


@pytest.fixture
def quick_commands(copied_stores: None, frames_drawn_once: None, figures_where_asked_for: None) -> None:
    """All of it."""

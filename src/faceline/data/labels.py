"""Keeps the labels of a data set, without its pixels, in one Parquet file that a second start reads at once."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock

from faceline.data.index import BadRows, FrameSource, LabelIndex, index_of, markup_of, usable_rows
from faceline.errors import InputError
from faceline.files import write_whole

_FORMAT: Final = 1  # raise when the layout of the file changes
_FACTS: Final = b"faceline"
_WORDS: Final = ("files", "persons", "videos", "parts")


@runtime_checkable
class LabelSource(Protocol):
    """A source that lists its labels column by column, which is faster than row by row."""

    def labels(self, bad: BadRows) -> LabelIndex:
        """Return all usable labels; unusable ones go to ``bad``."""
        ...


def read_labels(source: FrameSource, cache_dir: Path) -> LabelIndex:
    """Read the labels of a source from the file of an earlier start, or from the source and then write that file.

    Args:
        source: Source of the labels.
        cache_dir: Folder of all caches; created if missing.

    Raises:
        InputError: A label cannot be used, or a frame misses one, and the source says ``raise``; no label can be used,
            frames without landmarks are listed, or the file cannot be written.
    """
    content = f"{_FORMAT} {source.name} {source.key()} {source.on_error}"
    file = cache_dir / f"{source.name}-labels-{hashlib.sha256(content.encode()).hexdigest()[:16]}.parquet"
    index = replace(_open(file) or _list_into(file, source), markup=markup_of(source))
    refuse_unlabelled(index)
    return _complete(index, source)


def _complete(index: LabelIndex, source: FrameSource) -> LabelIndex:
    """Return the frames that have all landmarks, as shapes with holes cannot be compared."""
    short = index.missing.any(axis=1)
    if not short.any():
        return index
    told = f"{short.sum():,} of {len(index):,} frames miss landmarks, and shapes need all of them"
    if source.on_error == "raise":
        raise InputError(f"{told}; skip these frames with data.on_error=skip", column="data.source")
    whole = index.take(np.flatnonzero(~short))
    if not len(whole):
        raise InputError(f"{told}; label at least some frames completely", column="data.source")
    return replace(whole, rejected=(*index.rejected, *(f"{file}: misses landmarks" for file in index.files[short])))


def refuse_unlabelled(index: LabelIndex) -> None:
    """Refuse frames without labels where landmarks are needed for learning.

    Raises:
        InputError: There are such frames.
    """
    if index.missing.all(axis=1).any():
        raise InputError(
            f"{index.dataset} lists frames without landmarks, which are of no use here; choose labelled data, or set "
            "data.source.unlabelled=false where the data set has that key",
            column="data",
        )


def list_labels(source: FrameSource) -> LabelIndex:
    """Read the labels of a source from the source itself.

    Raises:
        InputError: A label cannot be used and the source says ``raise``, or no label can be used.
    """
    bad = BadRows(source.on_error)
    index = source.labels(bad) if isinstance(source, LabelSource) else index_of(source, usable_rows(source, bad), bad)
    if not len(index):
        first = bad.errors[0] if bad.errors else "the source lists none"
        raise InputError(f"{source.name} has no usable label; {len(bad.errors)} were skipped, first: {first}")
    return index


def _list_into(file: Path, source: FrameSource) -> LabelIndex:
    """Write the labels of a source into a file, or read what another process has written meanwhile."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(file.parent / ".lock"):
            index = _open(file)
            if index is None:
                index = list_labels(source)
                _write(index, file)
    except OSError as error:
        reason = error.strerror or str(error)
        message = f"the cache cannot be written: {reason}; free some space, or choose another folder"
        raise InputError(message, file=file.parent) from None
    return index


def _write(index: LabelIndex, file: Path) -> None:
    columns: dict[str, pa.Array] = {name: pa.array(getattr(index, name)) for name in _WORDS}
    columns["frames"] = pa.array(index.frames)
    for name in ("landmarks", "landmarks3d"):
        points = getattr(index, name)  # (n, 68, d)
        if points is not None:
            columns[name] = pa.FixedSizeListArray.from_arrays(pa.array(points.ravel()), points[0].size)
    facts = {"dataset": index.dataset, "unlabelled": index.unlabelled, "rejected": index.rejected}
    table = pa.table(columns).replace_schema_metadata({_FACTS: json.dumps(facts)})
    with write_whole(file) as part:
        # Landmarks hardly compress and no two are equal; names are the same in every frame of a video.
        pq.write_table(table, part, compression="none", use_dictionary=list(_WORDS))


def _open(file: Path) -> LabelIndex | None:
    """Read the index in that file; None if it is missing or damaged."""
    try:
        table = pq.read_table(file, memory_map=True)
        facts = json.loads(table.schema.metadata[_FACTS])
        words = {name: _words(table[name]) for name in _WORDS}
        solid = _points(table["landmarks3d"], 3) if "landmarks3d" in table.column_names else None
        return LabelIndex(
            dataset=facts["dataset"],
            frames=table["frames"].to_numpy(),
            unlabelled=facts["unlabelled"],
            rejected=tuple(facts["rejected"]),
            landmarks=_points(table["landmarks"], 2),
            landmarks3d=solid,
            files=words["files"],
            persons=words["persons"],
            videos=words["videos"],
            parts=words["parts"],
        )
    except (OSError, pa.ArrowException, KeyError, TypeError, ValueError):
        return None


def _words(column: pa.ChunkedArray) -> np.ndarray:
    """Return (n,) texts; repeated ones share memory."""
    values = column.combine_chunks().dictionary_encode()
    names = np.array(values.dictionary.to_pylist(), dtype=np.str_)
    return np.asarray(names[values.indices.to_numpy()])


def _points(column: pa.ChunkedArray, dims: int) -> np.ndarray:
    """Return (n, 68, d) points of a column of lists."""
    values = column.combine_chunks()
    return np.asarray(values.flatten().to_numpy(zero_copy_only=False).reshape(len(values), -1, dims))

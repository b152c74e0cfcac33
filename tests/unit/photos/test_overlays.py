"""Copies of films with drawn faces are whole, or not there."""

import resource
from pathlib import Path

import numpy as np
import pytest

from faceline.photos.overlays import OverlayFilm


def test_a_film_for_which_the_disk_has_no_room_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    film = OverlayFilm(tmp_path / "film.mp4", rate=10)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, before[1]))
    try:
        for _ in range(4):
            film.add(random.integers(0, 256, (512, 512, 3), dtype=np.uint8), [])
        with pytest.raises(OSError, match="No space left") as caught:
            film.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert caught.value.filename == str(tmp_path / "film.mp4")
    assert list(tmp_path.iterdir()) == []

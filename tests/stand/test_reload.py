"""The catalogue is read again while the stand runs; a wrong one is told, and the old one stays."""

import os
from pathlib import Path

import pytest
from PIL import Image
from tests.stand.test_catalogue import GOOD, written
from tests.stand.test_loop import Fixture, Frames

from faceline.errors import InputError
from faceline.stand.content.reload import CatalogueFile

SECOND = (
    GOOD.replace("title: Hello", "title: Good morning")
    .replace("id: hello", "id: morning")
    .replace("[hello]", "[morning]")
)


def changed(source: CatalogueFile, text: str, looks: int = 2) -> None:
    """Write another text, and look as often as it takes."""
    source.file.write_text(text, encoding="utf-8")
    later = source.file.stat().st_mtime_ns + 1_000_000_000  # some disks count whole seconds
    os.utime(source.file, ns=(later, later))
    for _ in range(looks):
        source.look()


@pytest.fixture
def source(tmp_path: Path) -> CatalogueFile:
    return CatalogueFile(written(tmp_path, GOOD))


def test_a_change_is_taken_once_and_not_while_it_is_written(source: CatalogueFile) -> None:
    source.look()
    assert source.take() is None, "nothing has changed"
    changed(source, SECOND, looks=1)
    assert source.take() is None, "it may still be written"
    source.look()
    new = source.take()
    assert new is not None
    assert list(new.by_id) == ["morning"]
    source.look()
    assert source.take() is None


def test_a_wrong_one_is_told_with_its_line_and_the_right_one_taken_again(
    source: CatalogueFile, caplog: pytest.LogCaptureFixture
) -> None:
    changed(source, GOOD.replace("title: Hello", "titel: Hello"))
    assert source.take() is None
    assert source.problem is not None
    assert "the old one stays" in source.problem
    assert f"{source.file}, row 6: contents.0.titel: no such key; did you mean title?" in source.problem
    for _ in range(20):
        source.look()
    assert [record.getMessage() for record in caplog.records] == [source.problem], "told once"
    source.file.unlink()
    for _ in range(20):
        source.look()
    assert "no such file" in source.problem
    changed(source, SECOND)
    assert source.problem is None
    assert source.take() is not None


def test_a_medium_that_comes_after_the_catalogue_ends_the_refusal(source: CatalogueFile) -> None:
    changed(source, GOOD.replace("title: Hello", "title: Hello\n    media: late.png"))
    assert source.problem is not None
    assert "no such file: late.png" in source.problem
    Image.new("RGB", (4, 4)).save(source.file.parent / "late.png")
    for _ in range(6):
        source.look()
    assert source.problem is None
    assert source.take() is not None


def test_the_first_one_must_be_right(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="row 6"):
        CatalogueFile(written(tmp_path, GOOD.replace("title:", "titel:")))


def test_the_stand_shows_the_new_contents_at_once_and_warns_of_a_wrong_catalogue(tmp_path: Path) -> None:
    stand = Fixture(tmp_path, Frames(lambda _: None))
    source = stand.loop.catalogue = CatalogueFile(written(tmp_path / "media", GOOD))
    stand.director.use(source.first)
    stand.run(2)
    first = stand.director.showing
    assert first is not None
    assert first.decision.content.id == "hello"
    changed(source, GOOD.replace("title: Hello", "titel: Hello"))
    stand.run(2)
    assert stand.director.showing is first
    assert any("row 6" in told for told in stand.board.state.health.warnings)
    changed(source, SECOND)
    stand.run(1)
    shown = stand.director.showing
    assert shown is not None
    assert shown.decision.content.title == "Good morning"
    assert stand.board.state.health.warnings == ()
    changed(source, SECOND.replace("loop", "  - {id: more, campaign: house, title: More}\nloop"))
    stand.run(1)
    assert stand.director.showing is shown, "what has not changed stays"
    stand.loop.close()
    assert stand.kinds()["impression_ended"] == stand.kinds()["impression_started"] == 2

"""The catalogue of contents: what is refused, and in which line."""

from collections.abc import Sequence
from datetime import UTC, datetime, time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from faceline.errors import InputError
from faceline.stand.content.catalogue import DEMO, Content, read_catalogue, time_zone

GOOD = """\
campaigns:
  - {id: house, name: The house}
contents:
  - id: hello
    campaign: house
    title: Hello
loop: [hello]
"""


def written(folder: Path, text: str) -> Path:
    file = folder / "catalogue.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def refusal(file: Path, pages: Sequence[str] = ()) -> InputError:
    with pytest.raises(InputError) as error:
        read_catalogue(file, pages)
    assert error.value.file == file
    return error.value


def test_the_demo_is_a_catalogue() -> None:
    catalogue = read_catalogue(DEMO)
    assert catalogue.follow_ups == {"espresso_more", "runners_more"}
    assert set(catalogue.loop) <= set(catalogue.by_id)


@pytest.mark.parametrize(
    ("old", "new", "row", "told"),
    [
        ("    title: Hello", "    titel: Hello", 6, "contents.0.titel: no such key; did you mean title?"),
        ("    title: Hello", "    title: Hello\n    age: 18-30", 7, "contents.0.age: there is no rule on looks"),
        ("    title: Hello", "    title: Hello\n    Gender: any", 7, "contents.0.Gender: there is no rule on looks"),
        ("    title: Hello", "    title: Hello\n    audience: women", 7, "expected anyone, loyal or group:NAME"),
        ("    title: Hello", "", 4, "contents.0.title: missing"),
        ("    title: Hello", "    title: Hello\n    seconds: 1", 7, "expected at least 2, got 1"),
        ("    title: Hello", "    title: Hello\n    seconds: ten", 7, "seconds: expected a number, got 'ten'"),
        ("    title: Hello", "    title: 2026", 6, "contents.0.title: expected text, got 2026"),
        ("    title: Hello", "    title: Hello\n    caps: 3", 7, "contents.0.caps: expected a mapping, got 3"),
        ("    title: Hello", "    title: Hello\n    quiet_hours: ['25:00-07:00']", 7, "expected hours such as"),
        ("    title: Hello", "    title: Hello\n    quiet_hours: ['07:00-07:00']", 7, "expected hours that differ"),
        ("    title: Hello", "    title: Hello\n    caps: {per_hour: 0}", 7, "at least 1"),
        ("    title: Hello", "    title: Hello\n    caps: {per_huor: 1}", 7, "did you mean per_hour?"),
        ("    title: Hello", "    title: Hello\n    follow_up: hello", 7, "a content cannot follow itself"),
        ("    title: Hello", "    title: Hello\n    follow_up: helo", 7, "helo: not in this catalogue; did you mean"),
        ("    title: Hello", "    title: Hello\n    title: Again", 7, "the key title is there twice"),
        ("campaign: house", "campaign: hous", 5, "hous: not in this catalogue; did you mean house?"),
        ("loop: [hello]", "loop: [helo]", 7, "helo: not in this catalogue"),
        ("loop: [hello]", "loop: []", 7, "loop: expected at least 1 item"),
        ("loop: [hello]", "loop: hello", 7, "loop: expected a list, got 'hello'"),
        ("loop: [hello]", "loop:", 7, "loop: expected a list, got nothing"),
        ("name: The house", f"name: {'x' * 500}", 2, "expected at most 80 characters, got 'xxx"),
        ("    title: Hello", "    title: Hello\n    audience: loyal", 8, "the loop is for anyone"),
        ("    title: Hello", "    title: Hello\n    caps: {per_hour: 2}", 8, "the loop needs one content without"),
        ("name: The house", "name: The house, starts: 2026-02-01, ends: 2026-01-01", 2, "before it starts, on"),
        ("name: The house", "name: The house, starts: 2026-02-30", 2,
         "campaigns.0.starts: expected a day such as 2026-03-01, got 2026-02-30 (day is out of range for month)"),
        ("  - id: hello", "  - {id: hello, campaign: house, title: x}\n  - id: hello", 5, "is called hello too"),
        ("loop: [hello]", "loop: [hello", None, "not YAML"),
        ("loop: [hello]", "loop: [hello]\nversion: 2", 8, "version"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, old: str, new: str, row: int | None, told: str) -> None:
    assert old in GOOD
    error = refusal(written(tmp_path, GOOD.replace(old, new, 1)))
    assert told in error.message, error
    assert row is None or (told, error.row) == (told, row)
    assert "\n" not in str(error) and len(error.message) < 200


def test_a_folder_is_no_catalogue(tmp_path: Path) -> None:
    assert refusal(tmp_path).message == "is a folder, where a file is needed"


@pytest.mark.parametrize(
    "name",
    ["../secret.png", "/etc/secret.png", "a/../../secret.png", "..\\secret.png", "C:/secret.png", "x.exe", "x.html",
     "http://host/x.png"],
)  # fmt: skip
def test_a_path_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret.png").write_bytes(b"x")
    folder = tmp_path / "contents"
    folder.mkdir()
    error = refusal(written(folder, GOOD.replace("title: Hello", f"title: Hello\n    media: '{name}'")))
    assert error.row == 7
    assert "expected a file" in error.message


def test_a_link_that_leads_out_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(b"x")
    folder = tmp_path / "contents"
    folder.mkdir()
    (folder / "innocent.png").symlink_to(tmp_path / "secret.png")
    text = GOOD.replace("title: Hello", "title: Hello\n    media: innocent.png")
    assert "a link out of it" in refusal(written(folder, text)).message
    (folder / "innocent.png").unlink()
    assert "no such file" in refusal(written(folder, text)).message
    Image.new("RGB", (4, 4)).save(folder / "innocent.png")
    assert read_catalogue(written(folder, text)).files == {"innocent.png"}


@pytest.mark.parametrize("content", [b"", b"- a\n- b\n", b"\xff\xfe\x00", b"!!python/object:os.system {}"])
def test_a_file_that_is_no_catalogue_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "catalogue.yaml"
    file.write_bytes(content)
    refusal(file)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    refusal(tmp_path / "none.yaml")


minutes = st.integers(0, 24 * 60 - 1)


@given(minutes, minutes, minutes)
def test_quiet_hours_are_a_stretch_of_the_clock(first: int, last: int, at: int) -> None:
    if first == last:
        return
    hours = [f"{first // 60:02}:{first % 60:02}-{last // 60:02}:{last % 60:02}"]
    content = Content.model_validate({"id": "a", "campaign": "b", "title": "c", "quiet_hours": hours})
    expected = (at - first) % (24 * 60) < (last - first) % (24 * 60)  # walking round the clock from the first minute
    assert content.quiet_at(time(at // 60, at % 60)) == expected


def test_dates_are_days_of_the_campaign(tmp_path: Path) -> None:
    text = GOOD.replace("loop:", "  - {id: spring, campaign: s, title: Spring}\nloop:").replace(
        "contents:", "  - {id: s, name: Spring, starts: 2026-03-01, ends: 2026-03-02}\ncontents:"
    )
    catalogue = read_catalogue(written(tmp_path, text))
    days = [28, 1, 2, 3]
    at = [datetime(2026, 2 if day == 28 else 3, day, 12, tzinfo=UTC) for day in days]
    assert [catalogue.allowed(catalogue.by_id["spring"], day) for day in at] == [False, True, True, False]


def test_a_time_zone_has_a_name() -> None:
    assert time_zone("Europe/Paris").key == "Europe/Paris"
    for name in ("Europe/Pari", "../etc/passwd", ""):
        with pytest.raises(InputError, match="no such time zone"):
            time_zone(name)

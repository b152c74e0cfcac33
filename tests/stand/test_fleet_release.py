"""What a fleet publishes: signed, checked, in stages, held back, refused and rolled back."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.stand.fleet_here import Fleet, Stand
from tests.stand.test_catalogue import GOOD, written
from tests.stand.test_fleet import operator

from faceline.cli import main
from faceline.errors import InputError
from faceline.stand.consent.consent_text import OURS
from faceline.stand.fleet.protocol import Signed
from faceline.stand.fleet.rollouts import Rollout
from faceline.stand.fleet.signing import SigningKey, check_signature

NEW = GOOD.replace("title: Hello", "title: Good morning\n    media: sun.png")


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    fleet = Fleet(tmp_path / "fleet", stage_minutes=30)
    try:
        yield fleet
    finally:
        fleet.stop()


@pytest.fixture
def stands(fleet: Fleet, tmp_path: Path) -> list[Stand]:
    (tmp_path / "own").mkdir()
    own = written(tmp_path / "own", GOOD)
    stands = [Stand(fleet, tmp_path / name, name, own) for name in ("a", "b", "c")]
    call(stands)
    return stands


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    folder = tmp_path / "new"
    folder.mkdir()
    Image.new("RGB", (8, 8), "orange").save(folder / "sun.png")
    return written(folder, NEW)


def call(stands: list[Stand], times: int = 2) -> None:
    """Each reports, and reports again what came of it."""
    for _ in range(times):
        for stand in stands:
            stand.home.call()


def begin(fleet: Fleet, catalogue: Path, first: str, **more: Any) -> str:
    release = fleet.services.releases.make(catalogue, by="anna", **more)
    fleet.services.rollouts.begin(release, "stands", first, by="anna")
    return release


def newest(fleet: Fleet) -> Rollout:
    return fleet.services.rollouts.listed()[0]


def titles(stands: list[Stand]) -> list[str | None]:
    return [stand.title for stand in stands]


def test_a_release_goes_to_one_stand_first_then_to_all_and_back(
    fleet: Fleet, stands: list[Stand], catalogue: Path
) -> None:
    release = begin(fleet, catalogue, "1")
    call(stands)
    assert titles(stands) == ["Hello", "Hello", "Good morning"], "the one that reported last has it first"
    assert (stands[2].home.contents.current / "contents" / "sun.png").read_bytes() == catalogue.with_name(
        "sun.png"
    ).read_bytes()
    for minutes in (0, 29):
        fleet.ahead = timedelta(minutes=minutes)
        call(stands)
        fleet.services.rollouts.tick()
    assert newest(fleet).state == "first"
    fleet.ahead = timedelta(minutes=31)
    call(stands)
    fleet.services.rollouts.tick()
    assert newest(fleet).state == "all"
    call(stands)
    assert titles(stands) == ["Good morning"] * 3
    assert stands[0].used == [release]
    assert fleet.services.roster.groups == {"stands": release}
    fleet.services.rollouts.roll_back(newest(fleet).number)
    call(stands)
    assert titles(stands) == ["Hello"] * 3
    assert stands[0].home.contents.release is None
    with pytest.raises(InputError, match="rollout is over"):
        fleet.services.rollouts.roll_back(newest(fleet).number)


def test_a_warning_of_the_first_ones_holds_the_rest_back(fleet: Fleet, stands: list[Stand], catalogue: Path) -> None:
    begin(fleet, catalogue, "50%")
    call(stands)
    assert len(newest(fleet).first) == 2
    stands[2].told["warnings"] = ("A fault: the page is blank.",)
    call(stands)
    fleet.services.watch.tick()
    held = newest(fleet)
    assert (held.state, held.told) == ("held", "c warns: A fault: the page is blank.")
    assert "is held back" in fleet.services.watch.alerts.raised()["group stands"]["rollout"]
    with pytest.raises(InputError, match="is on its way to stands"):
        begin(fleet, catalogue, "all")
    fleet.ahead = timedelta(hours=2)
    fleet.services.rollouts.tick()
    assert stands[0].title == "Hello"
    fleet.services.rollouts.go_on(held.number)
    call(stands)
    assert titles(stands) == ["Good morning"] * 3


def test_a_stand_that_falls_silent_with_it_holds_it(fleet: Fleet, stands: list[Stand], catalogue: Path) -> None:
    begin(fleet, catalogue, "1")
    fleet.services.rollouts.tick()
    fleet.ahead = timedelta(minutes=10)
    call(stands[:2])
    fleet.services.rollouts.tick()
    assert newest(fleet).told == "c is silent."


def test_a_release_that_a_stand_cannot_show_is_refused_and_the_old_one_stays(
    fleet: Fleet, stands: list[Stand], catalogue: Path
) -> None:
    good = begin(fleet, catalogue, "all")
    call(stands)
    page = catalogue.with_name("page.yaml")
    page.write_text(GOOD.replace("title: Hello", "title: Menu\n    page: https://menu.example/"), encoding="utf-8")
    bad = begin(fleet, page, "1", pages=["https://menu.example"])
    call(stands)
    assert titles(stands) == ["Good morning"] * 3
    (first,) = newest(fleet).first
    stand = next(each for each in stands if each.name == first)
    refused = stand.home.contents.refused
    assert refused is not None
    assert refused.release == bad
    assert "https://menu.example is not allowed on this stand" in refused.why
    assert "what was shown stays" in str(stand.home.problem())
    fleet.services.watch.tick()
    assert newest(fleet).state == "held"
    assert "refuses it" in newest(fleet).told
    fleet.services.rollouts.roll_back(newest(fleet).number)
    call(stands)
    assert stand.home.problem() is None
    assert [each.home.contents.release for each in stands] == [good] * 3


def test_what_is_wrong_is_refused_before_it_is_published(fleet: Fleet, stands: list[Stand], catalogue: Path) -> None:
    catalogue.write_text(NEW.replace("title:", "titel:", 1), encoding="utf-8")
    with pytest.raises(InputError, match="row 6"):
        begin(fleet, catalogue, "1")
    assert fleet.services.releases.newest("contents") == []
    for first in ("0", "120%", "some"):
        with pytest.raises(InputError, match="first"):
            fleet.services.rollouts.begin("r", "stands", first, by="anna")
    with pytest.raises(InputError, match="no such group"):
        fleet.services.rollouts.begin("r", "malls", "1", by="anna")


@pytest.mark.parametrize("forged", ["signature", "manifest", "file", "other"])
def test_nothing_that_was_changed_on_its_way_is_shown(
    forged: str, fleet: Fleet, stands: list[Stand], catalogue: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    releases = fleet.services.releases
    old = releases.make(catalogue, by="anna")
    release = begin(fleet, catalogue, "all")
    signed = releases.signed(release)
    assert signed is not None
    if forged == "signature":
        other = SigningKey(fleet.services.releases.folder / "other.pem").sign(signed.manifest)
        signed = Signed(manifest=signed.manifest, signature=other)
    elif forged == "manifest":
        signed = Signed(manifest=signed.manifest.replace("sun.png", "son.png"), signature=signed.signature)
    elif forged == "other":  # an older release in place of this one
        signed = releases.signed(old)
    else:
        digest = next(each["sha256"] for each in json.loads(signed.manifest)["items"] if "sun" in each["path"])
        file = releases.file(digest)
        assert file is not None
        data = bytearray(file.read_bytes())
        data[-1] ^= 1
        file.write_bytes(data)
    monkeypatch.setattr(type(releases), "signed", lambda *_: signed)
    call(stands[:1])
    refused = stands[0].home.contents.refused
    assert refused is not None
    told = {"file": "contents/sun.png: it is not the file", "other": f"the release is signed as {old}"}
    assert told.get(forged, "the signature is not from this fleet") in refused.why
    assert stands[0].title == "Hello"
    assert not (stands[0].home.contents.folder / release).exists()


def test_a_stand_that_is_killed_or_alone_goes_on_with_what_it_has(
    fleet: Fleet, stands: list[Stand], catalogue: Path
) -> None:
    release = begin(fleet, catalogue, "all")
    call(stands[:1])
    fleet.stop()
    stands[0].restart()
    assert stands[0].title == "Good morning"
    stands[0].home.call()
    fleet.start()
    (stands[0].home.contents.folder / release / "contents" / "catalogue.yaml").write_text("nonsense", encoding="utf-8")
    stands[0].restart()
    assert stands[0].title == "Hello", "what cannot be shown any more gives way to the stand's own"
    stands[0].home.call()
    assert "is refused" in str(stands[0].home.problem())


def test_consent_text_goes_along_and_stays_with_the_next_release(
    fleet: Fleet, stands: list[Stand], catalogue: Path
) -> None:
    first = begin(fleet, catalogue, "all", consent=OURS)
    second = begin(fleet, catalogue, "all", base=first)
    call(stands)
    contents = stands[0].home.contents
    assert contents.release == second
    assert (contents.current / "consent.yaml").read_bytes() == OURS.read_bytes()
    found = fleet.services.releases.find(second)
    assert found is not None
    assert found.manifest.parts == ("catalogue with 1 media", "consent text")


def test_newcomers_and_moved_stands_are_given_what_their_group_shows(
    fleet: Fleet, stands: list[Stand], catalogue: Path, tmp_path: Path
) -> None:
    begin(fleet, catalogue, "all")
    late = Stand(fleet, tmp_path / "late", "late", stands[0].own)
    call([late])
    assert late.title == "Good morning"
    fleet.services.roster.new_group("others")
    fleet.services.roster.move("late", "others")
    call([late])
    assert late.title == "Hello"


def test_software_is_announced_checked_and_told(fleet: Fleet, stands: list[Stand], tmp_path: Path) -> None:
    wheel = tmp_path / "faceline-0.2.0-py3-none-any.whl"
    wheel.write_bytes(b"a wheel")
    fleet.services.releases.announce(wheel, "0.2.0", by="anna")
    call(stands)
    member = fleet.services.roster.member("a")
    assert member is not None
    assert member.report is not None
    assert member.report.software == "0.2.0"
    assert (stands[0].folder / "software" / wheel.name).read_bytes() == b"a wheel"
    assert stands[0].home.contents.release is None, "it is told, not installed"


def test_only_stands_of_the_fleet_are_given_files(fleet: Fleet, stands: list[Stand], catalogue: Path) -> None:
    release = begin(fleet, catalogue, "1")
    stands[0].home.caller.secret = "guess"
    for path in (f"release/{release}", "file/" + "0" * 64, "days"):
        with pytest.raises(InputError, match="does not know the stand"):
            stands[0].home.caller.ask(path, None, Signed)


def test_a_signature_is_of_one_text_and_one_key(tmp_path: Path) -> None:
    key = SigningKey(tmp_path / "key.pem")
    check_signature(key.public, "text", key.sign("text"))
    assert SigningKey(tmp_path / "key.pem").public == key.public
    for public, text in ((key.public, "test"), (SigningKey(tmp_path / "other.pem").public, "text"), ("zz", "text")):
        with pytest.raises(InputError, match="not from this fleet"):
            check_signature(public, text, key.sign("text"))
    (tmp_path / "key.pem").chmod(0o644)
    with pytest.raises(InputError, match="chmod 600"):
        SigningKey(tmp_path / "key.pem")


def test_the_page_publishes_goes_on_and_rolls_back(fleet: Fleet, stands: list[Stand]) -> None:
    client = operator(fleet)
    text = client.get("/operator/releases").text
    assert "Nothing yet" in text
    found = re.search(r'name="csrf" value="([^"]+)"', text)
    assert found is not None
    form = {"csrf": found[1]}
    client.post("/operator/releases", data={**form, "group": "stands", "first": "1", "note": "spring"})
    text = client.get("/operator/releases").text
    assert "is on its way to stands" in text
    assert "“spring”" in text
    number = newest(fleet).number
    client.post(f"/operator/releases/{number}/on", data=form)
    call(stands)
    assert "shown by 3 of 3" in client.get("/operator/releases").text
    client.post(f"/operator/releases/{number}/back", data=form)
    assert "rolled back" in client.get("/operator/releases").text
    assert client.post(f"/operator/releases/{number}/back", data={"csrf": "forged"}).status_code == 403
    client.post("/operator/releases/groups", data={**form, "group": "malls"})
    told = re.search(r"Stands join malls with this token, told once: (\S+)<", client.get("/operator/releases").text)
    assert told is not None
    assert fleet.services.roster.join("new", told[1])[0] == "malls"


def test_the_command_publishes_while_the_fleet_runs(
    fleet: Fleet, stands: list[Stand], catalogue: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder = f"folder={fleet.settings.folder}"
    assert main(["fleet", "publish", folder, f"catalogue={catalogue}", "first=2"]) == 0
    assert "goes to c, b of the group stands" in capsys.readouterr().out
    call(stands)
    assert titles(stands) == ["Hello", "Good morning", "Good morning"]
    assert main(["fleet", "publish", folder, "software=nowhere.whl", "version=1"]) == 2
    assert "nowhere.whl: no such file" in capsys.readouterr().err
    assert main(["fleet", "publish", f"folder={tmp_path}"]) == 2
    assert "no fleet" in capsys.readouterr().err


def test_all_of_it_works_on_postgresql(tmp_path: Path, catalogue: Path, request: pytest.FixtureRequest) -> None:
    fleet = Fleet(tmp_path / "fleet", store=request.getfixturevalue("cluster").new_database())
    try:
        stand = Stand(fleet, tmp_path / "north", "north", written(tmp_path, GOOD))
        stand.visitors(fleet.now() - timedelta(days=2), 3)
        call([stand])
        assert fleet.events("north") == stand.events
        assert stand.home.courier.compare() == 0
        begin(fleet, catalogue, "1")
        call([stand])
        fleet.services.watch.tick()
        assert stand.title == "Good morning"
        fleet.ahead = timedelta(hours=1)
        fleet.services.watch.tick()
        assert fleet.services.watch.alerts.raised()["north"].keys() == {"silent"}
        assert [each.kind for each in fleet.services.watch.alerts.messages("north")] == ["silent"]
        assert "north" in operator(fleet).get("/operator").text
    finally:
        fleet.stop()

"""Contents are edited in the browser: drafts, what is wrong beside the field, publishing, undo, uploads, the audit."""

import asyncio
import errno
import io
import re
import shutil
import time
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from fastapi.testclient import TestClient
from PIL import Image
from tests.stand.test_artwork import film
from tests.stand.web_stand import PNG, WebStand, make

from faceline.errors import InputError
from faceline.stand.content import desk, films
from faceline.stand.content.catalogue import check_catalogue, read_catalogue
from faceline.stand.content.desk import Desk, clean_name, mark_of
from faceline.stand.web.access import Secrets
from faceline.stand.web.app import create_app

HERE = "/operator/contents"


class Editor:
    """An editor who is logged in."""

    def __init__(self, stand: WebStand, client: TestClient, password: str, name: str = "ed") -> None:
        self.stand, self.client = stand, client
        assert client.post("/login", data={"name": name, "password": password}).headers["location"] == HERE
        self.file = stand.services.media / "catalogue.yaml"

    @property
    def csrf(self) -> str:
        found = re.search(r'name="csrf" value="([^"]+)"', self.client.get(HERE).text)
        assert found is not None
        return found[1]

    def page(self, path: str = "") -> str:
        return unescape(self.client.get(HERE + path).text)

    def post(self, path: str, data: dict | None = None, **more: object) -> str:
        """What is told on the page after a form."""
        answer = self.client.post(HERE + path, data={"csrf": self.csrf, **(data or {})}, follow_redirects=True, **more)
        told = dict(reversed(re.findall(r'<p class="(told|wrong|fault)"[^>]*>([^<]*)', answer.text)))
        return unescape(told.get("fault") or told.get("wrong") or told.get("told", ""))

    def form(self, name: str, kind: str = "edit") -> dict:
        """The fields of a content or campaign as its page shows them."""
        text = self.client.get(f"{HERE}/{kind}/{name}").text
        fields = dict(re.findall(r'<input id="\w+" name="(\w+)" type="\w+" value="([^"]*)"', text))
        fields |= dict(re.findall(r'<textarea id="\w+" name="(\w+)"[^>]*>([^<]*)</textarea>', text))
        fields |= dict(re.findall(r'<input type="hidden" name="(mark)" value="([^"]+)"', text))
        for field, options in re.findall(r'<select id="\w+" name="(\w+)"[^>]*>(.*?)</select>', text, re.DOTALL):
            chosen = re.search(r'value="([^"]*)" selected', options)
            fields[field] = chosen[1] if chosen else ""
        for field, value in re.findall(r'<input type="(?:radio|checkbox)" name="(\w+)" value="(\w+)" checked', text):
            fields[field] = value
        return {field: unescape(value) for field, value in fields.items()}

    def shown(self) -> dict:
        return {content.id: content for content in read_catalogue(self.file).contents}


@pytest.fixture
def editor(tmp_path: Path) -> Iterator[Editor]:
    secrets = Secrets(tmp_path / "access.json")
    password = secrets.add("ed", "editor")
    stand = make(tmp_path / "stand", secrets=secrets)
    stand.services.desk = Desk(stand.services.media / "catalogue.yaml")
    with TestClient(create_app(stand.services), follow_redirects=False) as client:
        yield Editor(stand, client, password)


def test_an_editor_sees_contents_and_nothing_else(editor: Editor) -> None:
    assert "Freshly <b>roasted</b>" in editor.page()
    for path in ("/operator", "/operator/people", "/advertiser", "/display", "/display/loop"):
        assert editor.client.get(path).status_code == 403, path
    editor.client.cookies.clear()
    assert editor.client.get(HERE).headers["location"] == "/login"
    assert editor.client.post(f"{HERE}/publish", data={"csrf": "x"}).headers["location"] == "/login"


@pytest.mark.parametrize(
    "path",
    [
        "/publish", "/discard", "/edit/-", "/edit/welcome", "/edit/welcome/delete", "/versions/x", "/campaigns/-",
        "/campaigns/coffee", "/campaigns/coffee/delete", "/loop",
    ],
)  # fmt: skip
def test_a_form_of_another_site_changes_nothing(editor: Editor, path: str) -> None:
    before = editor.file.read_text()
    assert (
        editor.client.post(
            HERE + path, data={"csrf": "guess", "id": "x", "title": "x", "name": "welcome", "place": 0, "steps": 1}
        ).status_code
        == 403
    )
    assert editor.file.read_text() == before
    assert editor.stand.services.desk.drafted is None


def test_a_form_that_changes_nothing_changes_nothing(editor: Editor) -> None:
    before = editor.shown()
    campaigns = read_catalogue(editor.file).campaigns
    for name in before:
        assert "Saved in the draft" in editor.post(f"/edit/{name}", editor.form(name))
    for campaign in campaigns:
        path = f"/campaigns/{campaign.id}"
        assert "Saved in the draft" in editor.post(path, editor.form(campaign.id, "campaigns"))
    assert "Published" in editor.post("/publish")
    assert editor.shown() == before
    assert read_catalogue(editor.file).campaigns == campaigns


def test_a_change_is_a_draft_then_published_then_brought_back(editor: Editor) -> None:
    form = editor.form("welcome") | {"title": "Good evening"}
    assert "Saved in the draft" in editor.post("/edit/welcome", form)
    assert editor.shown()["welcome"].title == "Welcome", "the stand does not show a draft"
    assert "Good evening" in editor.page("/edit/welcome/preview")
    assert "Begun by ed" in editor.page()
    assert "Published" in editor.post("/publish")
    assert editor.shown()["welcome"].title == "Good evening"
    (version,) = editor.stand.services.desk.versions()
    assert "Brought back" in editor.post(f"/versions/{version}")
    assert editor.shown()["welcome"].title == "Welcome"
    newest = editor.stand.services.desk.versions()[0]
    editor.post(f"/versions/{newest}")
    assert editor.shown()["welcome"].title == "Good evening", "an undo can be undone"
    done = [(line["by"], line["action"]) for line in reversed(editor.stand.services.desk.history())]
    assert done == [("ed", "saved"), ("ed", "published"), ("ed", "brought back"), ("ed", "brought back")]


def test_a_new_content_with_all_fields_is_what_was_typed(editor: Editor) -> None:
    form = {
        "id": "brunch", "campaign": "coffee", "title": "Brunch", "text": "Until noon", "offer": "−20 %",
        "layout": "offer", "landscape": "cup.png", "qr": "https://example.org/b", "days": ["sat", "sun"],
        "hours": "09:00-12:00, 14:00-16:00", "starts": "2026-03-01", "seconds": "12",
        "audience": "group:gold", "follow_up": "welcome", "per_hour": "4",
    }  # fmt: skip
    assert "Saved in the draft" in editor.post("/edit/-", form)
    assert "is called brunch too" in editor.post("/edit/-", form)
    editor.post("/publish")
    content = editor.shown()["brunch"]
    assert (content.days, len(content.hours), content.seconds, content.caps.per_hour) == ((5, 6), 2, 12, 4)
    assert (content.layout, content.media.landscape, content.audience) == ("offer", "cup.png", "group:gold")
    assert (content.follow_up, str(content.starts), content.qr) == ("welcome", "2026-03-01", "https://example.org/b")
    assert "not in the draft any more" in editor.post("/edit/brunch/delete")
    editor.post("/publish")
    assert "brunch" not in editor.shown()
    editor.post("/edit/espresso/delete")
    assert editor.post("/edit/welcome/delete").startswith("Not done."), "the screen would be empty"


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("seconds", "1", "at least 2"),
        ("seconds", "soon", "expected a number"),
        ("layout", "cover", "cover needs media"),
        ("hours", "8-11", "expected hours such as"),
        ("audience", "women", "expected anyone, loyal or group:NAME"),
        ("title", "x" * 81, "at most 80 characters"),
        ("landscape", "none.png", "no such file: none.png"),
        ("per_hour", "0", "at least 1"),
        ("page", "https://evil.example/x", "is not allowed on this stand"),
        ("qr", "shop", "expected a web address such as https://shop.example/sale, got 'shop'"),
    ],
)
def test_what_is_wrong_stands_beside_its_field_and_nothing_is_lost(
    editor: Editor, field: str, value: str, told: str
) -> None:
    form = editor.form("welcome") | {"text": "Typed for minutes", field: value}
    answer = editor.client.post(f"{HERE}/edit/welcome", data={"csrf": editor.csrf, **form})
    assert answer.status_code == 422
    found = re.search(rf'<p class="fault" id="wrong-{field}">([^<]+)</p>', answer.text)
    assert found is not None
    assert told in unescape(found[1])
    assert ">Typed for minutes</textarea>" in answer.text
    assert editor.stand.services.desk.drafted is None


def test_two_editors_are_told_of_each_other(editor: Editor) -> None:
    desk = editor.stand.services.desk
    form = editor.form("welcome")
    other = desk.content("welcome")
    desk.save({**other, "title": "Theirs"}, "welcome", mark_of(other), True, by="bea")
    assert "bea has changed this content meanwhile" in editor.post("/edit/welcome", form | {"title": "Mine"})
    assert desk.content("welcome")["title"] == "Theirs"


def test_what_is_typed_is_shown_before_it_is_saved(editor: Editor) -> None:
    def look(name: str, form: dict) -> dict:
        return editor.client.post(f"{HERE}/edit/{name}/preview", data={"csrf": editor.csrf, **form}).json()

    form = editor.form("espresso") | {"title": "Typed", "layout": "offer", "ground": "#102030", "page": ""}
    told = look("espresso", form)
    screen = told["screen"]
    assert (screen["title"], screen["layout"], screen["colours"]["ground"]) == ("Typed", "offer", "#102030")
    assert screen["media"]["landscape"]["file"].startswith("/media/cup.png"), "as the display is told"
    assert told["changed"] == ""
    new = look("-", {"campaign": "coffee", "title": "Not there yet"})
    assert new["screen"]["title"] == "Not there yet", "it needs no id to be looked at"
    assert look("-", {"campaign": "coffee", "layout": "cover", "title": "x"})["field"] == "layout"
    assert "contrast" in look("espresso", form | {"ink": "#203040"})["why"]
    assert editor.client.post(f"{HERE}/edit/espresso/preview", data=form | {"csrf": "guess"}).status_code == 403
    desk = editor.stand.services.desk
    assert (desk.drafted, desk.history()) == (None, []), "nothing is saved"
    other = desk.content("espresso")
    desk.save({**other, "title": "Theirs"}, "espresso", mark_of(other), True, by="bea")
    told = look("espresso", form)
    assert "bea has changed this content meanwhile" in told["changed"]
    assert told["screen"]["title"] == "Typed"


@pytest.mark.parametrize("path", ["/edit/welcome", "/edit/welcome/preview", "/campaigns/coffee"])
def test_a_large_catalogue_never_holds_up_the_display(
    editor: Editor, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = yaml.safe_load(editor.file.read_text())
    data["contents"] += [{"id": f"c{i}", "campaign": "coffee", "title": "Fresh", "seconds": 2} for i in range(300)]
    editor.file.write_text(yaml.safe_dump(data))
    form = editor.form(*reversed(path.split("/")[1:3])) | {"csrf": editor.csrf, "starts": "2026-02-30"}
    checked = []

    def check(*given: object) -> object:
        with pytest.raises(RuntimeError):  # the display and the camera's news run there
            asyncio.get_running_loop()
        checked.append(given)
        return check_catalogue(*given)

    monkeypatch.setattr(desk, "check_catalogue", check)
    monkeypatch.setattr(yaml, "SafeLoader", None)  # parsed already
    answer = editor.client.post(HERE + path, data=form)
    assert "2026-02-30" in answer.text
    assert answer.status_code == (200 if path.endswith("preview") else 422)
    assert len(checked) == 1


def test_a_content_has_a_brand_of_its_own(editor: Editor) -> None:
    brand = {"ground": "#102030", "ink": "#ffffff", "accent": "#ffcc66", "logo": "cup.png"}
    assert "Saved" in editor.post("/edit/welcome", editor.form("welcome") | brand)
    editor.post("/publish")
    assert editor.shown()["welcome"].brand.model_dump() == brand
    assert "Saved" in editor.post("/edit/welcome", editor.form("welcome") | dict.fromkeys(brand, ""))
    editor.post("/publish")
    assert editor.shown()["welcome"].brand.logo is None


def test_a_campaign_is_made_sold_airtime_and_deleted(editor: Editor) -> None:
    form = {"id": "shoes", "name": "Good Soles", "ground": "#0f3b3a", "accent": "#f6c445", "logo": "cup.png",
            "plays_a_day": "40", "priority": "0", "starts": "2026-03-01", "days": ["mon", "tue"],
            "hours": "09:00-12:00"}  # fmt: skip
    fault = editor.post("/campaigns/-", form)
    assert "the loop shows no content of shoes" in fault
    assert "Saved in the draft" in editor.post("/campaigns/-", form | {"plays_a_day": ""})
    assert "is called shoes too" in editor.post("/campaigns/-", form)
    for odd in ("", "Good Soles"):
        assert "letters, digits, - and _ such as spring-sale" in editor.post("/campaigns/-", form | {"id": odd})
    run = {"id": "run", "campaign": "shoes", "title": "Run", "in_loop": "true"}
    assert "Saved in the draft" in editor.post("/edit/-", run)
    sold = editor.form("shoes", "campaigns") | {"plays_a_day": "40", "share": "12,5 %", "days": ["mon"]}
    assert "Saved in the draft" in editor.post("/campaigns/shoes", sold)
    assert "12.5\u00a0% of the airtime" in editor.page()
    editor.post("/publish")
    campaign = read_catalogue(editor.file).campaign_by_id["shoes"]
    assert (campaign.share, campaign.plays_a_day, campaign.days) == (0.125, 40, (0,))
    assert (campaign.brand.accent, campaign.brand.logo, str(campaign.starts)) == ("#f6c445", "cup.png", "2026-03-01")
    told = editor.post("/campaigns/shoes/delete")
    assert "contents belong to shoes: run; delete them first" in told
    assert "the loop shows no content of shoes" in editor.post("/edit/run/delete")
    editor.post("/campaigns/shoes", editor.form("shoes", "campaigns") | {"share": "", "plays_a_day": ""})
    editor.post("/edit/run/delete")
    assert "shoes is not in the draft any more" in editor.post("/campaigns/shoes/delete")


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("share", "130", "expected per cent, above 0 and at most 100"),
        ("share", "half", "expected a number"),
        ("ground", "blue", "expected a colour such as"),
        ("ink", "#777777", "ink and accent need a ground"),
        ("name", "", "missing"),
        ("ends", "2026-02-30", "day"),
        ("plays_a_day", "0", "at least 1"),
    ],
)
def test_what_is_wrong_with_a_campaign_stands_on_its_page(editor: Editor, field: str, value: str, told: str) -> None:
    form = editor.form("coffee", "campaigns") | {"budget": "12345", field: value}
    answer = editor.client.post(f"{HERE}/campaigns/coffee", data={"csrf": editor.csrf, **form})
    assert answer.status_code == 422
    name = "brand" if field == "ink" else field
    found = re.search(rf'<p class="fault" id="wrong-{name}">([^<]+)</p>', answer.text)
    assert found is not None
    assert told in unescape(found[1])
    assert 'value="12345"' in answer.text
    assert editor.stand.services.desk.drafted is None


def test_the_order_of_the_loop_is_changed(editor: Editor) -> None:
    assert "Moved" in editor.post("/loop", {"name": "espresso", "place": "1", "steps": "-1"})
    assert "changed meanwhile" in editor.post("/loop", {"name": "espresso", "place": "1", "steps": "-1"})
    assert "changed meanwhile" in editor.post("/loop", {"name": "espresso", "place": "0", "steps": "-1"})
    editor.post("/publish")
    assert read_catalogue(editor.file).loop == ("espresso", "welcome")


def test_two_editors_of_a_campaign_are_told_of_each_other(editor: Editor) -> None:
    desk = editor.stand.services.desk
    form, other = editor.form("coffee", "campaigns"), desk.campaign("coffee")
    desk.save_campaign({**other, "name": "Theirs"}, "coffee", mark_of(other), by="bea")
    assert "bea has changed this campaign meanwhile" in editor.post("/campaigns/coffee", form | {"name": "Mine"})
    assert desk.campaign("coffee")["name"] == "Theirs"


def test_a_file_that_was_changed_by_hand_is_not_written_over(editor: Editor) -> None:
    editor.post("/edit/welcome", editor.form("welcome") | {"title": "Draft"})
    editor.file.write_text(editor.file.read_text().replace("Welcome", "By hand"))
    assert "was changed by hand" in editor.post("/publish")
    assert editor.shown()["welcome"].title == "By hand"
    editor.post("/discard")
    assert "By hand" in editor.page()


def test_only_what_a_display_can_show_is_uploaded(
    editor: Editor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(films, "ffmpeg", lambda: None)
    picture = io.BytesIO()
    Image.new("RGB", (900, 400), "#b03060").save(picture, "PNG")
    upload = {"file": ("My Cup (1).PNG", picture.getvalue())}
    assert editor.post("/upload", files=upload) == "Uploaded: uploads/my-cup-1.png."
    small = editor.client.get(f"{HERE}/thumbnail/uploads/my-cup-1.png")
    with Image.open(io.BytesIO(small.content)) as image:
        assert (image.format, image.width) == ("JPEG", 320)
    for name, content, told in (
        ("cup.png", b"no picture", "not a picture that can be shown"),
        ("page.html", PNG, "expected a file that ends with one of"),
        ("../../evil.sh", PNG, "expected a file that ends with one of"),
        ("Spring.MOV", PNG, "browsers do not play films that end with .mov; convert it first, as with ffmpeg -i FILM"),
    ):
        assert told in editor.post("/upload", files={"file": (name, content)}), name
    film(tmp_path / "old.mp4", "mp4v", 1.0)
    old = {"file": ("old.mp4", (tmp_path / "old.mp4").read_bytes())}
    assert "browsers do not play its codec" in editor.post("/upload", files=old)
    left = {path.name for path in editor.file.parent.rglob("*") if path.is_file()}
    assert left == {"catalogue.yaml", "cup.png", "my-cup-1.png", "audit.jsonl"}
    form = editor.form("espresso") | {"landscape": "uploads/my-cup-1.png"}
    assert "Saved" in editor.post("/edit/espresso", form)
    assert editor.client.get(f"{HERE}/media/uploads/my-cup-1.png").status_code == 200
    assert editor.client.get(f"{HERE}/media/catalogue.yaml").status_code == 404
    assert clean_name("../../Ünï código.JPEG") == "n-c-digo.jpeg"


@pytest.mark.parametrize("frees", [[1.0], [100.0, 1.0]], ids=["before", "while it arrives"])
def test_a_full_disk_takes_no_file_and_keeps_no_half(
    editor: Editor, monkeypatch: pytest.MonkeyPatch, frees: list[float]
) -> None:
    told = iter([free for free in frees for _ in range(2)])  # of the temporary files, and of the catalogue
    before = set(editor.file.parent.rglob("*"))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1e6 * next(told)))
    answer = editor.post("/upload", files={"file": ("large.png", b"x" * 3_000_000)})
    assert re.fullmatch(r"Not uploaded\. 5\d MB are needed on the disk, and 1 MB are free", answer)
    monkeypatch.undo()
    assert set(editor.file.parent.rglob("*")) == before
    german = {"accept-language": "de"}
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1e6))
    assert "1 MB sind frei" in editor.post("/upload", files={"file": ("a.png", PNG)}, headers=german)
    monkeypatch.undo()
    assert "Not uploaded. a.png is empty." in editor.post("/upload", files={"file": ("a.png", b"")})


def test_a_full_disk_is_told_in_place_of_what_was_saved(editor: Editor, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    form = editor.form("welcome") | {"csrf": editor.csrf, "title": "More"}
    monkeypatch.setattr(desk, "write_whole", full)
    answer = editor.client.post(f"{HERE}/edit/welcome", data=form)
    assert answer.status_code == 507
    assert "The disk is full, and nothing was saved" in answer.text


def test_a_film_that_is_converted_is_told_and_then_ready(editor: Editor, tmp_path: Path) -> None:
    film(tmp_path / "old.avi", "MJPG", 1.0)
    old = {"file": ("Old.AVI", (tmp_path / "old.avi").read_bytes())}
    assert "it is converted now" in editor.post("/upload", files=old)
    for _ in range(400):
        if "Converting Old.AVI" not in editor.page("/files"):
            break
        time.sleep(0.05)
    assert "uploads/old.mp4" in editor.page("/files")
    assert editor.client.get(f"{HERE}/thumbnail/uploads/old.mp4").status_code == 200
    form = editor.form("espresso") | {"landscape": "uploads/old.mp4"}
    assert "Saved" in editor.post("/edit/espresso", form)


def test_large_files_are_taken_from_editors_only(editor: Editor) -> None:
    large = {"file": ("large.png", b"x" * 200_000)}
    assert "not a picture" in editor.post("/upload", files=large)
    editor.client.cookies.clear()
    assert editor.client.post(f"{HERE}/upload", files=large).status_code == 413


def test_the_calendar_shows_the_draft_in_the_week_of_a_day(editor: Editor) -> None:
    form = editor.form("espresso") | {"days": ["mon", "tue"], "hours": "07:00-10:30", "starts": "2026-03-24"}
    assert "Saved" in editor.post("/edit/espresso", form)
    text = editor.page("/week?day=2026-03-27")
    assert "23 March to 29 March 2026" in text
    assert "As in the draft" in text
    assert re.search(r'00:00–07:00</bdi></th>\s*<td rowspan="3" ><span class="note">', text), "nothing on Monday"
    assert text.count("Freshly <b>roasted</b>") == 1, "on Tuesday alone"
    assert "from 24 March 2026" in editor.page("/week?day=2026-03-18")
    for wrong in ("x", "1500-01-01", "9999-12-31"):
        assert editor.client.get(f"{HERE}/week?day={wrong}").status_code == 422


def test_yaml_goes_out_and_in(editor: Editor) -> None:
    answer = editor.client.get(f"{HERE}/export")
    assert yaml.safe_load(answer.text)["loop"] == ["welcome", "espresso"]
    changed = answer.text.replace("Welcome", "From a file")
    assert "Imported as the draft" in editor.post("/import", files={"file": ("c.yaml", changed)})
    assert editor.shown()["welcome"].title == "Welcome"
    told = editor.post("/import", files={"file": ("c.yaml", changed.replace("loop:", "lop:"))})
    assert "no such key; did you mean loop?" in told
    editor.post("/publish")
    assert editor.shown()["welcome"].title == "From a file"


def test_a_catalogue_of_hundreds_comes_in(editor: Editor) -> None:
    data = yaml.safe_load(editor.file.read_text())
    data["contents"] += [
        {"id": f"c{i}", "campaign": "coffee", "title": "Fresh", "text": "x" * 250, "seconds": 2} for i in range(300)
    ]
    text = yaml.safe_dump(data)
    assert len(text) > 64_000
    assert "Imported as the draft" in editor.post("/import", files={"file": ("big.yaml", text)})
    assert len(editor.stand.services.desk.data["contents"]) == 302


def test_nothing_is_published_without_a_draft(editor: Editor) -> None:
    with pytest.raises(InputError, match="no draft"):
        editor.stand.services.desk.publish(by="ed")
    assert "Not done. publish or discard" not in editor.post("/versions/00001-x")


@pytest.mark.parametrize("path", ["/week", "/edit/espresso/preview"])
def test_a_draft_that_names_a_missing_file_is_told_on_every_page(editor: Editor, path: str) -> None:
    (editor.file.parent / "cup.png").unlink()
    answer = editor.client.get(HERE + path)
    assert answer.status_code == 409 and "no such file: cup.png" in unescape(answer.text)

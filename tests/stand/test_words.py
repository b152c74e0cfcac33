"""The pages speak five languages: nothing is left out, and no placeholder is lost on the way."""

import re
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any, get_args

import pytest
from babel.messages import Catalog
from babel.messages.pofile import read_po
from fastapi.testclient import TestClient
from tests.stand.web_stand import WebStand, make, visitor

from faceline.stand.audience.reactions import Group
from faceline.stand.events.event import Arm
from faceline.stand.recognition.collection import POSES
from faceline.stand.recognition.evidence import Reason
from faceline.stand.recognition.recogniser import Why
from faceline.stand.sentences import Sentence, retold
from faceline.stand.web.access import Role
from faceline.stand.web.app import create_app
from faceline.stand.web.terms import TERMS
from faceline.stand.words import LANGUAGES, LOCALES, _, number, preferred, several, share, speaking

OTHERS = [code for code in LANGUAGES if code != "en"]
SCRIPT = Path(__file__).parents[2] / "scripts" / "words.py"


@pytest.fixture(scope="module")
def messages() -> Catalog:
    spec = spec_from_file_location("words_script", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.messages()  # type: ignore[no-any-return]


def catalog(code: str) -> Catalog:
    with (LOCALES / f"{code}.po").open("rb") as file:
        return read_po(file, locale=code)


def placeholders(text: str) -> list[str]:
    return sorted(re.findall(r"%\(\w+\)s|%%", text))


@pytest.mark.parametrize("code", OTHERS)
def test_every_message_has_a_translation_with_the_same_placeholders(code: str, messages: Catalog) -> None:
    wanted = {each.id for each in messages if each.id}
    translated = {each.id: each for each in catalog(code) if each.id}
    assert set(translated) == wanted, "run scripts/words.py"
    for message, each in translated.items():
        assert not each.fuzzy, message
        strings = each.string if isinstance(each.string, tuple) else (each.string,)
        names = message if isinstance(message, tuple) else (message,)
        assert all(strings), message
        assert all(text[:1].strip() == text[:1] and text[-1:].strip() == text[-1:] for text in strings), message
        assert not any(re.search(r'["<>&]', text) for text in strings), f"pages take it for HTML: {message}"
        assert all(placeholders(text) == placeholders(names[-1]) for text in strings), message


def test_what_other_parts_say_in_a_word_is_translated_too() -> None:
    said = {*get_args(Role), *get_args(Arm), *get_args(Group), *get_args(Reason)}
    said |= {word for part in get_args(Why) for word in get_args(part)} | {pose.asked for pose in POSES}
    assert said <= set(TERMS)
    with speaking("de"):
        same = {term for term in TERMS if _(term) == term}
    assert same <= {"neutral"}


@pytest.mark.parametrize("code", OTHERS)
def test_every_warning_is_told_again_with_its_values(code: str) -> None:
    values = {"why": "disk full", "name": "north", "rate": "1,234.5", "limit": "8", "count": "7", "share": "4%",
              "length": "3 hours", "when": "2026-03-02 10:30"}  # fmt: skip
    for sentence in Sentence:
        english = sentence(**values)
        with speaking("en"):
            assert retold(english) == english
        with speaking(code):
            told = retold(english)
            assert told != english and "%(" not in told
            for name in re.findall(r"%\((\w+)\)s", sentence):
                assert name not in ("why", "name") or values[name] in told


def test_a_warning_inside_a_warning_and_values_are_written_in_the_language() -> None:
    inner = Sentence.FIRST_WARNS(name="south", why=Sentence.COVERED(why="black"))
    with speaking("de"):
        assert retold(Sentence.HELD(name="r1", why=inner)) == (
            "Die Veröffentlichung r1 wird zurückgehalten. south warnt: Die Kamera sieht nichts: Ihr Bild ist schwarz. "
            "Sehen Sie nach Kappe, Klebeband oder Licht."
        )
        assert retold(Sentence.BEHIND(length="1 hours")) == "Seine Uhr geht nach: 1 Stunde."
        assert retold(Sentence.SILENT(when="2026-03-02 10:30")) == "Keine Meldung seit 2. März 2026 10:30 UTC."
        assert retold("12.5 frames a second, where 14 are the least.").startswith("12,5 Bilder")
        assert retold(f"A fault: x\n{Sentence.STALLED()}").startswith("Ein Fehler: x\nDer Stand sieht keine Bilder")
        assert retold("Something that only a newer stand says.") == "Something that only a newer stand says."
        assert "soon" in retold(Sentence.SILENT(when="soon")), "another version may write it otherwise"


def test_numbers_plurals_and_fallbacks() -> None:
    assert (number(-0.001, 2), number(-0.01, 2)) == ("0.00", "-0.01"), "nothing has no sign"
    with speaking("de"):
        assert (number(1234567), number(2.5, 1), share(0.125, 1)) == ("1.234.567", "2,5", "12,5\u00a0%")
        assert several("%(count)s visit", "%(count)s visits", 2) == "2 visits", "a message that nobody knows stays"
    with speaking("ar"):
        forms = "Added: the template is made of %(count)s visit.", "Added: the template is made of %(count)s visits."
        told = {count: several(*forms, count) for count in (1, 2, 3)}
    assert len({re.sub(r"\d", "", text) for text in told.values()}) == 3, "one, two, few"
    assert _("Log in") == "Log in", "English outside of a request"


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("", "en"), ("fr-CH, fr;q=0.9, en;q=0.8, de;q=0.7, *;q=0.5", "fr"), ("xx, es;q=0.2, de;q=0.1", "es"),
        ("ja", "en"),
        ("en;q=0.4, ar-EG;q=0.9", "ar"), ("de;q=x, fr", "fr"), ("de;q=0", "en"), (",;,;q=,", "en"),
    ],
)  # fmt: skip
def test_a_browser_is_answered_in_its_language(header: str, code: str) -> None:
    assert preferred(header) == code


@pytest.fixture
def stand(tmp_path: Path) -> WebStand:
    return make(tmp_path, language="fr")


@pytest.fixture
def client(stand: WebStand) -> Iterator[TestClient]:
    with TestClient(create_app(stand.services), follow_redirects=False) as client:
        yield client


def log_in(client: TestClient, stand: WebStand, language: str) -> dict[str, Any]:
    headers = {"accept-language": language}
    answer = client.post("/login", data={"name": "operator", "password": stand.password}, headers=headers)
    assert answer.status_code == 303
    return {"headers": headers}


@pytest.mark.parametrize("code", OTHERS)
def test_a_page_leaves_no_english_behind(client: TestClient, stand: WebStand, code: str) -> None:
    asked = log_in(client, stand, code)
    stand.show("espresso", visitor())
    for path in ("/operator", "/operator/people", "/advertiser", "/login", "/nothing"):
        text = client.get(path, **asked).text
        assert f'<html lang="{code}" dir="{"rtl" if code == "ar" else "ltr"}">' in text
        body = re.sub(r"<code>.*?</code>|<[^>]*>|The mall", " ", text[text.index("<body") :], flags=re.DOTALL)
        assert not re.search(r"\b(the|with|nobody|people|figures|frames?)\b", body, re.IGNORECASE), (path, body)


def test_a_choice_on_the_page_goes_before_the_browser_and_leads_back(client: TestClient) -> None:
    german = {"accept-language": "de"}
    assert "Anmelden" in client.get("/login", headers=german).text
    answer = client.get("/language/es?back=/login", headers=german)
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert "Contraseña" in client.get("/login", headers=german).text
    for wrong in ("//evil.example", "https://evil.example", "/\\evil.example", "/%0d%0ax", ""):
        assert client.get(f"/language/es?back={wrong}").headers["location"] == "/"
    assert client.get("/language/xx").status_code == 404


def test_the_operator_is_told_in_their_language_what_is_seen(client: TestClient, stand: WebStand) -> None:
    asked = log_in(client, stand, "de")
    stand.show("espresso", visitor(), problems={"slow": Sentence.SLOW(rate="2.0", limit="8"), "fault": "told by none"})
    with client.websocket_connect("/operator/live", **asked) as socket:
        told = socket.receive_json()
    assert told["faces"][0]["group"] == "Lächeln"
    assert told["decision"]["arm"] == "angepasst"
    slow, unknown = told["health"]["warnings"]
    assert (
        slow.startswith("Zu langsam, um Besucher richtig zu zählen: 2 Bilder je Sekunde") and unknown == "told by none"
    )


def test_the_display_speaks_the_language_of_the_stand(client: TestClient, stand: WebStand) -> None:
    text = client.get(f"/display?token={stand.token}", follow_redirects=True, headers={"accept-language": "de"}).text
    assert '<html lang="fr">' in text
    assert "Ravis de vous revoir" in text

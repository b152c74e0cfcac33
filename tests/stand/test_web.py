"""The pages answer those who may ask, and nobody else."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from starlette.websockets import WebSocketDisconnect
from tests.stand.web_stand import WebStand, make, visitor

from faceline.errors import InputError
from faceline.stand.recognition.recogniser import Standing
from faceline.stand.web.access import SESSION_SECONDS, Account, Delays, Limit, Logins, Secrets
from faceline.stand.web.app import create_app
from faceline.stand.web.operator import live_state

HERE = "http://testserver"
SOMEBODY = Account("anna", "operator", None, "00", "00")


@pytest.fixture
def stand(tmp_path: Path) -> WebStand:
    return make(tmp_path)


@pytest.fixture
def client(stand: WebStand) -> Iterator[TestClient]:
    with TestClient(create_app(stand.services), follow_redirects=False) as client:
        yield client


@pytest.fixture
def operator(stand: WebStand, client: TestClient) -> TestClient:
    answer = client.post("/login", data={"name": "operator", "password": stand.password})
    assert answer.status_code == 303
    assert answer.headers["location"] == "/operator"
    return client


def csrf_of(client: TestClient) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', client.get("/operator").text)
    assert found is not None
    return found[1]


@pytest.mark.parametrize(
    "path", ["/operator", "/operator/people", "/operator/picture", "/advertiser", "/advertiser/figures"]
)
def test_pages_behind_the_login_lead_to_it(client: TestClient, path: str) -> None:
    answer = client.get(path)
    back = "" if path in ("/operator", "/advertiser") else f"?back={path}"
    assert (answer.status_code, answer.headers["location"]) == (303, f"/login{back}")


@pytest.mark.parametrize(
    ("back", "leads_to"),
    [
        ("/operator/people", "/operator/people"), ("/advertiser", "/operator"), ("", "/operator"),
        ("//evil.example/operator/", "/operator"), ("/operators", "/operator"),
    ],
)  # fmt: skip
def test_a_login_leads_back_to_the_page_that_was_open(
    client: TestClient, stand: WebStand, back: str, leads_to: str
) -> None:
    form = {"name": "operator", "password": "wrong", "back": back}
    again = client.post("/login", data=form).text
    assert (f'name="back" value="{back}"' in again) == bool(back)
    assert client.post("/login", data=form | {"password": stand.password}).headers["location"] == leads_to


def test_a_form_of_an_ended_session_leads_back_to_its_page(client: TestClient) -> None:
    headers = {"referer": "http://testserver/operator/people"}
    assert client.post("/operator/people", headers=headers).headers["location"] == "/login?back=/operator/people"


def test_scripts_are_told_in_words_what_was_refused(stand: WebStand) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a secret of the inside")

    script, german = {"accept": "application/json"}, {"accept": "application/json", "accept-language": "de"}
    stand.services.figures = fail
    with TestClient(create_app(stand.services), follow_redirects=False, raise_server_exceptions=False) as client:
        large = client.post("/login", data={"name": "x" * 100_000}, headers=script)
        assert large.json() == {"detail": "This is too large: at most 0.064 MB are taken here."}
        client.post("/login", data={"name": "operator", "password": stand.password})
        refused = client.post("/operator/people", data={"csrf": "guess"}, headers=german)
        assert (refused.status_code, refused.json()["detail"][:14]) == (403, "Dieses Formula")
        assert client.get("/operator/contents/files", headers=script).status_code == 409
        broken = client.get("/advertiser/figures", headers=german)
        assert (broken.status_code, broken.json()["detail"][:21]) == (500, "Ein Fehler im Innern;")
        page = client.get("/advertiser")
        assert "A fault inside" in page.text
        assert "secret" not in page.text + broken.text
        assert page.headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize("path", ["/display", "/display/loop", "/media/cup.png"])
def test_the_display_needs_its_token(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 403


@pytest.mark.parametrize("path", ["/docs", "/openapi.json", "/static/../app.py", "/static/%2e%2e/app.py", "/static/"])
def test_nothing_else_is_served(client: TestClient, path: str) -> None:
    assert client.get(path).status_code in (404, 405)


def test_every_answer_says_what_a_page_may_do(client: TestClient, stand: WebStand) -> None:
    for path in ("/login", "/operator", "/nowhere", "/static/pages.css", f"/display?token={stand.token}"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"


def test_pages_hold_no_script_or_style_that_their_policy_would_refuse(operator: TestClient, stand: WebStand) -> None:
    stand.show("espresso", visitor())
    for path in ("/login", "/operator", "/operator/people", "/advertiser", "/display"):
        text = operator.get(path).text
        assert not re.search(r"<script(?![^>]* src=)|<style| style=| on\w+=|https?://", text), path


def test_the_cookie_of_a_session_is_for_the_server_alone(client: TestClient, stand: WebStand) -> None:
    cookie = client.post("/login", data={"name": "operator", "password": stand.password}).headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie


@pytest.mark.parametrize(("name", "password"), [("operator", "wrong"), ("admin", "wrong"), ("", "")])
def test_a_wrong_name_and_a_wrong_password_are_told_alike(client: TestClient, name: str, password: str) -> None:
    answer = client.post("/login", data={"name": name, "password": password})
    assert answer.status_code == 401
    assert "Name or password is wrong." in answer.text
    assert "set-cookie" not in answer.headers


@pytest.fixture
def stopped(stand: WebStand) -> None:
    """Time stands still for the delays: a hash may take longer than one of them."""
    stand.services.logins = Delays(free=5, longest=60.0, clock=lambda: 0.0)
    stand.services.unknown = Limit(tries=30, seconds=60.0, of_all=30, clock=lambda: 0.0)


def guess(client: TestClient, name: str, times: int) -> list[int]:
    return [client.post("/login", data={"name": name, "password": "guess"}).status_code for _ in range(times)]


@pytest.mark.usefixtures("stopped")
def test_guessing_is_slowed_down(client: TestClient, stand: WebStand) -> None:
    assert guess(client, "operator", 6) == [401] * 5 + [429]
    answer = client.post("/login", data={"name": "operator", "password": stand.password})
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) == 1 and "Wait 1 second." in answer.text
    assert guess(client, "nobody", 5) == [401] * 5


@pytest.mark.usefixtures("stopped")
def test_guesses_of_others_lock_nobody_out(stand: WebStand) -> None:
    app = create_app(stand.services)
    with TestClient(app, client=("10.0.0.1", 1)) as known:
        assert known.post("/login", data={"name": "operator", "password": stand.password}).status_code == 200
        for address in range(2, 9):
            with TestClient(app, client=(f"10.0.0.{address}", 1)) as other:
                guess(other, "operator", 6)
        with TestClient(app, client=("10.0.0.1", 1)) as beside:  # another browser behind the same address
            assert guess(beside, "operator", 6)[-1] == 429
        assert known.post("/login", data={"name": "operator", "password": stand.password}).status_code == 200
        with TestClient(app, client=("10.0.1.1", 1)) as elsewhere:
            assert elsewhere.post("/login", data={"name": "operator", "password": stand.password}).status_code == 200


@pytest.mark.usefixtures("stopped")
def test_one_account_does_not_forgive_guesses_at_another(client: TestClient, stand: WebStand) -> None:
    assert stand.services.secrets.new is not None
    login = {"name": "advertiser", "password": stand.services.secrets.new.passwords["advertiser"]}
    assert guess(client, "operator", 5) == [401] * 5
    assert client.post("/login", data=login).status_code == 303
    assert guess(client, "operator", 1) == [429]


@pytest.mark.usefixtures("stopped")
def test_unknown_accounts_are_slowed_down_in_all(client: TestClient) -> None:
    found = [guess(client, f"nobody{number}", 1)[0] for number in range(31)]
    assert found == [401] * 30 + [429]
    assert guess(client, "operator", 1) == [401]


def test_the_right_token_of_the_display_passes_whatever_others_have_tried(client: TestClient, stand: WebStand) -> None:
    found = [client.get("/display?token=guess").status_code for _ in range(11)]
    assert found == [403] * 10 + [429]
    assert client.get(f"/display?token={stand.token}").status_code == 303


def test_delays_grow_and_are_forgotten() -> None:
    time = [0.0]
    delays = Delays(free=2, longest=8.0, clock=lambda: time[0])
    assert [delays.wait(("a",)) for _ in range(3)] == [0, 0, 1]
    waited = []
    for _ in range(5):
        waited.append(delays.wait(("a",)))
        time[0] += waited[-1]
        assert delays.wait(("a",)) == 0
    assert waited == [1, 2, 4, 8, 8]
    assert delays.wait(("b",)) == 0
    time[0] += 901
    assert delays.wait(("a",)) == 0 == delays.wait(("a",))


def test_logging_out_ends_the_session(operator: TestClient) -> None:
    csrf = csrf_of(operator)
    cookies = dict(operator.cookies)
    assert operator.post("/logout", data={"csrf": csrf}).headers["location"] == "/login"
    operator.cookies.update(cookies)
    assert operator.get("/operator").status_code == 303


@pytest.mark.parametrize("csrf", ["", "guess"])
@pytest.mark.parametrize("path", ["/logout", "/operator/people", "/operator/people/x/withdraw", "/operator/offers/1"])
def test_a_form_of_another_site_is_refused(operator: TestClient, path: str, csrf: str) -> None:
    assert operator.post(path, data={"csrf": csrf}).status_code == 403


def test_a_form_from_another_origin_is_refused_even_with_the_token(operator: TestClient, stand: WebStand) -> None:
    csrf = csrf_of(operator)
    assert operator.post("/logout", data={"csrf": csrf}, headers={"origin": "http://evil"}).status_code == 403
    login = {"name": "operator", "password": stand.password}
    assert operator.post("/login", data=login, headers={"origin": "null"}).status_code == 403


def test_too_large_a_form_is_refused(client: TestClient) -> None:
    assert client.post("/login", data={"name": "x" * 100_000}).status_code == 413


def test_a_form_that_holds_something_else_is_refused_with_a_page(client: TestClient) -> None:
    answer = client.post("/login", data={"name": "operator", "password": "x" * 300})
    assert answer.status_code == 422
    assert "password: String should have at most 200 characters." in answer.text
    assert "Not possible" in answer.text
    assert "xxx" not in answer.text


def test_a_display_that_is_used_keeps_its_token(client: TestClient, stand: WebStand) -> None:
    first = client.get(f"/display?token={stand.token}").headers["set-cookie"]
    again = client.get("/display").headers["set-cookie"]
    assert again == first
    assert "Max-Age=31536000" in again


def test_the_advertiser_sees_figures_only(client: TestClient, stand: WebStand) -> None:
    assert stand.services.secrets.new is not None
    password = stand.services.secrets.new.passwords["advertiser"]
    assert client.post("/login", data={"name": "operator", "password": password}).status_code == 401
    answer = client.post("/login", data={"name": "advertiser", "password": password})
    assert answer.headers["location"] == "/advertiser"
    assert "that is too few" in client.get("/advertiser").text
    assert client.get("/advertiser?campaign=coffee").status_code == 200
    for address in ("/advertiser?campaign=../x", "/advertiser?campaign=house", "/operator", "/display"):
        assert client.get(address).status_code == 403


def test_figures_of_few_people_are_not_on_the_page(tmp_path: Path) -> None:
    total = {
        "passers_by": 40, "look_rate": 0.7, "plays": 90, "ots": 150, "views": 100, "mean_dwell_seconds": 6.5,
        "attention_per_visitor": 3.25, "reaction_rate": 0.5, "interest_rate": None, "followed_up": 0, "greeted": None,
        "offers_taken": 0,
    }  # fmt: skip
    row = {"name": "Freshly <b>roasted</b>", "plays": 30, "ots": 50, "views": 50, "view_rate": 1.0, "viewers": 20,
           "attention_per_viewer": 4.0, "reaction_rate": 0.25, "interest_rate": None, "followed_up": None,
           "offers_taken": None, "offer_rate": None}  # fmt: skip
    told = {"at": datetime.now(UTC), "smallest_group": 10, "empty": None, "total": total, "verdict": "It may be luck.",
            "tables": {"content": [row]}}  # fmt: skip
    stand = make(tmp_path, figures=lambda *_: told)
    with TestClient(create_app(stand.services)) as client:
        client.post("/login", data={"name": "operator", "password": stand.password})
        text = re.sub(r"\s+", " ", client.get("/advertiser").text)
    assert "40</span> passers-by" in text
    assert 'title="fewer than 10 people">few</span></span> greeted' in text
    assert "It may be luck." in text
    assert "Freshly &lt;b&gt;roasted&lt;/b&gt;" in text


def test_the_display_trades_its_token_for_a_cookie_and_is_told_changes_at_once(
    client: TestClient, stand: WebStand
) -> None:
    answer = client.get(f"/display?token={stand.token}")
    assert (answer.status_code, answer.headers["location"]) == (303, "/display")
    stand.show("welcome")
    assert "Welcome" in client.get("/display").text
    loop = client.get("/display/loop").json()["contents"]
    assert [each["content"] for each in loop] == ["welcome", "espresso"]
    with client.websocket_connect("/display/live") as socket:
        assert socket.receive_json()["screen"]["title"] == "Welcome"
        showing = stand.show("espresso", greeting="Ada")
        told = socket.receive_json()["screen"]
        assert told["greeting"] == "Ada"
        assert told["impression"] == str(showing.impression)
        assert stand.services.displays == 1
    assert client.get("/media/cup.png").headers["content-type"] == "image/png"


@pytest.mark.parametrize("cookie", [None, "wrong token"])
@pytest.mark.parametrize("path", ["/display/live", "/operator/live"])
def test_a_socket_without_a_right_is_closed(client: TestClient, path: str, cookie: str | None) -> None:
    if cookie:
        client.cookies.update({"stand_display": cookie, "stand_session": cookie})
    with pytest.raises(WebSocketDisconnect), client.websocket_connect(path) as socket:
        socket.receive_json()


def test_a_socket_of_another_site_is_closed(operator: TestClient) -> None:
    for path in ("/display/live", "/operator/live"):
        with pytest.raises(WebSocketDisconnect), operator.websocket_connect(path, headers={"origin": "http://evil"}):
            pass


@pytest.mark.parametrize("message", ["", "{", "[]", '{"shown": "<script>"}', '{"shown": "1", "more": 2}', "x" * 5000])
def test_messages_that_are_none_end_the_connection_and_nothing_else(
    client: TestClient, stand: WebStand, message: str
) -> None:
    client.get(f"/display?token={stand.token}")
    stand.show("welcome")
    with client.websocket_connect("/display/live") as socket:
        socket.receive_json()
        socket.send_bytes(b"\x00\xff")
        for _ in range(3):
            socket.send_text(message)
        with pytest.raises(WebSocketDisconnect):
            for _ in range(5):
                socket.receive_json()
    with client.websocket_connect("/display/live") as socket:
        socket.send_text(json.dumps({"shown": "12"}))
        assert socket.receive_json()["screen"]["content"] == "welcome"


@pytest.mark.parametrize(
    "name",
    ["welcome", "catalogue.yaml", "..%2Fsecret.png", "..%2F..%2Faccess.json", "%2e%2e", "cup.png/../../secret.png"],
)
def test_only_media_that_the_catalogue_names_are_served(client: TestClient, stand: WebStand, name: str) -> None:
    client.get(f"/display?token={stand.token}")
    assert client.get(f"/media/{name}").status_code == 404


def test_a_medium_that_became_a_link_out_of_its_folder_is_not_served(client: TestClient, stand: WebStand) -> None:
    client.get(f"/display?token={stand.token}")
    medium = stand.services.media / "cup.png"
    medium.unlink()
    medium.symlink_to(stand.services.media.parent / "secret.png")
    assert client.get("/media/cup.png").status_code == 404


def test_an_address_without_a_page_is_told_in_the_language(client: TestClient) -> None:
    for answer in (client.get("/nothing", headers={"accept-language": "de"}), client.get("/logout?lang=de")):
        assert answer.status_code in (404, 405) and "Not Found" not in answer.text and "Not Allowed" not in answer.text
    assert "Unter dieser Adresse gibt es keine Seite." in client.get("/x", headers={"accept-language": "de"}).text


def test_the_live_view_tells_points_measures_and_health_but_no_picture(operator: TestClient, stand: WebStand) -> None:
    stand.show("espresso", visitor(), problems={"store": "Events are not written: disk full."}, logging=False)
    with operator.websocket_connect("/operator/live") as socket:
        told = socket.receive_json()
    (face,) = told["faces"]
    assert len(face["points"]) == 68
    assert all(0 <= x <= 1 and 0 <= y <= 1 for x, y in face["points"])
    assert (face["group"], face["interested"], face["smile"]) == ("smile", True, 0.06)
    assert told["decision"] == {"reason": "learned choice", "probability": 0.5, "arm": "adaptive", "people": 1}
    assert told["health"]["warnings"] == ["Events are not written: disk full."]
    assert "picture" not in json.dumps(told)
    assert operator.get("/operator/picture").status_code == 404


def test_no_digit_of_a_face_is_lost_to_a_script(operator: TestClient, stand: WebStand) -> None:
    stand.show("espresso", visitor(2**60 + 1, x=500.0))
    with operator.websocket_connect("/operator/live") as socket:
        (face,) = socket.receive_json()["faces"]
    assert (face["number"], face["place"]) == (str(2**60 + 1), "right")


@pytest.mark.parametrize(("similarity", "told"), [(0.3199, 0.31), (0.321, 0.32), (0.25, 0.25)])
def test_a_similarity_looks_reached_only_where_it_is(stand: WebStand, similarity: float, told: float) -> None:
    stand.show("espresso", visitor())
    standing = Standing("not sure yet", None, 0.7, similarity, 0.3202, None)
    state = replace(stand.services.board.state, standings={7: standing})
    assert live_state(state, stand.services)["faces"][0]["identity"] == {
        "why": "not sure yet", "probability": 0.7, "similarity": told, "wanted": 0.32, "seconds": None
    }  # fmt: skip


def test_without_an_embedder_the_pages_say_that_nobody_is_recognised(operator: TestClient) -> None:
    assert "started without a face model" in operator.get("/operator/people").text
    csrf = csrf_of(operator)
    assert operator.post("/operator/people", data={"csrf": csrf, "given_by": "Ada"}).status_code == 409


def test_an_offer_is_noted_as_taken(operator: TestClient, stand: WebStand) -> None:
    showing = stand.show("espresso", visitor())
    stand.services.director.offers.append(showing)
    assert "second cup" in operator.get("/operator").text
    address = f"/operator/offers/{showing.impression}"
    assert operator.post(address, data={"csrf": csrf_of(operator)}).status_code == 303
    assert [event.kind for event in stand.events] == ["offer_taken"]
    assert "an offer was taken" in operator.get("/operator").text
    assert "an offer was taken" not in operator.get("/operator").text
    operator.post(address, data={"csrf": csrf_of(operator)})
    assert "was taken already" in operator.get("/operator").text


def test_only_hashes_are_stored_and_only_for_their_owner(tmp_path: Path) -> None:
    file = tmp_path / "access.json"
    secrets = Secrets(file)
    assert secrets.new is not None
    stored = file.read_text()
    for secret in (*secrets.new.passwords.values(), secrets.new.device_token):
        assert secret not in stored
    assert file.stat().st_mode & 0o777 == 0o600
    again = Secrets(file)
    assert again.new is None
    assert again.opens("operator", secrets.new.passwords["operator"])
    assert not again.opens("advertiser", secrets.new.passwords["operator"])
    assert again.is_device(secrets.new.device_token)
    assert not again.is_device("")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{}",
        '{"device": "00", "accounts": [{"name": "a", "role": "operator", "campaigns": null, "salt": "z", "hash": ""}]}',
        '{"device": "00", "accounts": [{"name": "a", "role": "king", "campaigns": null, "salt": "", "hash": ""}]}',
        '{"device": "00", "accounts": [{"name": "a"}]}',
    ],
)
def test_a_damaged_file_of_hashes_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "access.json"
    file.write_text(content)
    file.chmod(0o600)
    with pytest.raises(InputError, match="not what opens the pages"):
        Secrets(file)
    file.chmod(0o644)
    with pytest.raises(InputError, match="chmod 600"):
        Secrets(file)


def test_sessions_end_by_themselves_and_are_limited() -> None:
    time = [0.0]
    sessions = Logins(lambda: time[0])
    token = sessions.open(SOMEBODY)
    time[0] = SESSION_SECONDS - 1
    assert sessions.find(token) is not None
    time[0] += SESSION_SECONDS - 1
    assert sessions.find(token) is not None, "used in between"
    time[0] += SESSION_SECONDS
    assert sessions.find(token) is None
    tokens = [sessions.open(SOMEBODY) for _ in range(300)]
    assert sessions.find(tokens[-1]) is not None
    assert sum(sessions.find(token) is not None for token in tokens) <= 200


def test_a_limit_counts_each_address_and_all_together() -> None:
    time = [0.0]
    limit = Limit(tries=2, seconds=10.0, of_all=3, clock=lambda: time[0])
    answers: list[Any] = [limit.wait(address) for address in ("a", "a", "a", "b", "c")]
    assert answers == [0, 0, 10, 0, 10]
    time[0] = 4.0
    assert limit.wait("a") == 6
    time[0] = 10.0
    assert limit.wait("c") == 0

"""Requests that no browser sends: none ends in an error of ours, none from elsewhere is answered."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import uvicorn
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.websockets import WebSocketDisconnect
from tests.stand.web_stand import WebStand, make
from websockets.asyncio.client import connect

from faceline.stand.web import gate
from faceline.stand.web.app import create_app
from faceline.stand.web.display import COOKIE
from faceline.stand.web.gate import PunctualProtocol, is_allowed

PATHS = ("/", "/login", "/logout", "/display", "/display/loop", "/media/{}", "/worker.js", "/operator",
         "/operator/picture", "/operator/offers/{}", "/operator/people", "/operator/people/{}/withdraw",
         "/operator/people/{}/export",
         "/advertiser", "/advertiser/figures", "/static/{}", "/{}")  # fmt: skip
FIELDS = ("csrf", "name", "password", "face", "given_by", "greeting", "group", "days", "agreed")

words = st.text(st.characters(codec="utf-8"), max_size=30)
raw = st.binary(max_size=60)
headers = st.dictionaries(
    st.sampled_from(
        ["origin", "host", "cookie", "accept", "content-type", "content-length", "x-forwarded-for", "range"]
    ),
    st.one_of(
        st.sampled_from(
            [b"http://[::1", b"null", b"http://testserver", b"[", b"a:b:c", b"bytes=0-", b"-1", b"1e9", b""]
        ),
        raw.map(lambda value: value.replace(b"\r", b"").replace(b"\n", b"")),
    ),
)


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> WebStand:
    return make(tmp_path_factory.mktemp("gate"))


@pytest.fixture(scope="module")
def operator(stand: WebStand) -> Iterator[TestClient]:
    with TestClient(create_app(stand.services), follow_redirects=False) as client:
        assert client.post("/login", data={"name": "operator", "password": stand.password}).status_code == 303
        yield client


requests: dict[str, Any] = {
    "method": st.sampled_from(["GET", "HEAD", "POST", "PUT", "OPTIONS", "PATCH"]),
    "path": st.sampled_from(PATHS),
    "word": words,
    "query": st.dictionaries(st.sampled_from(["token", "campaign", "x"]), words),
    "sent": headers,
    "body": st.one_of(raw, st.dictionaries(st.sampled_from(FIELDS), words)),
    "as_operator": st.booleans(),
}


def send(client: TestClient, **asked: Any) -> None:
    """An error of ours is raised by the client."""
    path = asked["path"].replace("{}", quote(asked["word"], safe="/"))
    form = isinstance(asked["body"], dict)
    sent = dict(asked["sent"])
    if not asked["as_operator"]:
        sent.setdefault("cookie", b"stand_session=nobody")
    content = {"data": asked["body"]} if form else {"content": asked["body"]}
    try:
        answer = client.request(asked["method"], path, params=asked["query"], headers=sent, **content)
    except (ValueError, UnicodeError) as error:  # what the client itself would not send
        assert type(error).__module__.startswith(("httpx", "builtins")) and "h11" not in str(error)
        frames, place = [], error.__traceback__
        while place is not None:
            frames.append(place.tb_frame.f_code.co_filename)
            place = place.tb_next
        assert not any("faceline" in frame and "/tests/" not in frame for frame in frames), frames
        return
    assert answer.status_code < 500
    assert "Traceback" not in answer.text


@settings(max_examples=60)
@given(**requests)
def test_no_request_ends_in_an_error_of_ours(operator: TestClient, **asked: Any) -> None:
    send(operator, **asked)


@pytest.mark.slow
@settings(max_examples=5000)
@given(**requests)
def test_none_of_many_requests_ends_in_an_error_of_ours(operator: TestClient, **asked: Any) -> None:
    send(operator, **asked)


@pytest.mark.parametrize(
    "origin", ["http://[::1", "https://testserver", "http://testserver:1", "http://evil", "testserver", "null", ""]
)
def test_an_origin_that_is_not_ours_is_refused(operator: TestClient, origin: str) -> None:
    assert operator.post("/login", data={"name": "a"}, headers={"origin": origin}).status_code == 403
    for path in ("/display/live", "/operator/live"):
        with (
            pytest.raises(WebSocketDisconnect),
            operator.websocket_connect(path, headers={"origin": origin, "host": "testserver"}),
        ):
            pass


def test_our_own_origin_is_taken(operator: TestClient) -> None:
    answer = operator.post("/login", data={"name": "x"}, headers={"origin": "http://testserver"})
    assert answer.status_code == 401


@pytest.mark.parametrize("path", ["/login", "/operator", "/worker.js", "/static/pages.css", "/media/cup.png"])
def test_head_answers_as_get_without_its_body(operator: TestClient, path: str) -> None:
    found, whole = operator.head(path), operator.get(path)
    assert found.status_code == whole.status_code == 200
    assert found.headers["content-length"] == whole.headers["content-length"] and not found.content


@pytest.mark.parametrize(
    ("host", "taken"),
    [("stand.mall:8420", True), ("STAND.mall", True), ("192.168.1.7:8420", True), ("[::1]:8420", True), ("::1", False),
     ("evil.example", False), ("stand.mall.evil.example", False), ("", False), ("[", False), ("a b", False)],
)  # fmt: skip
def test_a_stand_answers_to_its_names_and_addresses(host: str, taken: bool) -> None:
    assert is_allowed(host, ("stand.mall", "localhost")) == taken


def test_another_name_is_neither_answered_nor_redirected_to(tmp_path: Path) -> None:
    stand = make(tmp_path)
    stand.services.hosts = ("stand.mall",)
    with TestClient(create_app(stand.services), base_url="http://evil.example", follow_redirects=False) as client:
        for path in ("/", "/login", "/login/", "/static"):
            answer = client.get(path)
            assert answer.status_code == 400 and "location" not in answer.headers
        with pytest.raises(WebSocketDisconnect), client.websocket_connect("/display/live"):
            pass
        assert client.get("/login", headers={"host": "stand.mall"}).status_code == 200


@contextlib.asynccontextmanager
async def served(stand: WebStand) -> AsyncIterator[int]:
    """The stand behind a real server; gives its port."""
    server = uvicorn.Server(
        uvicorn.Config(create_app(stand.services), port=0, http=PunctualProtocol, log_level="critical")
    )
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await serving


@pytest.mark.parametrize(
    "part", [b"", b"GET / HT", b"GET /login HTTP/1.1\r\nHost: a\r\n", b"POST /login HTTP/1.1\r\nHost: a\r\n"
             b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\nname=",
             b"GET /display/live HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"]
)  # fmt: skip
def test_half_a_request_is_not_waited_for(stand: WebStand, monkeypatch: pytest.MonkeyPatch, part: bytes) -> None:
    monkeypatch.setattr(gate, "REQUEST_SECONDS", 0.3)

    async def closed() -> bytes:
        async with served(stand) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(part)
            return await asyncio.wait_for(reader.read(), 10)

    assert b"200 OK" not in asyncio.run(closed())


def test_a_web_socket_stays_open_longer_than_a_request_may_take(
    stand: WebStand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "REQUEST_SECONDS", 0.3)
    stand.show("welcome")

    async def told() -> list[str]:
        async with (
            served(stand) as port,
            connect(
                f"ws://127.0.0.1:{port}/display/live", additional_headers={"Cookie": f"{COOKIE}={stand.token}"}
            ) as line,
        ):
            first = await line.recv()
            await asyncio.sleep(0.6)
            stand.show("espresso")
            return [json.loads(message)["screen"]["content"] for message in (first, await line.recv())]

    assert asyncio.run(told()) == ["welcome", "espresso"]

"""Messages reach an address signed, in order, and again after it was away; nothing is lost without a word."""

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from tests.stand.web_stand import visitor

from faceline.cli import main
from faceline.stand.board import State
from faceline.stand.consent.people import Person
from faceline.stand.live.feed import Feed
from faceline.stand.live.webhooks import Sender, Webhook, WebhookPost, Webhooks, post, signed

SECRET = "whsec_" + base64.b64encode(b"k" * 24).decode()
HOOK = Webhook("cms", "http://cms", ("audience_changed", "customer_present"), False, SECRET)


class Receiver:
    """Answers as it is told, and keeps what it got."""

    def __init__(self, *answers: int | Exception) -> None:
        self.answers, self.got = list(answers), list[dict[str, Any]]()
        self.headers: list[Mapping[str, str]] = []

    def __call__(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        answer = self.answers.pop(0) if self.answers else 204
        if isinstance(answer, Exception):
            raise answer
        if answer < 300:
            self.got.append(json.loads(body))
            self.headers.append(headers)
        return answer


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def come_and_go(feed: Feed, times: int, person: Person | None = None) -> None:
    for number in range(1, times + 1):
        faces = (visitor(),) if number % 2 else ()
        feed.take(State(faces=faces, customers={7: person} if person and faces else {}, at=1.0))


def test_the_signature_is_that_of_the_standard() -> None:
    # the example of https://github.com/standard-webhooks/standard-webhooks
    headers = signed(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_messages_come_in_order_and_again_after_the_receiver_was_away() -> None:
    feed = Feed("north", lambda: datetime(2026, 3, 2, tzinfo=UTC))
    receiver = Receiver(OSError("connection refused"), 503, 429)
    sender = Sender(HOOK, feed, receiver, pause=0.001)
    come_and_go(feed, 6)
    until(lambda: len(receiver.got) == 6)
    assert [each["number"] for each in receiver.got] == [1, 2, 3, 4, 5, 6]
    assert len({headers["webhook-id"] for headers in receiver.headers}) == 6
    assert (sender.sent, sender.refused, sender.problem) == (6, 0, None)
    sender.end()
    assert sender.join(5) == 0


def test_a_receiver_that_stays_away_is_told_and_so_is_what_finds_no_room() -> None:
    feed = Feed("north")
    receiver = Receiver(*[OSError("connection refused")] * 10_000)
    sender = Sender(HOOK, feed, receiver, pause=0.001, capacity=4)
    come_and_go(feed, 500)  # waits for nobody, else it would never come back
    until(lambda: "connection refused" in (sender.problem or ""))
    assert sender.problem is not None
    assert "4 messages wait" in sender.problem
    assert "496 messages found no room and are lost" in sender.problem
    sender.end()
    assert sender.join(5) == 4


def test_what_is_refused_is_counted_and_holds_up_nothing() -> None:
    feed = Feed("north")
    receiver = Receiver(400)
    sender = Sender(HOOK, feed, receiver, pause=0.001)
    come_and_go(feed, 2)
    until(lambda: len(receiver.got) == 1)
    assert receiver.got[0]["number"] == 2
    assert "1 messages were refused (HTTP 400)" in (sender.problem or "")
    sender.end()


@pytest.mark.parametrize("names", [False, True])
def test_a_customer_is_named_only_where_that_was_asked_for(names: bool) -> None:
    feed = Feed("north")
    receiver = Receiver()
    sender = Sender(Webhook("crm", "http://crm", ("customer_present",), names, SECRET), feed, receiver)
    come_and_go(feed, 1, Person(greeting="Ada", group="gold"))
    until(lambda: receiver.got)
    assert receiver.got[0].get("customer") == ({"name": "Ada", "group": "gold"} if names else None)
    assert ("Ada" in json.dumps(receiver.got)) == names
    sender.end()


@contextmanager
def server(answer: int, **headers: str) -> Iterator[tuple[str, list[str]]]:
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.path)
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(answer)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}", asked
        running.shutdown()


def test_a_redirect_is_not_followed_since_it_was_signed_for_another() -> None:
    with server(302, location="/elsewhere") as (url, asked):
        assert post(f"{url}/hook", b"{}", {}) == 302
        assert asked == ["/hook"]


def test_webhooks_are_added_used_at_once_removed_and_audited(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "stand"
    folder.mkdir()
    (folder / "access.json").write_text("{}")

    def run(*words: str, code: int = 0) -> str:
        assert main(["webhooks", f"folder={folder}", *words]) == code
        answer = capsys.readouterr()
        return answer.out + answer.err

    feed = Feed("north")
    with server(204) as (url, asked):
        keeper = WebhookPost(Webhooks(folder), feed)
        told = run("action=add", "name=cms", f"url={url}/hook", "kinds=[audience_changed]", "operator=anna")
        secret = told.split()[-1]
        until(lambda: keeper.senders)
        come_and_go(feed, 2)
        until(lambda: len(asked) == 2)
        assert keeper.problem() is None
        assert "cms" in run() and secret not in run()
        assert (folder / "webhooks.json").stat().st_mode & 0o077 == 0
        run("action=remove", "name=cms")
        until(lambda: not keeper.senders)
        keeper.close()
    assert "expected an address" in run("action=add", "name=x", "url=ftp://x", code=2)
    assert "url: missing" in run("action=add", "name=x", code=2)
    assert "no such webhook; there are none" in run("action=remove", "name=cms", code=2)
    audit = [json.loads(line) for line in run("action=audit").splitlines()]
    assert [(line["by"], line["action"]) for line in audit] == [("anna", "added"), ("operator", "removed")]
    assert secret not in json.dumps(audit)

"""The example: messages of a stand reach a Xibo CMS, here a stand-in that answers as it does."""

import json
import runpy
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import parse_qs
from urllib.request import Request, urlopen

import pytest
from tests.stand.test_webhooks import SECRET, come_and_go, until
from tests.stand.web_stand import WebStand, make, visitor

from faceline.stand.live.feed import Feed
from faceline.stand.live.webhooks import Sender, Webhook, signed

bridge: Callable[..., HTTPServer] = runpy.run_path(str(Path(__file__).parents[2] / "examples/xibo_bridge.py"))["bridge"]


class Cms(BaseHTTPRequestHandler):
    """Xibo's API, as far as the example calls it; its first token ends after one call."""

    calls: list[tuple[str, str, dict[str, str]]]
    tokens: list[str]

    def do_POST(self) -> None:
        form = {k: v[0] for k, v in parse_qs(self.rfile.read(int(self.headers["content-length"])).decode()).items()}
        if self.path == "/api/authorize/access_token":
            assert form == {"grant_type": "client_credentials", "client_id": "me", "client_secret": "mine"}
            self.tokens.append(f"token{len(self.tokens)}")
            self._answer(200, {"access_token": self.tokens[-1]})
        elif self.headers["authorization"] != f"Bearer {self.tokens[-1]}" or len(self.calls) == len(self.tokens) == 1:
            self._answer(401, {"error": "access_denied"})
        else:
            self.calls.append((self.command, self.path, form))
            self._answer(204 if self.command == "POST" else 200, None)

    do_PUT = do_POST  # noqa: N815

    def _answer(self, status: int, told: Any) -> None:
        body = b"" if told is None else json.dumps(told).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None: ...


@contextmanager
def running(server: HTTPServer) -> Iterator[str]:
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def stand(tmp_path: Path) -> WebStand:
    return make(tmp_path)


def test_interest_triggers_the_cms_and_a_data_set_has_who_is_there(stand: WebStand) -> None:
    Cms.calls, Cms.tokens = [], []
    with running(HTTPServer(("127.0.0.1", 0), Cms)) as cms:
        settings = {
            "FACELINE_SECRET": SECRET, "XIBO_URL": cms, "XIBO_CLIENT_ID": "me", "XIBO_CLIENT_SECRET": "mine",
            "XIBO_DISPLAY_GROUP": "3", "XIBO_TRIGGER": "interest", "XIBO_DATASET": "7", "XIBO_COLUMN": "12",
            "XIBO_ROW": "1",
        }  # fmt: skip
        with running(bridge(settings, ("127.0.0.1", 0))) as url:
            feed = Feed("north")
            hook = Webhook("xibo", url, ("audience_changed", "interest_seen"), False, SECRET)
            sender = Sender(hook, feed, pause=0.01)
            showing = stand.show("espresso", visitor())
            feed.take(stand.services.board.state)
            showing.interested.add(1)
            feed.take(stand.services.board.state)
            come_and_go(feed, 2)
            until(lambda: sender.sent == 3)
            sender.end()
            forged = signed("whsec_" + "QUFB", "x-1", int(time.time()), b"{}")
            with pytest.raises(HTTPError, match="401"):
                urlopen(Request(url, b"{}", forged), timeout=5)
    assert Cms.calls == [
        ("PUT", "/api/dataset/data/7/1", {"dataSetColumnId_12": "1"}),
        ("POST", "/api/displaygroup/3/action/triggerWebhook", {"triggerCode": "interest"}),
        ("PUT", "/api/dataset/data/7/1", {"dataSetColumnId_12": "0"}),
    ]
    assert len(Cms.tokens) == 2, "the first had ended"

"""Lets a stand drive a Xibo CMS: interest triggers a layout there, and a data set tells who is before the screen.

The stand posts its live messages here; this program checks their signature and calls the API of the CMS.

    faceline webhooks action=add name=xibo url=http://127.0.0.1:8500/ kinds=[audience_changed,interest_seen]
    export FACELINE_SECRET=whsec_…                                # as the stand has told it
    export XIBO_URL=https://cms.example XIBO_CLIENT_ID=… XIBO_CLIENT_SECRET=…
    export XIBO_DISPLAY_GROUP=3 XIBO_TRIGGER=interest XIBO_DATASET=7 XIBO_COLUMN=12 XIBO_ROW=1
    python examples/xibo_bridge.py

In Xibo, make an application with client credentials, an action with the trigger code, and a data set with one row.
Nothing beyond Python is needed.
"""

import base64
import hashlib
import hmac
import json
import os
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

OLDEST = 300  # seconds after which a message is refused, so that nobody can send an old one again


class Xibo:
    """The calls to the CMS that are needed here.

    Args:
        settings: As in the environment.
    """

    def __init__(self, settings: Mapping[str, str]) -> None:
        self.settings, self.token = settings, ""

    def tell(self, message: dict[str, Any]) -> None:
        """Do what a message of the stand asks for."""
        if message["kind"] == "interest_seen":
            group = self.settings["XIBO_DISPLAY_GROUP"]
            self._call("POST", f"displaygroup/{group}/action/triggerWebhook", triggerCode=self.settings["XIBO_TRIGGER"])
        elif message["kind"] == "audience_changed":
            row = f"dataset/data/{self.settings['XIBO_DATASET']}/{self.settings['XIBO_ROW']}"
            self._call("PUT", row, **{f"dataSetColumnId_{self.settings['XIBO_COLUMN']}": str(message["people"])})

    def _call(self, method: str, path: str, **form: str) -> None:
        """Call the API; the token of the CMS is asked for once, and again where it has ended."""
        for first in (True, False):
            self.token = self.token or self._log_in()
            try:
                self._send(method, path, form)
            except HTTPError as error:
                if error.code not in (401, 403) or not first:
                    raise
                self.token = ""
            else:
                return

    def _log_in(self) -> str:
        names = {"client_id": "XIBO_CLIENT_ID", "client_secret": "XIBO_CLIENT_SECRET"}
        form = {key: self.settings[name] for key, name in names.items()}
        told = self._send("POST", "authorize/access_token", {"grant_type": "client_credentials", **form})
        return str(json.loads(told)["access_token"])

    def _send(self, method: str, path: str, form: Mapping[str, str]) -> bytes:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        headers |= {"Authorization": f"Bearer {self.token}"} if self.token else {}
        request = Request(f"{self.settings['XIBO_URL']}/api/{path}", urlencode(form).encode(), headers, method=method)
        with urlopen(request, timeout=5) as answer:
            return bytes(answer.read())


def is_from_the_stand(headers: Mapping[str, str], body: bytes, secret: str) -> bool:
    """Whether the stand has sent a message, and just now (https://www.standardwebhooks.com)."""
    at = headers.get("webhook-timestamp", "")
    if not at.isdecimal() or abs(time.time() - int(at)) > OLDEST:
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.digest(key, f"{headers['webhook-id']}.{at}.".encode() + body, hashlib.sha256)
    return hmac.compare_digest(headers.get("webhook-signature", ""), f"v1,{base64.b64encode(digest).decode()}")


def bridge(settings: Mapping[str, str], address: tuple[str, int]) -> HTTPServer:
    """The server that the stand posts to; begin it with ``serve_forever``."""
    xibo = Xibo(settings)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            self.send_response(self._answer(body))
            self.send_header("content-length", "0")
            self.end_headers()

        def _answer(self, body: bytes) -> int:
            if not is_from_the_stand(self.headers, body, settings["FACELINE_SECRET"]):
                return 401
            try:
                xibo.tell(json.loads(body))
            except OSError as error:  # the stand sends it again, after a pause
                print(f"the CMS did not take it: {error}")
                return 503
            return 204

        def log_message(self, *_: Any) -> None:
            """Say nothing of each request."""

    return HTTPServer(address, Handler)


if __name__ == "__main__":
    bridge(os.environ, ("127.0.0.1", 8500)).serve_forever()

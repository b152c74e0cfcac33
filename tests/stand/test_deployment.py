"""The container, the units and their settings fit one another and the stand."""

import configparser
import json
import re
import runpy
import shutil
import subprocess
import threading
import tomllib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from tests.stand.web_stand import make

from faceline.config.plain import read_settings
from faceline.stand.consent.consent_text import read_consent_text
from faceline.stand.settings import ConsentSettings, Stand
from faceline.stand.web.app import create_app
from faceline.verbs import VERBS

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
HEALTHY = runpy.run_path(str(DEPLOY / "healthy.py"))


def unit(name: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # as configparser's documentation says
    parser.read_string(re.sub(r"\\\n", "", (DEPLOY / name).read_text()))
    return parser


def instructions() -> list[tuple[str, str]]:
    """Words and the rest of each line of the Containerfile."""
    text = re.sub(r"\\\n", "", re.sub(r"(?m)^#.*\n", "", (DEPLOY / "Containerfile").read_text()))
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in text.splitlines() if line.strip()]


def test_the_settings_of_the_unit_are_taken_and_lie_where_it_may_write(tmp_path: Path) -> None:
    service = unit("faceline-stand.service")
    _, verb, config = service["Service"]["ExecStart"].split()
    assert verb in VERBS
    assert config == "config=/etc/faceline/stand.yaml"
    settings = read_settings(verb, [f"config={DEPLOY / 'stand.yaml'}"], Stand)
    writable = Path("/var/lib") / service["Service"]["StateDirectory"]
    assert Path(settings.folder).is_relative_to(writable)
    assert service["Unit"]["AssertPathExists"] == f"{settings.folder}/access.json"
    assert settings.host == "127.0.0.1"


def test_the_units_run_as_the_users_that_are_made() -> None:
    made = re.findall(r"(?m)^u (\S+) .* (/\S+)$", (DEPLOY / "faceline.sysusers").read_text())
    units = [unit(f"faceline-{name}.service")["Service"] for name in ("stand", "kiosk")]
    assert [(each["User"], f"/var/lib/{each['StateDirectory']}") for each in units] == made


def test_the_kiosk_opens_the_display_and_keeps_its_profile() -> None:
    service = unit("faceline-kiosk.service")["Service"]
    words = service["ExecStart"].split()
    assert words[-1] == "${DISPLAY_ADDRESS}"
    assert f"--user-data-dir=/var/lib/{service['StateDirectory']}" in words
    assert service["ExecStartPre"].startswith("-"), "a stand that is away must not keep the display from starting"


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd")
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    for name in ("faceline-stand.service", "faceline-kiosk.service"):
        # the programs are not installed here; all else is looked at as it is
        text = re.sub(r"(Exec\w+=-?)/\S+", r"\1/bin/true", (DEPLOY / name).read_text())
        (tmp_path / name).write_text(text)
    files = sorted(map(str, tmp_path.iterdir()))
    told = subprocess.run(["systemd-analyze", "verify", *files], capture_output=True, text=True, check=False)
    assert "faceline" not in told.stderr, told.stderr


def test_the_image_has_what_the_stand_needs_and_no_more() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    lines = instructions()
    assert dict(part.split("=") for word, part in lines if word == "ARG")["EXTRAS"] == "stand"
    assert "stand" in extras
    for word, rest in lines:
        if word == "COPY" and "--from" not in rest:
            assert all((ROOT / source).exists() for source in rest.split()[:-1]), rest


def test_the_container_runs_a_stand_as_somebody_without_rights() -> None:
    last = dict(instructions())  # the last of each word is that of the image
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", last["USER"])
    assert last["VOLUME"] == last["WORKDIR"] == "/data"
    verb, *overrides = json.loads(last["CMD"])
    settings = read_settings(verb, overrides, Stand)
    assert int(last["EXPOSE"]) == settings.port
    assert settings.host == "0.0.0.0"


@pytest.fixture
def answering(request: pytest.FixtureRequest) -> Iterator[int]:
    """The port of a server that answers with a status."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(request.param if self.path == HEALTHY["ADDRESS"] else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing is told."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.mark.parametrize(("answering", "reason"), [(200, None), (503, "answered 503")], indirect=["answering"])
def test_the_health_check_believes_the_stand(answering: int, reason: str | None) -> None:
    assert HEALTHY["reason_unwell"](answering) == reason


def test_the_health_check_tells_that_nothing_answers() -> None:
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        port = server.server_port
    assert HEALTHY["reason_unwell"](port) is not None


def test_the_stand_has_the_address_that_the_health_check_asks(tmp_path: Path) -> None:
    stand = make(tmp_path)
    stand.show("welcome")
    with TestClient(create_app(stand.services)) as client:
        assert client.get(HEALTHY["ADDRESS"]).status_code == 200


PAGES = ("docs/deployment.md", "docs/law.md", "deploy/law/privacy_notice.md", "deploy/law/dpia.md")


@pytest.mark.parametrize("page", PAGES)
def test_settings_that_pages_name_are_there(page: str) -> None:
    known = {*Stand.model_fields, *ConsentSettings.model_fields}
    code = re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", (ROOT / page).read_text(), flags=re.DOTALL))
    named = {key for text in code for key in re.findall(r"(?<![\w-])([a-z]+(?:_[a-z]+)*)=", text)}
    assert named <= known, named - known


def test_forms_say_the_defaults_of_the_stand() -> None:
    settings = read_settings("stand", [], Stand)
    notice = (DEPLOY / "law" / "privacy_notice.md").read_text()
    assert f"after [{settings.keep_days}] days" in notice
    assert f"about [{settings.smallest_group}] people" in notice
    assert f"at most [{read_consent_text().days}] days" in notice
    assert not settings.live_picture

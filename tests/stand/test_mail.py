"""A report is sent by mail, through a server of the user's."""

import asyncio
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiosmtpd.controller import Controller

from faceline.cli import main
from faceline.errors import InputError
from faceline.stand.content.catalogue import DEMO, read_catalogue
from faceline.stand.content.policy import Policy
from faceline.stand.events.store import EventStore
from faceline.stand.mail import letter, send
from faceline.stand.simulation import World, audiences, play


class Box:
    """Keeps what arrives, or refuses it."""

    def __init__(self) -> None:
        self.mails: list[Any] = []
        self.answer = "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 (aiosmtpd's name)
        await asyncio.sleep(0)
        if self.answer.startswith("250"):
            self.mails.append((envelope.rcpt_tos, message_from_bytes(envelope.content, policy=default)))
        return self.answer


@pytest.fixture
def box() -> Iterator[tuple[Box, str]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    box = Box()
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    yield box, f"smtp://127.0.0.1:{port}"
    controller.stop()


@pytest.fixture
def store(tmp_path: Path) -> str:
    """The last three days of a simulated stand."""
    catalogue, rng = read_catalogue(DEMO), np.random.default_rng(0)
    policy = Policy(catalogue, stand="north", control_share=0.4, seed=0, draws=0)
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    url = f"sqlite:///{tmp_path / 'events.db'}"
    with EventStore(url, interval=0.01) as events:
        for audience in audiences(3, 40, today - timedelta(days=3), rng):
            events.append(*play(policy, audience, World(catalogue, 0), rng, learn=False, write=True).events)
        assert events.flush(30.0)
    return url


def test_a_report_of_the_last_days_arrives_with_its_verdict_page_and_workbook(
    box: tuple[Box, str], store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    got, server = box
    words = [
        f"stores=[{store}]",
        f"output={tmp_path / 'report'}",
        f"catalogue={DEMO}",
        "campaign=coffee",
        "last_days=2",
    ]
    words += ["mail=[ada@example.org,bob@example.org]", "mail_from=stand@example.org", f"mail_server={server}"]
    assert main(["report", *words, "title=Coffee, this week"]) == 0
    assert "sent to ada@example.org, bob@example.org" in capsys.readouterr().out
    ((to, mail),) = got.mails
    assert to == ["ada@example.org", "bob@example.org"]
    assert (mail["Subject"], mail["From"]) == ("Coffee, this week", "stand@example.org")
    text = mail.get_body(("plain",)).get_content()
    assert "campaign Corner Roasters" in text and "passers-by" in text
    today = (datetime.now(UTC) - timedelta(hours=1)).date()  # a day is over an hour after midnight
    days = [today - timedelta(days=back) for back in (2, 1)]
    assert text.startswith(f"{days[0]:%-d %B %Y} to {days[1]:%-d %B %Y}")
    files = {part.get_filename(): part.get_content() for part in mail.iter_attachments()}
    assert set(files) == {"report.html", "report.xlsx"}
    assert "<title>Coffee, this week</title>" in files["report.html"]
    assert files["report.xlsx"] == (tmp_path / "report" / "report.xlsx").read_bytes()


def test_recipients_are_told_in_their_languages(
    box: tuple[Box, str], store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    got, server = box
    words = [f"stores=[{store}]", f"output={tmp_path / 'report'}", "language=de", "mail_from=stand@example.org"]
    to = "mail=[ada@example.org,zoe@example.org:fr,bob@example.org:de]"
    assert main(["report", *words, to, f"mail_server={server}"]) == 0
    assert "sent to ada@example.org, bob@example.org\nsent to zoe@example.org\n" in capsys.readouterr().out
    assert [to for to, _ in got.mails] == [["ada@example.org", "bob@example.org"], ["zoe@example.org"]]
    assert [mail["Subject"] for _, mail in got.mails] == ["Wirkung", "Efficacité"]
    for (_, mail), word, page in zip(got.mails, ("Passanten", "passants"), ("report", "report.fr"), strict=True):
        assert word in mail.get_body(("plain",)).get_content()
        files = {part.get_filename(): part.get_content() for part in mail.iter_attachments()}
        assert set(files) == {f"{page}.html", "report.xlsx"} and word in files[f"{page}.html"]
    assert main(["report", *words, "mail=[ada@example.org:xx]", f"mail_server={server}"]) == 2


def test_what_cannot_be_sent_is_said_in_one_line(
    box: tuple[Box, str],
    store: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    got, server = box
    shared = ["report", f"stores=[{store}]", f"output={tmp_path / 'report'}"]
    assert main([*shared, "mail=[ada@example.org]"]) == 2
    assert "mail_from: missing" in capsys.readouterr().err.replace("'", "")
    assert main([*shared, "last_days=2", "since=2026-03-01"]) == 2
    assert main([*shared, "mail=[ada]"]) == 2
    mail = letter("stand@example.org", ["ada@example.org"], "Subject\u00fc", "Text", [])
    got.answer = "554 not today"
    with pytest.raises(InputError, match=r"did not take the mail.*not today"):
        send(mail, server)
    with pytest.raises(InputError, match="expected smtp://HOST:587"):
        send(mail, "mail.example.org")
    with pytest.raises(InputError, match="FACELINE_MAIL_PASSWORD"):
        send(mail, server.replace("//", "//ada@"))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(2, 1, 6, "", ("127.0.0.1", int(server[-5:])))])
    with pytest.raises(InputError, match="not sent in the clear"):
        send(mail, f"smtp://mail.example.org:{server.rpartition(':')[2]}")
    assert got.mails == []

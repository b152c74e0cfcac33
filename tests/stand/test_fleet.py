"""A fleet and its stands: joining, health, events that arrive once however often the fleet is away, and the pages."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import alembic.autogenerate
import pytest
from alembic.runtime.migration import MigrationContext
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from fastapi.testclient import TestClient
from tests.stand.fleet_here import Fleet, Stand
from tests.stand.test_catalogue import GOOD, written

from faceline.errors import InputError
from faceline.stand.database import add_tables, open_database
from faceline.stand.fleet.app import create_fleet_app
from faceline.stand.fleet.caller import AwayError, Caller
from faceline.stand.fleet.protocol import Batch
from faceline.stand.fleet.tables import FLEET, METADATA

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    fleet = Fleet(tmp_path / "fleet")
    try:
        yield fleet
    finally:
        fleet.stop()


@pytest.fixture
def stand(fleet: Fleet, tmp_path: Path) -> Stand:
    return Stand(fleet, tmp_path / "north", "north", written(tmp_path, GOOD))


def operator(fleet: Fleet) -> TestClient:
    client = TestClient(create_fleet_app(fleet.services), "http://localhost", follow_redirects=False)
    assert fleet.services.secrets.new is not None
    password = fleet.services.secrets.new.passwords["operator"]
    assert client.post("/login", data={"name": "operator", "password": password}).headers["location"] == "/operator"
    return client


def test_the_tables_of_a_fleet_are_as_its_migrations_make_them(database: str) -> None:
    engine = open_database(database)
    for _ in range(2):
        add_tables(engine, FLEET)
    with engine.connect() as connection:
        mine = {"opts": {"include_object": lambda _, name, kind, *__: kind != "table" or name in METADATA.tables}}
        context = MigrationContext.configure(connection, **mine)
        assert alembic.autogenerate.compare_metadata(context, METADATA) == []
    engine.dispose()


def test_a_stand_joins_once_and_reports(fleet: Fleet, stand: Stand) -> None:
    assert stand.home.call() == fleet.services.every
    member = fleet.services.roster.member("north")
    assert member is not None
    assert member.group == "stands"
    assert member.report is not None
    assert member.report.frames_per_second == 25
    assert stand.home.problem() is None
    stand.restart(token=None)  # the token is needed once
    assert stand.home.call() == fleet.services.every
    kept = stand.folder / "joined.json"
    assert kept.stat().st_mode & 0o077 == 0
    assert fleet.services.key.public in kept.read_text()


def test_strangers_and_namesakes_are_refused(fleet: Fleet, stand: Stand, tmp_path: Path) -> None:
    stand.home.call()
    namesake = Stand(fleet, tmp_path / "other", "north", stand.own)
    assert namesake.home.call() == 60
    assert "a stand called north has joined already" in str(namesake.home.problem())
    stranger = Stand(fleet, tmp_path / "stranger", "south", stand.own, token="guess")
    stranger.home.call()
    assert "the token is of no group of this fleet" in str(stranger.home.problem())
    with pytest.raises(InputError, match="fleet_token"):
        Stand(fleet, tmp_path / "none", "west", stand.own, token="").restart(token=None)
    fleet.services.roster.let_join_again("north")
    stand.home.call()
    assert "does not know the stand" in str(stand.home.problem())
    namesake.home.call()
    assert namesake.home.problem() is None


def test_nothing_goes_over_plain_http_to_another_machine() -> None:
    with pytest.raises(InputError, match=r"expected https://fleet\.example:8430"):
        Caller("http://fleet.example:8430")


def test_a_stand_trusts_a_certificate_that_it_is_given_and_no_other(tmp_path: Path) -> None:
    certificate, key = self_made(tmp_path / "fleet.pem"), tmp_path / "fleet.key"
    fleet = Fleet(tmp_path / "fleet", certificate=certificate, certificate_key=key)
    try:
        trusting = Stand(fleet, tmp_path / "north", "north", written(tmp_path, GOOD), ca=str(certificate))
        trusting.visitors(fleet.now() - timedelta(minutes=1), 3)
        assert trusting.home.call() == fleet.services.every
        assert fleet.events("north") == trusting.events
        for ca in (None, str(self_made(tmp_path / "another.pem"))):
            careful = Stand(fleet, tmp_path / "south", "south", trusting.own, ca=ca)
            careful.home.call()
            assert "is not trusted (self-signed certificate); give it, or its authority, with fleet_ca=" in (
                careful.home.problem() or ""
            )
        assert [each.name for each in fleet.services.roster.members] == ["north"]
        with pytest.raises(InputError, match=r"fleet_ca.*fleet\.key: expected a certificate, PEM"):
            Caller(fleet.address, str(key))
    finally:
        fleet.stop()


def self_made(file: Path) -> Path:
    """A certificate of this machine that nobody else has signed, with its key beside it."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, file.stem)])
    here = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(here, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    file.with_suffix(".key").write_bytes(key.private_bytes(serialization.Encoding.PEM, *plain))
    return file


def test_events_arrive_once_while_the_fleet_goes_and_comes(fleet: Fleet, stand: Stand) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=20)
    stand.visitors(long_ago, 3)
    stand.home.call()
    assert fleet.events("north") == stand.events
    fleet.stop()
    for day in range(1, 16):  # two weeks alone
        stand.visitors(long_ago + timedelta(days=day), 2)
    assert stand.home.call() > fleet.services.every
    assert "The fleet is away; the stand goes on alone" in str(stand.home.problem())
    stand.restart()
    fleet.start()
    stand.home.call()
    assert fleet.events("north") == stand.events
    assert len(stand.events) == 33
    assert stand.home.problem() is None


def test_what_the_fleet_lost_and_what_came_late_is_sent_by_comparing_days(fleet: Fleet, stand: Stand) -> None:
    begun = datetime.now(UTC) - timedelta(days=3)
    stand.visitors(begun, 5)
    stand.home.call()
    stand.visitors(begun - timedelta(days=1), 2)  # a clock that was set back
    stand.visitors(begun + timedelta(days=3000), 2)  # one that ran ahead
    stand.home.courier.carry()
    assert len(fleet.events("north")) == 5
    assert stand.home.courier.compare() == 4
    assert fleet.events("north") == stand.events
    assert stand.home.courier.compare() == 0


def test_more_events_than_one_request_holds(fleet: Fleet, stand: Stand) -> None:
    stand.visitors(NOON, 1203)
    stand.home.call()
    assert fleet.events("north") == stand.events


def test_wrong_events_are_refused_in_one_line(fleet: Fleet, stand: Stand) -> None:
    stand.home.call()
    for columns, row, told in (
        (("id", "kind", "at", "mood"), (1, "x", 1, "glad"), "columns that this fleet does not know (mood)"),
        (("id", "kind"), (1, "x"), "without id, kind and time"),
        (("id", "kind", "at"), (1, "x", "noon"), "at='noon'"),
        (("id", "kind", "at"), (2**70, "x", 1), "id="),
        (("id", "kind", "at"), (1, None, 1), "kind=None"),
    ):
        with pytest.raises(InputError, match=re.escape(told)):
            stand.home._send(Batch(columns=columns, rows=(row,)))
    assert fleet.events("north") == []


def test_what_is_no_fleet_is_away(fleet: Fleet, stand: Stand) -> None:
    stand.home.caller.address = fleet.address + "/login?"
    with pytest.raises(AwayError, match="answer"):
        stand.home.caller.ask("report", None, Batch)


def test_pages_show_all_stands_to_operators_only(fleet: Fleet, stand: Stand, tmp_path: Path) -> None:
    with TestClient(create_fleet_app(fleet.services), "http://localhost", follow_redirects=False) as client:
        for path in ("/operator", "/operator/rows", "/operator/stands/north", "/operator/contents"):
            assert client.get(path).headers["location"].partition("?")[0] == "/login"
    client = operator(fleet)
    assert "No stand has joined yet" in client.get("/operator").text
    stand.told |= {"content": "Fresh <b>bread</b>", "warnings": ("The camera sees nothing.",)}
    stand.home.call()
    Stand(fleet, tmp_path / "south", "south", stand.own).home.call()
    text = client.get("/operator/rows").text
    assert "1 with warnings" in text
    assert "1 well" in text
    assert "Fresh &lt;b&gt;bread&lt;/b&gt;" in text
    assert "The camera sees nothing." in text
    assert text.index(">north<") < text.index(">south<"), "what needs somebody comes first"
    fleet.ahead = timedelta(hours=5)
    assert "2 silent" in client.get("/operator/rows").text
    assert "5 hours ago" in client.get("/operator/stands/north").text
    assert client.get("/operator/stands/west").status_code == 404
    assert client.get("/operator/contents").status_code == 200


@pytest.mark.parametrize("code", ["de", "fr", "es", "ar"])
def test_the_pages_of_a_fleet_leave_no_english_behind(fleet: Fleet, stand: Stand, code: str) -> None:
    stand.home.call()
    client = operator(fleet)
    for path in ("/operator", "/operator/stands/north", "/operator/releases", "/operator/contents/campaigns/-"):
        text = client.get(path, headers={"accept-language": code}).text
        assert f'<html lang="{code}" dir="{"rtl" if code == "ar" else "ltr"}">' in text
        body = re.sub(r"<code>.*?</code>|<[^>]*>", " ", text[text.index("<body") :], flags=re.DOTALL)
        assert not re.search(r"\b(the|with|all|stand|frames?|seconds? ago|release|group)\b", body), (path, body)


def test_stands_are_moved_and_removed_on_their_page(fleet: Fleet, stand: Stand) -> None:
    stand.home.call()
    fleet.services.roster.new_group("malls")
    client = operator(fleet)
    found = re.search(r'name="csrf" value="([^"]+)"', client.get("/operator/stands/north").text)
    assert found is not None
    client.post("/operator/stands/north/group", data={"group": "malls", "csrf": found[1]})
    member = fleet.services.roster.member("north")
    assert member is not None
    assert member.group == "malls"
    assert client.post("/operator/stands/north/remove", data={"csrf": "forged"}).status_code == 403
    client.post("/operator/stands/north/remove", data={"csrf": found[1]})
    assert fleet.services.roster.members == []

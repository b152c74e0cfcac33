"""Enrolment and consent: only with consent, encrypted, gone when withdrawn, on both databases."""

import base64
import json
import os
import re
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from cryptography.fernet import Fernet

from faceline.cli import main
from faceline.errors import InputError
from faceline.stand.clock import Moment, now
from faceline.stand.consent.enrolment import Enrolment
from faceline.stand.consent.keys import VARIABLE
from faceline.stand.consent.likeness import OneThreshold, Rule
from faceline.stand.consent.people import Consent, Person
from faceline.stand.consent.quality import FrameQuality, QualityLimits, make_template
from faceline.stand.consent.rows import UNREADABLE, Rows
from faceline.stand.database import AUDIT, PEOPLE

GOOD = FrameQuality(width_px=120.0, sharpness=90.0, yaw=3.0, pitch=-2.0)


def consent(days: float = 365, **changes: Any) -> Consent:
    at = datetime.now(UTC)
    values = {"given_by": "Anna Example", "purpose": "greeting with offers", "text_version": "2026-01"}
    return Consent(**{**values, "given_at": at, "expires_at": at + timedelta(days=days), **changes})


def frames(seed: int, n: int = 5, noise: float = 0.1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    person = rng.normal(size=64)
    return (person + noise * rng.normal(size=(n, 64))).astype(np.float32)


def enrol(enrolment: Enrolment, seed: int = 1, days: float = 365, **person: Any) -> str:
    return enrolment.enrol(Person(**person), consent(days), frames(seed), [GOOD] * 5, by="stand")


@pytest.fixture
def opened(database: str, tmp_path: Path) -> Iterator[Callable[..., Enrolment]]:
    """Opens the people of one database, as several processes do."""
    made: list[Enrolment] = []

    def open_it(**settings: Any) -> Enrolment:
        settings = {"key_file": tmp_path / "keys" / "template.keys", "model": "embedder-1", **settings}
        made.append(Enrolment(database, **settings))
        return made[-1]

    yield open_it
    for enrolment in made:
        enrolment.close()


def test_somebody_enrolled_is_in_the_gallery_and_comes_back_whole(opened: Callable[..., Enrolment]) -> None:
    enrolment = opened()
    assert enrolment.gallery().persons == ()
    anna = enrol(enrolment, 1, greeting="Anna", group="gold")
    ben = enrol(enrolment, 2)
    gallery = opened().gallery()  # another process
    assert set(gallery.persons) == {anna, ben}
    row = gallery.persons.index(anna)
    assert gallery.people[row] == Person("Anna", "gold")
    assert gallery.people[1 - row] == Person()
    expected = make_template(frames(1), [GOOD] * 5, QualityLimits(), 0.3).template
    np.testing.assert_allclose(gallery.templates[row], expected, rtol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(gallery.templates, axis=1), 1, rtol=1e-6)


def test_nobody_is_enrolled_twice(opened: Callable[..., Enrolment]) -> None:
    enrolment = opened(rule=Rule(OneThreshold(0.8)))
    anna, _ = enrol(enrolment, 1, days=30), enrol(enrolment, 2)
    again = frames(1, noise=0.2)
    with pytest.raises(InputError, match=r"This may be Anna Example, who is enrolled\. .* add a visit instead"):
        enrolment.enrol(Person(), consent(), again, [GOOD] * 5, by="stand")
    assert len(enrolment.people()) == 2
    enrolment.withdraw(anna, by="stand")
    renewed = enrolment.enrol(Person(), consent(), again, [GOOD] * 5, by="stand")
    assert renewed in enrolment.gallery().persons


def test_an_operator_who_knows_better_may_overrule_and_the_audit_keeps_it(opened: Callable[..., Enrolment]) -> None:
    enrolment = opened(rule=Rule(OneThreshold(0.8)))
    anna, twin = enrol(enrolment, 1), frames(1, noise=0.2)
    preview = enrolment.preview(twin, [GOOD] * 5)
    assert preview.taken_for is not None and len(enrolment.people()) == 1
    assert (preview.taken_for.person, preview.taken_for.name) == (anna, "Anna Example")
    twin_id = enrolment.enrol(Person(), consent(), twin, [GOOD] * 5, by="desk", overrule=True)
    assert set(enrolment.gallery().persons) == {anna, twin_id}
    assert "overruled" in enrolment.audit()[-1]["detail"]


def test_a_preview_tells_how_well_somebody_is_told_from_the_others(opened: Callable[..., Enrolment]) -> None:
    enrolment = opened(rule=Rule(OneThreshold(0.8)))
    assert enrolment.preview(frames(1), [GOOD] * 5).nearest is None
    enrol(enrolment, 2)
    preview = enrolment.preview(frames(1), [GOOD] * 5)
    assert (preview.good, preview.others, preview.taken_for, preview.named) == (5, 1, None, 0.8)
    assert preview.nearest is not None and abs(preview.nearest) < 0.5
    assert preview.agreement > 0.9


def test_a_second_visit_joins_the_template(opened: Callable[..., Enrolment]) -> None:
    enrolment = opened(rule=Rule(OneThreshold(0.5)))
    anna = enrol(enrolment, 1)
    later = frames(1, noise=0.4)
    assert enrolment.add_visit(anna, later, [GOOD] * 5, by="desk") == 2
    (row,) = enrolment.gallery().templates
    assert enrolment.gallery().visits == (2,)
    visits = np.stack([make_template(each, [GOOD] * 5, QualityLimits(), 0.3).template for each in (frames(1), later)])
    expected = visits.mean(axis=0)
    np.testing.assert_allclose(row, expected / np.linalg.norm(expected), rtol=1e-5)
    assert np.array(enrolment.export(anna, by="desk")["template"]).shape == (2, 64)
    assert [entry["action"] for entry in enrolment.audit()] == ["enrolled", "visit added", "exported"]
    with pytest.raises(InputError, match="The frames do not look like Anna Example"):
        enrolment.preview(frames(7), [GOOD] * 5, anna)
    with pytest.raises(InputError, match="The frames do not look like Anna Example"):
        enrolment.add_visit(anna, frames(7), [GOOD] * 5, by="desk")
    preview = enrolment.preview(later, [GOOD] * 5, anna)
    assert preview.alike is not None and preview.alike > 0.9 and preview.others == 0
    for _ in range(4):
        enrolment.add_visit(anna, later, [GOOD] * 5, by="desk")
    assert enrolment.people()[0]["visits"] == 4, "the newest are kept"
    enrolment.rotate_key(by="desk")
    assert len(opened().gallery().persons) == 1


def test_after_a_change_of_the_embedder_people_are_enrolled_again(opened: Callable[..., Enrolment]) -> None:
    anna = enrol(opened(), 1)
    newer = opened(model="embedder-2")
    assert newer.gallery().persons == () and newer.people()[0]["again"]
    assert str(newer.problem).startswith("Not recognised: 1 enrolled with another face model. Add a visit of each")
    assert newer.preview(frames(5), [GOOD] * 5, anna).alike is None
    with pytest.raises(InputError, match="nothing tells whether this is Anna Example"):
        newer.add_visit(anna, frames(5), [GOOD] * 5, by="desk")
    assert newer.add_visit(anna, frames(5), [GOOD] * 5, by="desk", overrule=True) == 1
    assert newer.audit()[-1]["detail"] == "1 visit; the embedder has changed, and the operator knows the person"
    assert newer.gallery().persons == (anna,) and not newer.people()[0]["again"]
    assert newer.problem is None
    assert newer.gallery().visits == (1,), "the visit before the change counts no more"
    assert opened().gallery().persons == ()


@pytest.mark.parametrize("model", ["embedder-2", ""])
def test_a_consent_ends_whatever_embedder_the_stand_has_now(opened: Callable[..., Enrolment], model: str) -> None:
    enrol(opened(), 1, days=1)
    later = opened(model=model)
    later.gallery()
    assert len(later.people()) == 1
    later.gallery(Moment(now().utc + timedelta(days=2), 0.0))
    assert later.people() == []


def test_templates_of_another_embedder_are_not_compared_with(opened: Callable[..., Enrolment]) -> None:
    enrol(opened(), 1)
    assert opened(model="embedder-2").gallery().persons == ()


def test_a_withdrawal_is_seen_by_others_at_once(opened: Callable[..., Enrolment]) -> None:
    stand, office = opened(), opened()
    anna, ben = enrol(stand, 1), enrol(stand, 2)
    assert set(stand.gallery().persons) == {anna, ben}
    office.withdraw(anna, by="office")
    assert stand.gallery().persons == (ben,)
    with pytest.raises(InputError, match="nobody is enrolled under this id"):
        office.withdraw(anna, by="office")
    told = [(entry["action"], entry["person"], entry["operator"]) for entry in stand.audit()]
    assert told == [("enrolled", anna, "stand"), ("enrolled", ben, "stand"), ("withdrawn", anna, "office")]


def test_a_consent_ends_by_itself_and_its_data_with_it(opened: Callable[..., Enrolment]) -> None:
    enrolment = opened()
    short, long = enrol(enrolment, 1, days=1), enrol(enrolment, 2, days=100)
    assert set(enrolment.gallery().persons) == {short, long}
    later = Moment(now().utc + timedelta(days=2), 0.0)
    assert enrolment.gallery(later).persons == (long,)
    assert [entry["action"] for entry in enrolment.audit()] == ["enrolled", "enrolled", "expired"]
    with pytest.raises(InputError, match="nobody"):
        enrolment.export(short, by="desk")
    assert enrolment.expire(later.utc + timedelta(days=200)) == [long]


def test_all_that_is_stored_of_a_person_can_be_read_by_them(opened: Callable[..., Enrolment]) -> None:
    enrolment = opened()
    anna = enrol(enrolment, 1, greeting="Anna", group="gold")
    told = json.loads(json.dumps(enrolment.export(anna, by="desk")))
    assert (told["person"], told["greeting"], told["group"]) == (anna, "Anna", "gold")
    assert told["consent"]["given_by"] == "Anna Example"
    assert told["consent"]["text_version"] == "2026-01"
    np.testing.assert_allclose(told["template"], enrolment.gallery().templates, rtol=1e-6)
    assert [entry["action"] for entry in told["audit"]] == ["enrolled", "exported"]
    columns = {column.name for column in PEOPLE.columns} - {"names", "template", "id", "customer_group"}
    assert columns <= {*told, *told["consent"]}  # a new column must be told too


@pytest.mark.parametrize("change", ["UPDATE audit SET operator = 'x'", "DELETE FROM audit"])
def test_the_audit_can_only_grow(opened: Callable[..., Enrolment], change: str) -> None:
    enrolment = opened()
    enrol(enrolment)
    with pytest.raises(sa.exc.DBAPIError, match="can only grow"), enrolment.engine.begin() as connection:
        connection.execute(sa.text(change))


def secrets_of(enrolment: Enrolment, person: str) -> list[bytes]:
    """Everything that could be found of a person: plain, encrypted, and as text."""
    with enrolment.engine.connect() as connection:
        row = connection.execute(sa.select(PEOPLE).where(PEOPLE.c.id == person)).one()
    plain = Rows(enrolment.keys, enrolment.model).visits(row).tobytes()
    sealed = [row.template, row.names]
    raw = [base64.urlsafe_b64decode(token)[25:-32] for token in sealed]
    found = [plain, *sealed, *raw, b"Anna Example"]
    # a page may cut a value in two: pieces of it count too
    return [piece for secret in found for piece in (secret[:24], secret[len(secret) // 2 :][:24], secret[-24:])]


def database_bytes(enrolment: Enrolment, cluster: Any | None) -> dict[str, bytes]:
    if enrolment.engine.dialect.name == "sqlite":
        folder = Path(str(enrolment.engine.url.database)).parent
        files = [path for path in folder.iterdir() if path.is_file()]
    else:
        assert cluster is not None
        with enrolment.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(sa.text("CHECKPOINT"))
        files = [path for path in (cluster.folder / "data" / "base").rglob("*") if path.is_file()]
    return {path.name: path.read_bytes() for path in files}


def found_in(files: dict[str, bytes], pieces: list[bytes]) -> set[tuple[str, bytes]]:
    return {(name, piece) for name, content in files.items() for piece in pieces if piece in content}


def test_nothing_of_the_withdrawn_is_left_in_the_files(
    opened: Callable[..., Enrolment], database: str, request: pytest.FixtureRequest
) -> None:
    cluster = request.getfixturevalue("cluster") if database.startswith("postgresql") else None
    enrolment = opened()
    people = [enrol(enrolment, seed, greeting=f"Anna {seed}") for seed in range(8)]
    gone = {person: secrets_of(enrolment, person) for person in people[:5]}
    kept = secrets_of(enrolment, people[7])
    everything = [piece for pieces in gone.values() for piece in pieces]
    before = {piece for _, piece in found_in(database_bytes(enrolment, cluster), everything)}
    for pieces in gone.values():
        assert set(pieces[3:9]) <= before  # the test can see what is stored …
        assert not set(pieces[:3]) & before  # … and even now nothing lies there in plain
    for person in people[:4]:
        enrolment.withdraw(person, by="desk")
    enrolment.expire(datetime.now(UTC) - timedelta(days=1))
    enrolment.withdraw(people[4], by="desk")
    files = database_bytes(enrolment, cluster)
    assert found_in(files, everything) == set()
    assert found_in(files, kept[3:9]) != set()


def test_a_wipe_that_is_held_up_is_told_and_tried_again(tmp_path: Path) -> None:
    enrolment = Enrolment(f"sqlite:///{tmp_path / 'people.db'}", key_file=tmp_path / "keys", model="m")
    anna, ben = enrol(enrolment, 1, days=1), enrol(enrolment, 2)
    pieces = secrets_of(enrolment, anna)
    sa.event.listen(enrolment.engine, "checkout", lambda raw, *_: raw.execute("PRAGMA busy_timeout = 20").close())
    reader = sqlite3.connect(tmp_path / "people.db", isolation_level=None)
    reader.execute("BEGIN").execute("SELECT count(*) FROM people").fetchall()
    for minutes in (0, 1, 2):
        later = Moment(now().utc + timedelta(days=2, minutes=minutes), 0.0)
        assert enrolment.gallery(later).persons == (ben,), "the others are recognised"
        assert "keeps the old bytes" in str(enrolment.problem)
    assert found_in(database_bytes(enrolment, None), pieces) != set()
    reader.close()
    assert enrolment.gallery(Moment(now().utc + timedelta(days=2, minutes=4), 0.0)).persons == (ben,)
    assert enrolment.problem is None
    assert found_in(database_bytes(enrolment, None), pieces) == set()
    enrolment.close()


def test_who_withdraws_while_the_database_cannot_be_written_is_not_recognised(tmp_path: Path) -> None:
    enrolment = Enrolment(f"sqlite:///{tmp_path / 'people.db'}", key_file=tmp_path / "keys", model="m")
    anna, ben = enrol(enrolment, 1), enrol(enrolment, 2)
    assert set(enrolment.gallery().persons) == {anna, ben}
    writable = "PRAGMA query_only = 0"
    sa.event.listen(enrolment.engine, "checkout", lambda raw, *_: raw.execute(writable).close())
    writable = "PRAGMA query_only = 1"
    with pytest.raises(InputError, match="cannot be used"):
        enrolment.withdraw(anna, by="desk")
    for _ in range(2):
        assert enrolment.gallery().persons == (ben,)
        assert "not deleted yet: 1" in str(enrolment.problem)
    writable = "PRAGMA query_only = 0"
    assert enrolment.gallery(Moment(now().utc + timedelta(minutes=2), 0.0)).persons == (ben,)
    assert enrolment.problem is None
    assert [each["person"] for each in enrolment.people()] == [ben]
    assert [(each["action"], each["operator"]) for each in enrolment.audit()][-1] == ("withdrawn", "desk")
    with pytest.raises(InputError, match="nobody is enrolled under this id"):
        enrolment.withdraw(anna, by="desk")
    assert enrolment.problem is None
    enrolment.close()


def test_who_withdrew_while_the_disk_was_full_is_not_recognised_after_a_restart_either(tmp_path: Path) -> None:
    url, files = f"sqlite:///{tmp_path / 'people.db'}", {"key_file": tmp_path / "keys", "withdrawals": tmp_path / "w"}
    with Enrolment(url, model="m", **files) as enrolment:
        anna, ben = enrol(enrolment, 1), enrol(enrolment, 2)
        sa.event.listen(enrolment.engine, "checkout", lambda raw, *_: raw.execute("PRAGMA query_only = 1").close())
        size, place = files["withdrawals"].stat().st_size, files["withdrawals"].stat().st_ino
        with pytest.raises(InputError, match="cannot be used"):
            enrolment.withdraw(anna, by="desk")
        assert "not deleted yet: 1" in str(enrolment.undeleted)
        now_at = files["withdrawals"].stat()
        assert (now_at.st_size, now_at.st_ino) == (size, place), "a full disk takes no new file"
    with Enrolment(url, model="m", **files) as again:
        assert "not deleted yet: 1" in str(again.problem)
        sa.event.listen(again.engine, "checkout", lambda raw, *_: raw.execute("PRAGMA query_only = 1").close())
        assert again.gallery().persons == (ben,)
    with Enrolment(url, model="m", **files) as freed:
        assert freed.gallery().persons == (ben,)
        assert [each["person"] for each in freed.people()] == [ben] and freed.problem is None
        assert [(each["action"], each["operator"]) for each in freed.audit()][-1] == ("withdrawn", "desk")


def test_a_withdrawal_that_cannot_even_be_noted_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "away"
    files = {"key_file": tmp_path / "keys", "withdrawals": folder / "w"}
    with Enrolment(f"sqlite:///{tmp_path / 'people.db'}", model="m", **files) as enrolment:
        anna = enrol(enrolment)
        sa.event.listen(enrolment.engine, "checkout", lambda raw, *_: raw.execute("PRAGMA query_only = 1").close())
        (folder / "w").unlink()
        folder.rmdir()
        folder.touch()
        with pytest.raises(InputError, match="cannot be used"):
            enrolment.withdraw(anna, by="desk")
        assert "leave the stand on until then" in str(enrolment.problem)


@pytest.mark.parametrize("model", ["m", "another", ""])
def test_lost_keys_are_told_at_the_start_whoever_recognises_by_what(tmp_path: Path, model: str) -> None:
    url, keys = f"sqlite:///{tmp_path / 'people.db'}", tmp_path / "keys"
    with Enrolment(url, key_file=keys, model="m") as enrolment:
        enrol(enrolment, 1), enrol(enrolment, 2)
    keys.rename(old := tmp_path / "old")
    with Enrolment(url, key_file=keys, model=model) as stand:
        assert stand.gallery().persons == ()
        told = f"No key of {keys} opens what is stored of 2 of 2 enrolled people; they are not recognised."
        assert str(stand.problem).startswith(told) and "\n" not in str(stand.problem)
        keys.write_text(keys.read_text() + old.read_text())  # as the advice says
        stand.gallery()
        assert stand.problem is None or model == "another"


def test_withdrawals_that_cannot_be_read_are_no_reason_to_greet_anybody(tmp_path: Path) -> None:
    (tmp_path / "w").write_text("[")
    with pytest.raises(InputError, match="withdraw them with faceline consent, and remove the file"):
        Enrolment(f"sqlite:///{tmp_path / 'p.db'}", key_file=tmp_path / "k", model="m", withdrawals=tmp_path / "w")


def test_a_stand_that_starts_wipes_what_a_killed_process_left(
    opened: Callable[..., Enrolment], database: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = request.getfixturevalue("cluster") if database.startswith("postgresql") else None
    enrolment = opened()
    anna = enrol(enrolment)
    pieces = secrets_of(enrolment, anna)

    def die(_: sa.Engine) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("faceline.stand.consent.deletion.wipe_deleted", die)
        with pytest.raises(KeyboardInterrupt):
            enrolment.withdraw(anna, by="desk")
    assert found_in(database_bytes(enrolment, cluster), pieces) != set()
    assert found_in(database_bytes(opened(), cluster), pieces) == set()


def test_nothing_under_the_old_key_is_left_after_a_rotation(opened: Callable[..., Enrolment], tmp_path: Path) -> None:
    enrolment, other = opened(), opened()
    anna = enrol(enrolment, 1, greeting="Anna")
    before = enrolment.gallery()
    key_file = tmp_path / "keys" / "template.keys"
    (old,) = key_file.read_text().split()
    with enrolment.engine.connect() as connection:
        sealed = connection.execute(sa.select(PEOPLE.c.template)).scalar_one()
    assert enrolment.rotate_key(by="desk") == 1
    (new,) = key_file.read_text().split()
    assert new != old
    assert key_file.stat().st_mode & 0o777 == 0o600
    with enrolment.engine.connect() as connection:
        again = connection.execute(sa.select(PEOPLE.c.template)).scalar_one()
    assert Fernet(old).decrypt(sealed) == Fernet(new).decrypt(again)
    for reader in (enrolment, other, opened()):  # one that was open all the time too
        np.testing.assert_array_equal(reader.gallery().templates, before.templates)
        assert reader.gallery().persons == (anna,)
    if enrolment.engine.dialect.name == "sqlite":
        assert found_in(database_bytes(enrolment, None), [sealed[:40]]) == set()


def test_a_rotation_that_is_cut_short_loses_nothing(
    opened: Callable[..., Enrolment], monkeypatch: pytest.MonkeyPatch
) -> None:
    enrolment = opened()
    anna = enrol(enrolment)

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    for step in ("enrolment.record", "deletion.wipe_deleted"):
        with monkeypatch.context() as patch:
            patch.setattr(f"faceline.stand.consent.{step}", die)
            with pytest.raises(KeyboardInterrupt):
                enrolment.rotate_key(by="desk")
        assert opened().gallery().persons == (anna,)
    assert enrolment.rotate_key(by="desk") == 1
    assert opened().gallery().persons == (anna,)


def test_keys_of_the_environment_rotate_in_two_steps(
    opened: Callable[..., Enrolment], monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = (Fernet.generate_key().decode() for _ in range(2))
    monkeypatch.setenv(VARIABLE, old)
    enrolment = opened(key_file=None)
    anna = enrol(enrolment)
    with pytest.raises(InputError, match="add a new key before the old one"):
        enrolment.rotate_key(by="desk")
    monkeypatch.setenv(VARIABLE, f"{new},{old}")
    assert opened(key_file=None).rotate_key(by="desk") == 1
    monkeypatch.setenv(VARIABLE, new)
    assert opened(key_file=None).gallery().persons == (anna,)
    monkeypatch.setenv(VARIABLE, old)
    lost = opened(key_file=None)
    assert lost.gallery().persons == ()
    assert lost.problem == (
        "No key of FACELINE_TEMPLATE_KEYS opens what is stored of 1 of 1 enrolled people; they are not recognised. "
        "Add the old keys to it, or withdraw these people and enrol them again."
    )


@pytest.mark.parametrize(("value", "told"), [("", "no key"), ("abc", "expected Fernet keys")])
def test_keys_that_are_none_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str, told: str) -> None:
    monkeypatch.setenv(VARIABLE, value)
    with pytest.raises(InputError, match=told):
        Enrolment(f"sqlite:///{tmp_path / 'people.db'}", key_file=None, model="m")


def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(Fernet.generate_key().decode())
    file.chmod(0o644)
    with pytest.raises(InputError, match="others can read it"):
        Enrolment(f"sqlite:///{tmp_path / 'people.db'}", key_file=file, model="m")


def test_a_row_with_another_persons_template_is_not_believed(opened: Callable[..., Enrolment]) -> None:
    enrolment = opened()
    anna, ben = enrol(enrolment, 1), enrol(enrolment, 2)
    with enrolment.engine.begin() as connection:
        stolen = connection.execute(sa.select(PEOPLE.c.template).where(PEOPLE.c.id == anna)).scalar_one()
        connection.execute(PEOPLE.update().where(PEOPLE.c.id == ben).values(template=stolen))
    other = opened()
    assert other.gallery().persons == (anna,)
    assert f"{ben} holds another person's data" in str(other.problem)
    other.withdraw(ben, by="desk")
    assert other.gallery().persons == (anna,)
    assert other.problem is None


def test_one_row_that_no_key_opens_hides_nobody_else_and_can_be_withdrawn(
    opened: Callable[..., Enrolment], tmp_path: Path
) -> None:
    enrolment = opened()
    anna, ben = enrol(enrolment, 1), enrol(enrolment, 2)
    sealed = Fernet(Fernet.generate_key()).encrypt(b"x")
    with enrolment.engine.begin() as connection:
        connection.execute(PEOPLE.update().where(PEOPLE.c.id == ben).values(template=sealed, names=sealed))
    stand = opened()
    for _ in range(2):
        assert stand.gallery().persons == (anna,)
        assert "opens what is stored of 1 of 2 enrolled people" in str(stand.problem)
    assert {each["person"]: each["consent"]["given_by"] for each in stand.people()} == {
        anna: "Anna Example", ben: UNREADABLE
    }  # fmt: skip
    for refused in (lambda: stand.export(ben, by="desk"), lambda: stand.rotate_key(by="desk")):
        with pytest.raises(InputError, match=f"person {ben}: no key of "):
            refused()
    assert len((tmp_path / "keys" / "template.keys").read_text().split()) == 1
    stand.withdraw(ben, by="desk")
    assert stand.gallery().persons == (anna,)
    assert stand.problem is None


def test_who_is_enrolled_after_a_rotation_elsewhere_can_be_read(opened: Callable[..., Enrolment]) -> None:
    stand, office = opened(), opened()
    office.rotate_key(by="desk")
    anna = enrol(stand)
    assert opened().gallery().persons == (anna,)


def test_who_is_enrolled_during_a_rotation_elsewhere_can_be_read(
    opened: Callable[..., Enrolment], monkeypatch: pytest.MonkeyPatch
) -> None:
    stand, office = opened(), opened()
    enrol(stand, 1)
    add, enrolling = office.keys.add, threading.Thread(target=enrol, args=(stand, 2))

    def while_rows_are_written() -> str:
        enrolling.start()
        time.sleep(0.3)
        return add()

    monkeypatch.setattr(office.keys, "add", while_rows_are_written)
    office.rotate_key(by="desk")
    enrolling.join()
    assert len(opened().gallery().persons) == 2


def test_of_two_rotations_at_once_neither_takes_the_key_of_the_other(
    opened: Callable[..., Enrolment], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = opened(), opened()
    anna = enrol(first)
    scrub = first.scrub

    def another_meanwhile() -> None:
        scrub()
        second.rotate_key(by="desk")

    monkeypatch.setattr(first, "scrub", another_meanwhile)
    first.rotate_key(by="desk")
    assert opened().gallery().persons == (anna,)


def test_without_its_database_a_stand_recognises_nobody(tmp_path: Path) -> None:
    folder = tmp_path / "people"
    enrolment = Enrolment(f"sqlite:///{folder / 'people.db'}", key_file=tmp_path / "keys", model="m")
    enrol(enrolment)
    assert len(enrolment.gallery().persons) == 1
    enrolment.engine.dispose()
    folder.rename(tmp_path / "gone")
    assert enrolment.gallery().persons == ()
    assert enrolment.problem is not None
    (tmp_path / "gone").rename(folder)
    assert len(enrolment.gallery().persons) == 1
    assert enrolment.problem is None


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"given_by": " "}, "given_by"),
        ({"purpose": ""}, "purpose"),
        ({"text_version": ""}, "text_version"),
        ({"given_at": datetime.now(UTC) + timedelta(days=1)}, "expected a time in the past"),
        ({"expires_at": datetime.now(UTC) - timedelta(seconds=1)}, "expected a time in the future"),
        ({"expires_at": datetime(2100, 1, 1)}, "expected a time with its zone"),
    ],
)
def test_nobody_is_enrolled_without_a_consent_that_holds(tmp_path: Path, changes: dict[str, Any], told: str) -> None:
    with Enrolment(f"sqlite:///{tmp_path / 'people.db'}", key_file=tmp_path / "keys", model="m") as enrolment:
        with pytest.raises(InputError, match=told):
            enrolment.enrol(Person(), consent(**changes), frames(1), [GOOD] * 5, by="desk")
        with pytest.raises(InputError, match="group"):
            enrolment.enrol(Person(group="a b"), consent(), frames(1), [GOOD] * 5, by="desk")
        assert enrolment.people() == []
        assert enrolment.audit() == []


BAD = {
    "smaller than 40 px": FrameQuality(30.0, 90.0, 0.0, 0.0),
    "blurred": FrameQuality(120.0, 5.0, 0.0, 0.0),
    "turned more than 40": FrameQuality(120.0, 90.0, -50.0, 0.0),
    "raised or lowered more than 30": FrameQuality(120.0, 90.0, 0.0, 40.0),
    "landmarks in doubt": FrameQuality(120.0, 90.0, 0.0, 0.0, 0.1),
}


@pytest.mark.parametrize("told", BAD)
def test_bad_frames_are_left_out_and_too_few_good_ones_refused(told: str) -> None:
    embeddings = frames(1)
    embeddings[:2] = frames(9)[:2]  # somebody else's, in the bad frames
    quality = [BAD[told]] * 2 + [GOOD] * 3
    np.testing.assert_array_equal(
        make_template(embeddings, quality, QualityLimits(), 0.3).template,
        make_template(embeddings[2:], quality[2:], QualityLimits(), 0.3).template,
    )
    with pytest.raises(InputError, match=re.escape("2 good frames of 5, expected 3 (")) as refusal:
        make_template(embeddings, [BAD[told]] * 3 + [GOOD] * 2, QualityLimits(), 0.3)
    assert told in str(refusal.value)


def test_limits_follow_an_embedder_whose_cosines_are_all_high() -> None:
    """Two frames of one person and one of another, 0.8 alike: refused, where one person's frames are 0.95 alike."""
    common = np.random.default_rng(5).normal(size=64).astype(np.float32) * 2.0
    own, other = (frames(seed, 3) + common for seed in (1, 2))
    mixed = np.concatenate([own[:2], other[:1]])
    unit = mixed / np.linalg.norm(mixed, axis=1, keepdims=True)
    assert float((unit @ unit.T).min()) > 0.7
    rule = Rule(OneThreshold(0.9))
    with pytest.raises(InputError, match="differ too much for one person"):
        make_template(mixed, [GOOD] * 3, QualityLimits(), rule.one_person())
    make_template(own, [GOOD] * 3, QualityLimits(), rule.one_person())


def test_frames_of_two_people_are_refused() -> None:
    embeddings = np.concatenate([frames(1, 3), frames(2, 3)])
    with pytest.raises(InputError, match="differ too much for one person"):
        make_template(embeddings, [GOOD] * 6, QualityLimits(), 0.3)
    with pytest.raises(InputError, match="no direction"):
        make_template(np.zeros((3, 4), dtype=np.float32), [GOOD] * 3, QualityLimits(), 0.3)


def test_the_command_lists_exports_withdraws_and_rotates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    where = {"database": "sqlite:///stand/people.db", "key_file": "stand/template.keys"}  # as in conf/consent.yaml
    with Enrolment(where["database"], key_file=Path(where["key_file"]), model="m") as enrolment:
        anna = enrol(enrolment, 1, greeting="Anna", group="gold")

    def run(*arguments: str) -> tuple[int, str]:
        code = main(["consent", *arguments])
        answer = capsys.readouterr()
        return code, answer.out + answer.err

    told = "faceline: error: database: expected sqlite:///FILE or postgresql://USER@HOST/NAME, got 'stand/people.db'\n"
    assert run("database=stand/people.db", "key_file=null") == (2, told)
    code, told = run()
    assert code == 0
    assert all(word in told for word in (anna, "Anna", "gold")), "an id stays whole, also in 80 columns"
    assert run("action=export", f"person={anna}", "output=out/anna.json")[0] == 0
    assert (tmp_path / "out" / "anna.json").stat().st_mode & 0o777 == 0o600
    assert json.loads((tmp_path / "out" / "anna.json").read_text())["person"] == anna
    (tmp_path / "out" / "anna.json").chmod(0o644)
    assert run("action=export", f"person={anna}", "output=out/anna.json")[0] == 0
    assert (tmp_path / "out" / "anna.json").stat().st_mode & 0o777 == 0o600
    assert run("action=export", f"person={anna}", "output=out") == (
        2, "faceline: error: out, key 'output': is a folder, where a file is needed; choose another name\n"
    )  # fmt: skip
    assert '"greeting": "Anna"' in run("action=export", f"person={anna}")[1]
    assert run("action=rotate-key") == (0, "1 people are encrypted with the new key\n")
    assert run("action=withdraw", f"person={anna}", "operator=desk")[0] == 0
    assert run("action=expire")[0] == 0
    assert run() == (0, "nobody is enrolled, and nothing was done\n")
    assert "desk" in run("action=audit")[1]
    assert run("action=withdraw", f"person={anna}")[0] == 2
    assert run("action=withdraw") == (
        2, "faceline: error: person: missing; faceline consent action=withdraw person=ID\n"
    )  # fmt: skip
    assert "expected list, withdraw" in run("action=forget")[1]


def test_the_command_makes_neither_database_nor_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["consent"]) == 2
    database = tmp_path / "stand" / "people.db"
    assert capsys.readouterr().err == f"faceline: error: database: no such file: {database}\n"
    assert not list(tmp_path.iterdir()), "nobody is enrolled in a wrong folder"
    with Enrolment("sqlite:///stand/people.db", key_file=tmp_path / "keys", model="m") as enrolment:
        enrol(enrolment, 1, greeting="Anna")
    assert main(["consent"]) == 2
    assert "key_file: stand/template.keys: no such file; give the keys of the stand" in capsys.readouterr().err
    assert main(["consent", "key_file=keys"]) == 0
    assert not (tmp_path / "stand" / "template.keys").exists()


def test_the_command_takes_the_keys_from_where_the_stand_has_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FACELINE_TEMPLATE_KEYS", Fernet.generate_key().decode())
    with Enrolment("sqlite:///north/people.db", key_file=None, model="m") as enrolment:
        enrol(enrolment, 1, greeting="Anna")
    assert main(["consent", "database=sqlite:///north/people.db"]) == 0
    assert "Anna" in capsys.readouterr().out
    monkeypatch.delenv("FACELINE_TEMPLATE_KEYS")
    assert main(["consent", "database=postgresql://stand@host/people"]) == 2
    assert "key_file: missing" in capsys.readouterr().err


def test_a_stand_reaches_nothing_that_trains() -> None:
    code = """
import importlib, pkgutil, sys
import faceline.stand
for module in pkgutil.walk_packages(faceline.stand.__path__, "faceline.stand."):
    if ".migrations." not in module.name:
        importlib.import_module(module.name)
for verb in ("stand", "report", "ship", "simulate", "consent", "accounts"):
    importlib.import_module(f"faceline.commands.{verb}")
import faceline.config.plain, faceline.config.messages
loaded = {"torch", "pytorch_lightning", "lightning", "mlflow", "hydra", "timm", "torchvision"} & set(sys.modules)
assert not loaded, loaded
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=dict(os.environ)
    )
    assert done.returncode == 0, done.stderr


def test_secure_deletion_is_on(tmp_path: Path) -> None:
    with Enrolment(f"sqlite:///{tmp_path / 'people.db'}", key_file=tmp_path / "keys", model="m") as enrolment:
        enrol(enrolment)
        with enrolment.engine.connect() as connection:
            assert connection.scalar(sa.text("PRAGMA secure_delete")) == 1
            assert connection.scalar(sa.select(sa.func.count()).select_from(AUDIT)) == 1
    assert sqlite3.connect(tmp_path / "people.db").execute("SELECT count(*) FROM people").fetchone() == (1,)

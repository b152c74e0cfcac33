"""Keys, policy and accounts are written whole, whatever happens meanwhile."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from faceline.stand.consent.keys import TemplateKeys
from faceline.stand.content.catalogue import DEMO, read_catalogue
from faceline.stand.content.policy import Policy
from faceline.stand.web.access import Secrets


def key_change(file: Path) -> Callable[[], object]:
    return TemplateKeys(file).add


def policy_change(file: Path) -> Callable[[], object]:
    policy = Policy(read_catalogue(DEMO), stand="a", state=file)
    policy.save()
    return policy.save


def access_change(file: Path) -> Callable[[], object]:
    return Secrets(file).renew_token


@pytest.mark.parametrize("begin", [key_change, policy_change, access_change])
def test_what_is_not_on_the_disk_yet_takes_no_place(
    tmp_path: Path, begin: Callable[[Path], Callable[[], object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    change = begin(file)
    before = file.read_bytes()

    def power_cut(_: int) -> None:
        raise OSError("no power")

    monkeypatch.setattr(os, "fsync", power_cut)
    with pytest.raises(OSError, match="no power"):
        change()
    assert file.read_bytes() == before


def test_no_key_is_left_by_a_process_that_was_killed(tmp_path: Path) -> None:
    keys = TemplateKeys(tmp_path / "keys")
    (tmp_path / ".keys.partial").write_text(Fernet.generate_key().decode())
    (tmp_path / ".keys.ab12.partial").write_text(Fernet.generate_key().decode())
    keys.forget_older(keys.add())
    assert [path.name for path in tmp_path.iterdir()] == ["keys"]


def test_accounts_that_are_changed_at_once_are_all_kept(tmp_path: Path) -> None:
    file = tmp_path / "access.json"
    Secrets(file)
    each = [Secrets(file) for _ in range(5)]
    threads = [threading.Thread(target=each[i].add, args=(f"anna{i}", "operator")) for i in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [account.name for account in Secrets(file).accounts] == [
        "advertiser", *(f"anna{i}" for i in range(5)), "operator"
    ]  # fmt: skip

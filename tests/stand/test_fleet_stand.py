"""A whole stand, as ``faceline stand fleet=`` makes it, shows what its fleet publishes."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from tests.stand.fleet_here import Fleet
from tests.stand.test_catalogue import GOOD, written

from faceline.cli import main
from faceline.config.plain import read_settings
from faceline.errors import InputError
from faceline.stand.assembly import DRAWN, build
from faceline.stand.consent.consent_text import OURS
from faceline.stand.settings import SETTINGS


def until(holds: Callable[[], bool], step: Callable[[], None]) -> None:
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end
        step()


@pytest.mark.slow
def test_catalogue_consent_text_and_bundle_are_used_and_given_back(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path / "fleet", every=1, stage_minutes=0)
    words = [f"folder={tmp_path / 'stand'}", "name=north", f"fleet={fleet.address}"]
    settings = read_settings("stand", words, SETTINGS["stand"])
    with pytest.raises(InputError, match="the token of a group"), build(settings):
        pass
    (tmp_path / "token").write_text(f"{fleet.token}\n", encoding="utf-8")
    settings = settings.model_copy(update={"fleet_token": str(tmp_path / "token")})
    text = yaml.safe_load(OURS.read_text(encoding="utf-8")) | {"version": "chain-2"}
    (tmp_path / "consent.yaml").write_text(yaml.safe_dump(text), encoding="utf-8")
    releases, rollouts = fleet.services.releases, fleet.services.rollouts
    try:
        with build(settings) as (loop, services):
            own = services.catalogue.contents[0].id
            until(lambda: fleet.services.roster.member("north") is not None, loop.step)
            assert services.desk is None
            release = releases.make(
                written(tmp_path, GOOD), consent=tmp_path / "consent.yaml", bundle=DRAWN, by="anna"
            )  # fmt: skip
            number = rollouts.begin(release, "stands", "all", by="anna")
            loop.catalogue.start()
            until(lambda: services.catalogue.contents[0].id == "hello", loop.step)
            until(lambda: services.consent.version == "chain-2", loop.step)
            assert loop.perception._landmarks.bundle.file.is_relative_to(tmp_path / "stand")
            rollouts.roll_back(number)
            until(lambda: services.catalogue.contents[0].id == own, loop.step)
            until(lambda: services.consent.version != "chain-2", loop.step)
            assert loop.board.state.health.warnings == ()
    finally:
        fleet.stop()


@pytest.mark.slow
def test_the_benchmark_kills_the_server_and_loses_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "fleet.json"
    words = ["stands=5", "every=1", "seconds=3", "burst_seconds=1", "lines=4", f"output={output}"]
    assert main(["benchmark", "fleet", *words]) == 0
    told = json.loads(output.read_text(encoding="utf-8"))["fleet"]
    assert told["events"] == told["events_counted"] > 0
    assert (told["events_lost"], told["events_doubled"]) == (0, 0)
    assert told["requests_while_it_was_away"] > 0
    assert told["requests_a_second_in_a_burst"] > 0
    assert "5 stands, a report every 1 s" in capsys.readouterr().out

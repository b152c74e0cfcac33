"""Advertisers read on the fleet what their campaigns did at all stands, and nothing of others."""

import io
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from faceline.config.plain import read_settings
from faceline.errors import InputError
from faceline.stand.content.catalogue import DEMO, read_catalogue
from faceline.stand.content.policy import Policy
from faceline.stand.events.store import EventStore
from faceline.stand.fleet.app import build_fleet, create_fleet_app
from faceline.stand.fleet.services import FleetServices
from faceline.stand.fleet.tables import HOURS
from faceline.stand.settings import SETTINGS
from faceline.stand.simulation import World, audiences, play


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FleetServices]:
    """A fleet with three days of two stands."""
    folder = tmp_path_factory.mktemp("figures")
    catalogue = read_catalogue(DEMO)
    with EventStore(f"sqlite:///{folder / 'events.db'}", interval=0.01) as store:
        for seed, name in enumerate(("north", "south")):
            policy, rng = (
                Policy(catalogue, stand=name, control_share=0.4, seed=seed, draws=0),
                np.random.default_rng(seed),
            )
            for audience in audiences(3, 40, datetime(2026, 3, 27, tzinfo=UTC), rng):
                store.append(*play(policy, audience, World(catalogue, 0), rng, learn=False, write=True).events)
        assert store.flush(30.0)
    with build_fleet(read_settings("fleet", [f"folder={folder}"], SETTINGS["fleet"])) as (services, _):
        yield services


def logged_in(fleet: FleetServices, name: str, password: str) -> TestClient:
    client = TestClient(create_fleet_app(fleet), "http://localhost", follow_redirects=False)
    assert client.post("/login", data={"name": name, "password": password}).status_code == 303
    return client


def test_an_advertiser_sees_their_campaign_at_all_stands_and_no_other(fleet: FleetServices) -> None:
    client = logged_in(fleet, "roasters", fleet.secrets.add("roasters", "advertiser", ["coffee"]))
    assert client.get("/").headers["location"] == "/advertiser"
    page = client.get("/advertiser").text
    assert "In short" in page and "Corner Roasters" in page
    assert "Good Soles" not in page and ">Releases<" not in page
    plays = pd.read_csv(io.StringIO(client.get("/advertiser/plays.csv?campaign=coffee").text))
    assert set(plays["stand"]) == {"north", "south"}
    assert set(plays["campaign"]) == {"coffee"}
    assert client.get("/advertiser?campaign=shoes").status_code == 403
    for path in ("/operator", "/operator/releases", "/operator/contents"):
        assert client.get(path).status_code == 403, path


def test_an_operator_sees_all_and_a_page_does_not_read_without_end(fleet: FleetServices) -> None:
    assert fleet.secrets.new is not None
    client = logged_in(fleet, "operator", fleet.secrets.new.passwords["operator"])
    page = client.get("/advertiser").text
    assert "Good Soles" in page and ">Releases<" in page and ">Display<" not in page
    with fleet.roster.engine.begin() as connection:
        connection.execute(HOURS.insert().values(stand="north", hour=1, events=10**9, visitors=0))
    answer = client.get("/advertiser")
    assert answer.status_code == 409
    assert "are too many for a page" in answer.text
    with fleet.roster.engine.begin() as connection:
        connection.execute(sa.delete(HOURS))


def test_a_time_zone_that_is_none_is_refused_at_the_start(tmp_path: Path) -> None:
    settings = read_settings("fleet", [f"folder={tmp_path}", "zone=Paris"], SETTINGS["fleet"])
    with pytest.raises(InputError, match="Paris: no such time zone"), build_fleet(settings):
        pass

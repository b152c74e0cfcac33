"""The advertiser's page on a simulated stand: their own figures alone, of the days that they ask for, to take away."""

import io
from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from fastapi.testclient import TestClient
from tests.stand.web_stand import WebStand, make

from faceline.stand.content.policy import Policy
from faceline.stand.events.event import Event
from faceline.stand.events.store import EventStore
from faceline.stand.simulation import World, audiences, play
from faceline.stand.web.app import create_app
from faceline.stand.web.figures import Figures


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> WebStand:
    folder = tmp_path_factory.mktemp("advertiser")
    catalogue = make(folder / "first").services.catalogue
    policy, rng = Policy(catalogue, stand="north", control_share=0.4, seed=0, draws=10), np.random.default_rng(0)
    events: list[Event] = []
    for audience in audiences(3, 60, datetime(2026, 3, 27, tzinfo=UTC), rng):
        events += play(policy, audience, World(catalogue, 0), rng, learn=True, write=True).events
    url = f"sqlite:///{folder / 'events.db'}"
    with EventStore(url, interval=0.01) as store:
        store.append(*events)
        assert store.flush(30.0)
    return make(folder / "second", figures=Figures(url, 10, "UTC", lambda: catalogue, 0.9, 0.001))


@pytest.fixture
def coffee(stand: WebStand) -> Iterator[TestClient]:
    """A browser in which the advertiser of the coffee has logged in."""
    assert stand.services.secrets.new is not None
    with TestClient(create_app(stand.services), follow_redirects=False) as client:
        password = stand.services.secrets.new.passwords["advertiser"]
        assert client.post("/login", data={"name": "advertiser", "password": password}).status_code == 303
        yield client


def table(client: TestClient, address: str) -> pd.DataFrame:
    answer = client.get(address)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/csv")
    assert "attachment" in answer.headers["content-disposition"]
    return pd.read_csv(io.StringIO(answer.text))


def test_the_page_speaks_the_terms_of_the_trade_and_begins_with_a_verdict(coffee: TestClient) -> None:
    page = coffee.get("/advertiser").text
    for word in (
        "In short",
        "opportunities to see",
        "views",
        "plays before people",
        "of them looked at it",
        "Proof of play",
        "Loyal customers",
        "visits of enrolled people that this speaks for",
        "90.0\u00a0%",
    ):
        assert word in page
    assert page.index("In short") < page.index("passers-by")
    assert "mpression" not in page.replace("Impressum", "")
    assert "<svg" in page and "style=" not in page, "no inline style: the policy of the page forbids it"
    assert "The mall" not in page and "Welcome" not in page, "nothing of another advertiser"


def test_every_download_is_of_their_own_campaign(coffee: TestClient) -> None:
    for name in ("content", "campaign", "plays"):
        told = table(coffee, f"/advertiser/{name}.csv?campaign=coffee").to_csv()
        assert "coffee" in told or "espresso" in told
        assert "house" not in told and "welcome" not in told
    for address in ("/advertiser/content.csv", "/advertiser/content.csv?campaign=house", "/advertiser/plays.csv"):
        assert coffee.get(address).status_code == 403
    assert coffee.get("/advertiser/secrets.csv?campaign=coffee").status_code == 404


def test_days_can_be_chosen(coffee: TestClient) -> None:
    days = table(coffee, "/advertiser/day.csv?campaign=coffee&since=2026-03-28&until=2026-03-28")
    assert days["name"].str[:10].tolist() == ["2026-03-28"]
    assert len(table(coffee, "/advertiser/day.csv?campaign=coffee")) == 3
    plays = table(coffee, "/advertiser/plays.csv?campaign=coffee&since=2026-03-28")
    assert set(plays["day"]) == {"2026-03-28", "2026-03-29"}
    page = coffee.get("/advertiser?campaign=coffee&since=2026-03-28&until=2026-03-29").text
    assert "Of 28 March 2026 to 29 March 2026" in page
    assert 'value="2026-03-28"' in page
    assert "/advertiser/day.csv?campaign=coffee&amp;since=2026-03-28&amp;until=2026-03-29" in page
    assert "Not enough yet" in coffee.get("/advertiser?since=2027-01-01").text
    for wrong in ("since=2026-02-30", "since=x", "since=2026-03-29&until=2026-03-28"):
        assert coffee.get(f"/advertiser?{wrong}").status_code == 400


def test_a_table_is_the_same_in_every_kind_of_file(coffee: TestClient) -> None:
    csv = table(coffee, "/advertiser/content.csv?campaign=coffee")
    assert csv["title"].tolist() == ["Freshly <b>roasted</b>"], "titles beside the ids"
    excel = coffee.get("/advertiser/content.xlsx?campaign=coffee")
    assert "spreadsheetml" in excel.headers["content-type"]
    pd.testing.assert_frame_equal(pd.read_excel(io.BytesIO(excel.content)), csv, check_dtype=False)
    parquet = coffee.get("/advertiser/content.parquet?campaign=coffee").content
    pd.testing.assert_frame_equal(pd.read_parquet(io.BytesIO(parquet)), csv, check_dtype=False)
    book = pd.read_excel(io.BytesIO(coffee.get("/advertiser/all.xlsx?campaign=coffee").content), sheet_name=None)
    assert set(book) >= {"total", "day", "week", "contest", "plays"}
    assert "welcome" not in str(book), "nothing of another advertiser"
    for wrong in ("all.csv", "content.ods"):
        assert coffee.get(f"/advertiser/{wrong}?campaign=coffee").status_code == 404


def test_the_hours_of_a_week_are_means_of_their_days(coffee: TestClient) -> None:
    week = table(coffee, "/advertiser/week.csv?campaign=coffee")
    assert set(week["weekday"]) == {5, 6, 7}, "27 March 2026 was a Friday"
    assert set(week["days"]) == {1}
    assert (week["passers_by"] % 10 == 0).all()
    day = table(coffee, "/advertiser/day.csv?campaign=coffee")
    assert ((day["look_low"] < day["look_rate"]) & (day["look_rate"] < day["look_high"])).all()
    page = coffee.get("/advertiser?campaign=coffee").text
    for words in ("The hours of the week", "From passer-by to offer taken", "or is it luck?", "on a mean day"):
        assert words in page
    assert "Age and gender are not estimated" in page


def test_an_operator_sees_all_and_one(stand: WebStand) -> None:
    with TestClient(create_app(stand.services), follow_redirects=False) as client:
        client.post("/login", data={"name": "operator", "password": stand.password})
        page = client.get("/advertiser").text
        assert "All campaigns" in page and "Welcome" in page and "Freshly" in page
        assert set(table(client, "/advertiser/campaign.csv")["name"]) == {"house", "coffee"}
        assert client.get("/advertiser?campaign=../x").status_code == 404

"""Offers that tills redeem: right codes alone, each once, now or later, also in what is learned."""

import hashlib
import hmac
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from tests.stand.web_stand import WebStand, make

from faceline.stand.audience.perception import Sight
from faceline.stand.clock import Moment, now
from faceline.stand.content.bandit import Posterior
from faceline.stand.content.decision import Decision
from faceline.stand.content.policy import FEATURES, Policy
from faceline.stand.director import Showing
from faceline.stand.events.event import ImpressionStarted
from faceline.stand.events.store import EventStore
from faceline.stand.offers.codes import day_key, day_of, is_right, make_code, mark_of, number_of, read_code
from faceline.stand.offers.redeeming import Offers
from faceline.stand.web.app import create_app
from faceline.stand.web.tokens import Tokens

KEY = b"k" * 32
DAY = date(2026, 3, 2)
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@dataclass
class Shop:
    """A stand with codes, and its store."""

    stand: WebStand
    store: EventStore
    offers: Offers

    def show(self, at: datetime = NOON, content: str = "espresso", session: int | None = 7) -> Showing:
        """Show an offer, and write that down as the director does."""
        chosen = self.stand.services.catalogue.by_id[content]
        decision = Decision(
            chosen, None if session is None else "adaptive", session, "bandit", 0.5, 1, Moment(at, 1.0),
            features=(1.0,) * len(FEATURES),
        )  # fmt: skip
        showing = Showing(decision, Moment(at, 1.0))
        self.store.append(
            ImpressionStarted(
                stand="north", at=at, impression=showing.impression, session=session, arm=decision.arm,
                content=content, campaign=chosen.campaign, decision=decision.id,
            )
        )  # fmt: skip
        return showing

    def code(self, **shown: Any) -> str:
        code = self.offers.code(self.show(**shown))
        assert code is not None
        return code

    def taken(self) -> list[Any]:
        assert self.store.flush()
        with self.store.engine.connect() as connection:
            return list(connection.execute(sa.text("SELECT * FROM events WHERE kind = 'offer_taken'")))


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with EventStore(f"sqlite:///{tmp_path}/events.db", interval=0.01) as store:
        stand = make(tmp_path, tokens=Tokens(tmp_path / "stand"))
        offers = Offers(tmp_path / "stand", store, stand.services.director, "Europe/Paris")
        stand.services.offers, stand.services.screens.code = offers, offers.code
        yield Shop(stand, store, offers)


@given(st.integers(0, 2**63 - 1), st.dates(date(2026, 1, 1), date(2030, 1, 1)), st.sampled_from(["espresso", "x"]))
def test_a_code_says_its_day_content_and_impression_and_no_other_letter_is_right(
    impression: int, day: date, content: str
) -> None:
    key = day_key(KEY, day)
    text = make_code(key, day, content, impression)
    assert re.fullmatch(r"([0-9A-HJKMNP-TV-Z]{4}-){3}[0-9A-HJKMNP-TV-Z]{4}", text)
    code = read_code(f" {text.lower().replace('-', ' ').replace('0', 'o').replace('1', 'l')} ")
    assert code is not None
    assert (code.mark, code.number) == (mark_of(content), number_of(impression))
    assert is_right(code, key)
    assert not is_right(code, day_key(KEY, day + timedelta(days=1)))
    assert [day_of(code, day + timedelta(days=later)) for later in (-1, 0, 1, 2)] == [None, day, day, None]
    for place in (0, 6, 18):
        other = "7" if text[place] != "7" else "8"
        forged = read_code(text[:place] + other + text[place + 1 :])
        assert forged is not None and not is_right(forged, key)


def test_what_is_no_code_is_read_as_none() -> None:
    for text in ("", "7KQF", "7KQF-2M9D-XW4T-03B", "7KQF-2M9D-XW4T-03BU", "é" * 16, "7KQF-2M9D-XW4T-03BC0"):
        assert read_code(text) is None


def test_a_code_counts_once_with_the_arm_and_impression_it_was_shown_in(shop: Shop) -> None:
    showing = shop.show()
    code = shop.offers.code(showing)
    assert code is not None
    later = NOON + timedelta(hours=3)
    first = shop.offers.redeem(code, later, None, by="till-1", now=later)
    assert (first.status, first.offer, first.content) == ("taken", "second cup", "espresso")
    for till in ("till-1", "till-2"):
        again = shop.offers.redeem(code, later + timedelta(minutes=9), None, by=till, now=later + timedelta(hours=1))
        assert (again.status, again.at) == ("already", later)
    (event,) = shop.taken()
    assert (event.impression, event.session, event.arm) == (showing.impression, 7, "adaptive")
    assert (event.content, event.campaign, event.stand) == ("espresso", "coffee", "north")


def test_a_code_is_counted_once_also_after_a_restart_and_beside_the_operators_click(shop: Shop, tmp_path: Path) -> None:
    code = shop.code()
    assert shop.offers.redeem(code, NOON, None, by="t", now=NOON).status == "taken"
    assert shop.store.flush()
    restarted = Offers(tmp_path / "stand", shop.store, shop.stand.services.director, "Europe/Paris")
    assert restarted.redeem(code, NOON, None, by="t", now=NOON).status == "already"
    showing, director = shop.show(), shop.stand.services.director
    director.offers.append(showing)
    director.take_offer(showing.impression, Moment(NOON, 2.0))
    shop.store.append(shop.stand.events[-1])
    second = shop.offers.code(showing)
    assert second is not None
    assert shop.offers.redeem(second, NOON, None, by="t", now=NOON).status == "already"
    assert len(shop.taken()) == 2


@pytest.mark.parametrize(
    ("taken", "sent", "status"),
    [
        (timedelta(hours=1), timedelta(hours=1), "taken"),
        (timedelta(days=1), timedelta(days=6), "taken"),  # a till without a network for days
        (timedelta(days=2), timedelta(days=2), "expired"),
        (timedelta(days=1), timedelta(days=30), "expired"),
        (timedelta(days=-1), timedelta(hours=1), "unknown"),
    ],
)
def test_a_code_holds_on_its_day_and_the_next_however_late_it_is_sent(
    shop: Shop, taken: timedelta, sent: timedelta, status: str
) -> None:
    code = shop.code()
    assert shop.offers.redeem(code, NOON + taken, None, by="t", now=NOON + sent).status == status
    assert len(shop.taken()) == (status == "taken")


def test_what_no_stand_has_made_or_another_shop_takes_is_refused(shop: Shop) -> None:
    code = shop.code()
    forged = make_code(day_key(KEY, DAY), DAY, "espresso", 1)
    for text in (forged, "7KQF-2M9D-XW4T-03BC", "hello", ""):
        assert shop.offers.redeem(text, NOON, None, by="t", now=NOON).status == "unknown"
    assert shop.offers.redeem(code, NOON, ["house"], by="t", now=NOON).status == "not_yours"
    assert shop.taken() == []


def test_days_are_those_of_the_stand(shop: Shop) -> None:
    late = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)  # past midnight in Paris: the second of March
    code = shop.code(at=late)
    at = datetime(2026, 3, 3, 22, 30, tzinfo=UTC)
    assert shop.offers.redeem(code, at, None, by="t", now=at).status == "taken"


def test_only_offers_before_somebody_have_a_code_and_the_screen_shows_it(shop: Shop) -> None:
    screens, catalogue = shop.stand.services.screens, shop.stand.services.catalogue
    assert shop.offers.code(shop.show(content="welcome")) is None
    assert shop.offers.code(shop.show(session=None)) is None
    showing = shop.show()
    told = screens.of(showing, catalogue)
    assert told is not None
    assert told["code"] == shop.offers.code(showing)
    assert told["qr"]["size"] > 20


def log_in_till(shop: Shop, client: TestClient, **more: Any) -> str:
    assert shop.stand.services.tokens is not None
    token = shop.stand.services.tokens.add("till-1", ["redeem"], by="anna", **more)
    assert client.get(f"/redeem?token={token}").status_code == 303
    return token


def test_the_page_of_a_till_redeems_what_it_queued_and_its_audit_says_so(shop: Shop, tmp_path: Path) -> None:
    with TestClient(create_app(shop.stand.services), follow_redirects=False) as client:
        for path in ("/redeem", "/redeem/kit"):
            assert client.get(path).status_code == 401
        assert client.get("/redeem?token=guess").status_code == 401
        assert client.get("/redeem").text.count("Open this page by the address of this till") == 1, "told once"
        log_in_till(shop, client)
        assert "Redeem an offer" in client.get("/redeem").text
        today = now().utc.replace(microsecond=0)
        codes = [shop.code(at=today) for _ in range(3)]
        sent = [{"code": code, "at": today.isoformat()} for code in [*codes, codes[0], "no code"]]
        told = client.post("/redeem/codes", json={"codes": sent}).json()["codes"]
        assert [each["status"] for each in told] == ["taken"] * 3 + ["already", "unknown"]
        assert told[0]["offer"] == "second cup"
        evil = client.post("/redeem/codes", json={"codes": sent}, headers={"origin": "http://evil"})
        assert evil.status_code == 403
        assert shop.stand.services.tokens is not None
        shop.stand.services.tokens.revoke("till-1", by="anna")
        assert client.post("/redeem/codes", json={"codes": sent}).status_code == 401
    audit = [json.loads(line) for line in (tmp_path / "stand" / "offers.audit.jsonl").read_text().splitlines()]
    assert [(line["by"], line["content"]) for line in audit] == [("till-1", "espresso")] * 3
    assert len(shop.taken()) == 3


def test_a_till_knows_right_codes_without_the_network(shop: Shop) -> None:
    """With the kit alone, as the page computes it."""
    with TestClient(create_app(shop.stand.services), follow_redirects=False) as client:
        log_in_till(shop, client, campaigns=["coffee"])
        today = now().utc
        text = shop.code(at=today)
        kit = client.get("/redeem/kit").json()
    code = read_code(text)
    assert code is not None
    keys = {day: bytes.fromhex(key) for day, key in kit["days"].items()}
    assert len(keys) == 3
    (key,) = [key for day, key in keys.items() if date.fromisoformat(day).toordinal() % 32 == code.day]
    said = (code.day << 45 | code.mark << 30 | code.number).to_bytes(7, "big")
    digest = hmac.new(key, said, hashlib.sha256).digest()
    assert int.from_bytes(digest[:4], "big") >> 2 == code.signature
    assert kit["offers"] == [{"mark": code.mark, "offer": "second cup", "content": "Freshly <b>roasted</b>"}]


def test_programs_redeem_by_the_api_and_only_with_the_scope(shop: Shop) -> None:
    assert shop.stand.services.tokens is not None
    tokens = shop.stand.services.tokens
    header = {"authorization": f"Bearer {tokens.add('till', ['redeem'], by='anna')}"}
    other = {"authorization": f"Bearer {tokens.add('cms', ['audience'], by='anna')}"}
    with TestClient(create_app(shop.stand.services)) as client:
        body = {"codes": [{"code": shop.code(at=now().utc)}]}
        address = "/api/v1/offers/redeem"
        assert client.post(address, json=body).status_code == 401
        assert client.post(address, json=body, headers=other).status_code == 403
        assert client.post(address, json=body, headers=header).json()["codes"][0]["status"] == "taken"
        naive = {"codes": [{"code": "x", "at": "2026-03-02T12:00:00"}]}
        assert client.post(address, json=naive, headers=header).status_code == 422
        guesses = {"codes": [{"code": "7KQF-2M9D-XW4T-03BC"}] * 40}
        assert client.post(address, json=guesses, headers=header).status_code == 429


def test_without_codes_there_is_no_till(tmp_path: Path) -> None:
    stand = make(tmp_path, tokens=Tokens(tmp_path / "stand"))
    with TestClient(create_app(stand.services)) as client:
        assert client.get("/redeem").status_code == 404


def test_a_corrected_observation_is_as_if_it_had_been_that(shop: Shop) -> None:
    rng = np.random.default_rng(0)
    seen = rng.random((9, 3))
    at_once, later = Posterior.prior(3), Posterior.prior(3)
    for features in seen:
        at_once.learn(features, 0.8)
        later.learn(features, 0.3)
        later.correct(features, 0.3, 0.8)
    assert later.predict(seen[0]) == pytest.approx(at_once.predict(seen[0]))


@pytest.mark.parametrize(("weight", "early"), [(0.0, False), (0.5, False), (0.5, True)])
def test_an_offer_taken_is_learned_where_that_was_chosen(shop: Shop, weight: float, early: bool) -> None:
    catalogue, director = shop.stand.services.catalogue, shop.stand.services.director
    policy = director.policy = Policy(catalogue, stand="north", seed=0, offer_reward=weight)
    showing = shop.show()
    code = shop.offers.code(showing)
    assert code is not None
    told = [
        lambda: policy.reward(showing.decision, 0.4),
        lambda: shop.offers.redeem(code, NOON, None, by="t", now=NOON),
        lambda: director.update(Sight(Moment(NOON, 2.0), 1, (640, 480), (), frozenset(), ()), {}),
    ]
    for step in [*told[1:], told[0]] if early else told:
        step()
    moment = policy.bandit.posteriors["espresso"].moment[1]
    assert moment == pytest.approx((1 - weight) * 0.4 + weight)

"""Leases are granted and returned while people buy, on real connections."""

import random
import threading
import time
from contextlib import suppress
from datetime import datetime, timedelta

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from meterai import leasing, taking
from meterai.conserving import available, balances, stock_levels
from meterai.models import Deposit, Reseller, Stamp
from orders import reserving
from tests import factories
from tests.races.test_reserving_races import buy, together

pytestmark = pytest.mark.django_db(transaction=True)


def wait_until_somebody_waits_for_a_lock() -> None:
    for _ in range(1_000):
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0]:
                return
        time.sleep(0.01)
    raise AssertionError("nobody waits")


def grant(deposit: Deposit, quantity: int) -> str:
    penyelia = factories.person("penyelia")
    try:
        leasing.grant(reseller=deposit.reseller, quantity=quantity, deposit=deposit, by=penyelia, at=timezone.now())
    except leasing.NotCovered:
        return "not covered"
    except taking.SoldOut:
        return "sold out"
    return "granted"


def give_back(reseller: Reseller, quantity: int) -> str:
    penyelia = factories.person("penyelia")
    try:
        leasing.take_back(reseller=reseller, quantity=quantity, reason="returned", by=penyelia, at=timezone.now())
    except leasing.NotEnough:
        return "not enough"
    return "returned"


def check(*resellers: Reseller) -> None:
    """Nothing lost or made, and each deposit drawn by what its reseller holds or sold."""
    assert [row.difference for row in balances()] == [0] * len(balances())
    for reseller in resellers:
        drawn = sum(Deposit.objects.filter(reseller=reseller).values_list("drawn", flat=True))
        held = stock_levels().get(reseller.pk, 0) + Stamp.objects.filter(reseller=reseller).count()
        assert drawn == held * settings.DUTY


def test_ten_leases_on_one_deposit_never_draw_more_than_was_paid(now: datetime, posfin: Reseller) -> None:
    factories.stock(300, at=now)
    deposit = factories.deposit(posfin, 50, at=now)
    assert together(10, lambda number: grant(deposit, 10)) == {"granted": 5, "not covered": 5}
    assert stock_levels() == {None: 250, posfin.pk: 50}
    check(posfin)


def test_the_last_serials_are_leased_once(now: datetime) -> None:
    factories.stock(30, at=now)
    deposits = [factories.deposit(factories.reseller(f"toko-{number}"), 10, at=now) for number in range(6)]
    outcomes = together(6, lambda number: grant(deposits[number], 10))
    assert outcomes["granted"] + outcomes["sold out"] == 6 and outcomes["granted"] <= 3
    assert available() == 30 - 10 * outcomes["granted"]
    check(*(deposit.reseller for deposit in deposits))


def test_nobody_hears_sold_out_because_a_lease_is_being_cut(now: datetime, posfin: Reseller) -> None:
    factories.stock(3_000, at=now)
    deposit = factories.deposit(posfin, 2_900, at=now)

    def buy_or_lease(number: int) -> str:
        return buy(number) if number else grant(deposit, 2_900)

    assert together(51, buy_or_lease) == {"won": 50, "granted": 1}
    assert stock_levels() == {None: 50, posfin.pk: 2_900}
    check(posfin)


def test_a_lease_waits_for_a_sale_that_gives_back_what_it_holds(now: datetime, posfin: Reseller) -> None:
    factories.stock(20, at=now)
    deposit = factories.deposit(posfin, 20, at=now)
    outcomes: list[str] = []

    def lease() -> None:
        try:
            outcomes.append(grant(deposit, 20))
        finally:
            connection.close()

    thread = threading.Thread(target=lease)
    with suppress(ZeroDivisionError), transaction.atomic():
        taking.take(quantity=3, reseller=None, until=now, at=now, reference="x")
        thread.start()
        wait_until_somebody_waits_for_a_lock()
        raise ZeroDivisionError  # the sale is taken back
    thread.join()
    assert outcomes == ["granted"] and stock_levels() == {posfin.pk: 20}
    check(posfin)


def test_a_return_and_a_rush_at_the_resellers_shop_share_what_is_there(now: datetime, posfin: Reseller) -> None:
    factories.stock(60, at=now)
    factories.lease(posfin, 40, at=now)

    def buy_or_return(number: int) -> str:
        if number % 2:
            return give_back(posfin, 1)
        try:
            factories.order(at=timezone.now(), quantity=1, reseller_code="posfin")
        except taking.SoldOut:
            return "sold out"
        return "won"

    outcomes = together(60, buy_or_return)
    assert set(outcomes) <= {"won", "returned", "sold out", "not enough"}
    assert outcomes["won"] + outcomes["returned"] == 40
    check(posfin)


def test_everybody_at_once_and_nobody_waits_for_ever(now: datetime) -> None:
    factories.stock(200, at=now)
    factories.stock(200, at=now)
    resellers = [factories.reseller(code) for code in ("posfin", "kantor-pos")]
    deposits = [factories.deposit(one, 400, at=now) for one in resellers for _ in range(2)]
    for one in resellers:
        factories.lease(one, 30, at=now)

    def act(number: int) -> str:
        dice = random.Random(number)
        for _ in range(12):
            kind = dice.choice(["buy", "buy", "lapse", "grant", "return"])
            if kind == "grant":
                grant(dice.choice(deposits), dice.randint(1, 40))
            elif kind == "return":
                give_back(dice.choice(resellers), dice.randint(1, 20))
            elif kind == "lapse":
                reserving.release_expired(at=timezone.now() + timedelta(hours=1))
            else:
                with suppress(taking.SoldOut):
                    code = dice.choice(["", "posfin", "kantor-pos"])
                    factories.order(at=timezone.now(), quantity=dice.randint(1, 4), reseller_code=code)
        return "done"

    assert together(8, act) == {"done": 8}
    check(*resellers)

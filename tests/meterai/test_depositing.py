"""A reseller pays ahead: one person records it, a second one decides."""

from datetime import datetime

import pytest
from django.db import IntegrityError

from meterai import depositing, states
from meterai.models import Deposit, Flip, Reseller, User

pytestmark = pytest.mark.django_db


@pytest.fixture
def deposit(posfin: Reseller, gudang: User, now: datetime) -> Deposit:
    return depositing.record(reseller=posfin, reference="BANK-1", amount=50_000, by=gudang, at=now)


def test_a_deposit_is_recorded_and_covers_nothing_yet(deposit: Deposit) -> None:
    assert (deposit.state, deposit.amount, deposit.drawn, deposit.left) == ("recorded", 50_000, 0, 50_000)
    flip = Flip.objects.get(noun="meterai.deposit")
    assert (flip.row, flip.old, flip.new, flip.actor) == (str(deposit.pk), "", "recorded", "gudang")


def test_a_transfer_is_recorded_once(deposit: Deposit, posfin: Reseller, penyelia: User, now: datetime) -> None:
    with pytest.raises(depositing.AlreadyRecorded):
        depositing.record(reseller=posfin, reference="BANK-1", amount=10_000, by=penyelia, at=now)
    assert Deposit.objects.get().amount == 50_000 and Flip.objects.filter(noun="meterai.deposit").count() == 1


def test_a_deposit_of_nothing_is_refused_by_the_database(posfin: Reseller, gudang: User, now: datetime) -> None:
    with pytest.raises(IntegrityError, match="deposit_not_empty"):
        depositing.record(reseller=posfin, reference="BANK-1", amount=0, by=gudang, at=now)
    assert not Deposit.objects.exists() and not Flip.objects.exists()


@pytest.mark.parametrize(("decide", "state"), [(depositing.confirm, "confirmed"), (depositing.reject, "rejected")])
def test_a_second_person_decides_and_the_row_says_who(
    decide: object, state: str, deposit: Deposit, gudang: User, penyelia: User, now: datetime
) -> None:
    with pytest.raises(depositing.SamePerson):
        decide(deposit=deposit, by=gudang, at=now)  # type: ignore[operator]
    assert Deposit.objects.get().state == "recorded"
    decide(deposit=deposit, by=penyelia, at=now)  # type: ignore[operator]
    deposit.refresh_from_db()
    assert (deposit.state, deposit.decided_by, deposit.decided_at) == (state, penyelia, now)
    assert Flip.objects.get(noun="meterai.deposit", new=state).actor == "penyelia"


@pytest.mark.parametrize("again", [depositing.confirm, depositing.reject])
def test_what_is_decided_is_decided(again: object, deposit: Deposit, penyelia: User, now: datetime) -> None:
    stale = Deposit.objects.get()
    depositing.confirm(deposit=deposit, by=penyelia, at=now)
    with pytest.raises(states.NoSuchArrow):
        again(deposit=deposit, by=penyelia, at=now)  # type: ignore[operator]
    with pytest.raises(states.MovedMeanwhile):
        again(deposit=stale, by=penyelia, at=now)  # type: ignore[operator]
    assert Deposit.objects.get().state == "confirmed"

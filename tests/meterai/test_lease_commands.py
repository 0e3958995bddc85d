"""Deposits, leases, returns and recalls from the command line."""

import json
from datetime import datetime
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from meterai import taking
from meterai.conserving import stock_levels
from meterai.models import Batch, Deposit, Recall, Reseller, Serial, User
from tests import factories

pytestmark = pytest.mark.django_db


def run(name: str, *arguments: str) -> str:
    out = StringIO()
    call_command(name, *arguments, stdout=out)
    return out.getvalue()


def fails(words: str, name: str, *arguments: str) -> None:
    with pytest.raises(CommandError, match=words):
        run(name, *arguments)


@pytest.fixture
def deposit(posfin: Reseller, gudang: User, penyelia: User) -> Deposit:
    run("record_deposit", "posfin", "100000", "--reference", "B-1", "--by", "gudang")
    return Deposit.objects.get()


def test_stock_is_paid_leased_and_returned(stock: Batch, deposit: Deposit) -> None:
    fails("another person", "confirm_deposit", "B-1", "--by", "gudang")
    assert "covers 10 stamps" in run("confirm_deposit", "B-1", "--by", "penyelia")
    fails("decided already", "confirm_deposit", "B-1", "--by", "penyelia", "--reject")
    assert "7 stamps leased to posfin" in run("grant_lease", "B-1", "7", "--by", "penyelia")
    assert stock_levels() == {None: 23, deposit.reseller_id: 7}
    fails("covers 3 stamps", "grant_lease", "B-1", "4", "--by", "penyelia")
    assert "Rp20000 credited" in run("return_lease", "posfin", "2", "--reason", "wish", "--by", "penyelia")
    fails("5 unsold", "return_lease", "posfin", "6", "--reason", "wish", "--by", "penyelia")
    assert stock_levels() == {None: 25, deposit.reseller_id: 5}


def test_a_deposit_whose_money_is_not_there_is_rejected(stock: Batch, deposit: Deposit) -> None:
    assert "B-1 is rejected; it covers 0 stamps" in run("confirm_deposit", "B-1", "--by", "penyelia", "--reject")
    fails("covers 0 stamps", "grant_lease", "B-1", "1", "--by", "penyelia")


def test_no_lease_without_stock_or_for_who_is_switched_off(deposit: Deposit, now: datetime) -> None:
    run("confirm_deposit", "B-1", "--by", "penyelia")
    fails("has less than that", "grant_lease", "B-1", "1", "--by", "penyelia")
    Reseller.objects.update(is_active=False)
    fails("switched off", "grant_lease", "B-1", "1", "--by", "penyelia")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("no active user 'x'", "record_deposit posfin 1 --reference B-2 --by x"),
        ("no reseller 'x'", "record_deposit x 1 --reference B-2 --by gudang"),
        ("here already", "record_deposit posfin 1 --reference B-1 --by gudang"),
        ("whole number from 1", "record_deposit posfin 0 --reference B-2 --by gudang"),
        ("no deposit 'x'", "confirm_deposit x --by gudang"),
        ("no deposit 'x'", "grant_lease x 1 --by gudang"),
        ("no batch 'x'", "recall_batch x --reason r --by gudang"),
        ("Name a batch", "recall_batch --reason r --by gudang"),
        ("no serial X", f"recall_batch --serials {'X' * 22} {'X' * 22} --reason r --by gudang"),
    ],
)
def test_what_is_not_there_is_named(words: str, line: str, deposit: Deposit) -> None:
    fails(words, *line.split())
    assert Deposit.objects.count() == 1


def test_a_recall_is_looked_at_and_then_done(stock: Batch, penyelia: User, now: datetime) -> None:
    held = taking.take(quantity=2, reseller=None, until=now, at=now, reference="x")
    taking.sell(serials=held[:1], at=now, reference="x")
    last = ["--reason", "misprint", "--by", "penyelia"]
    seen = json.loads(run("recall_batch", stock.reference, "--dry-run", *last))
    assert (seen["unsold"], seen["reserved"], seen["voided"], seen["sold"]) == (28, 1, 29, 1)
    assert not Recall.objects.exists()
    codes = [Serial.objects.get(ordinal=n).code for n in (29, 30)]
    part = json.loads(run("recall_batch", "--serials", *codes, *last))
    assert (part["batch"], part["first"], part["last"]) == (stock.reference, 29, 30)
    more = json.loads(run("recall_batch", stock.reference, "--first", "20", "--last", "30", *last))
    assert set(Recall.objects.values_list("pk", "first", "last", "voided")) == {
        (made["recall"], made["first"], made["last"], made["voided"]) for made in (part, more)
    }
    fails("recalled before", "recall_batch", stock.reference, "--first", "21", "--last", "22", *last)
    fails("no range", "recall_batch", stock.reference, "--first", "21", "--last", "31", *last)
    for wrong in (["--first", "2"], ["--last", "2"], ["--serials", *codes]):
        fails("Name a batch", "recall_batch", stock.reference, *wrong, *last)
    rest = json.loads(run("recall_batch", stock.reference, *last))
    assert part["voided"] + more["voided"] + rest["voided"] == 29 and rest["sold"] == 1


def test_a_draft_is_withdrawn_whole_from_the_command_line_too(penyelia: User, now: datetime) -> None:
    draft = factories.draft(5, at=now)
    last = ["--reason", "misprint", "--by", "penyelia"]
    fails("as a whole", "recall_batch", draft.reference, "--first", "1", "--last", "4", *last)
    assert json.loads(run("recall_batch", draft.reference, *last))["voided"] == 5


def test_serials_of_two_batches_name_no_range(stock: Batch, penyelia: User, now: datetime) -> None:
    other = factories.stock(3, at=now)
    codes = [Serial.objects.filter(batch=batch)[0].code for batch in (stock, other)]
    fails("different batches", "recall_batch", "--serials", *codes, "--reason", "r", "--by", "penyelia")

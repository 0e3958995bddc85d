"""Deposits, leases, returns and recalls in the staff room: who may, what is asked, and what a mistake answers."""

import re
from datetime import datetime
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from meterai import depositing, recalling, taking
from meterai.conserving import stock_levels
from meterai.models import Batch, Deposit, Recall, Reseller, Serial, User
from tests import factories

pytestmark = pytest.mark.django_db

RECORD = "/admin/meterai/deposit/add/"
RECALL = "/admin/meterai/recall/add/"
SEES = ("view_deposit", "view_reseller", "view_recall")


def may(name: str, *codenames: str) -> Client:
    """A member of staff with just these rights."""
    person = factories.person(name)
    person.user_permissions.set(Permission.objects.filter(codename__in=codenames, content_type__app_label="meterai"))
    client = Client()
    client.force_login(person)
    return client


def text(answer: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def page(deposit: Deposit) -> str:
    return reverse("admin:meterai_deposit_change", args=[deposit.pk])


def press(deposit: Deposit, step: str) -> str:
    return reverse("admin:meterai_deposit_step", args=[deposit.pk, step])


def lease_page(deposit: Deposit) -> str:
    return reverse("admin:meterai_deposit_lease", args=[deposit.pk])


def return_page(reseller: Reseller) -> str:
    return reverse("admin:meterai_reseller_return", args=[reseller.pk])


def test_prepaid_stock_goes_through_four_hands_of_the_demo_staff(db: None) -> None:
    call_command("seed_demo")
    gudang, penyelia = Client(), Client()
    gudang.force_login(User.objects.get(username="gudang"))
    penyelia.force_login(User.objects.get(username="penyelia"))
    posfin = Reseller.objects.get(code="posfin")
    answer = gudang.post(RECORD, {"reseller": posfin.pk, "reference": "BANK-9", "amount": "100000"})
    deposit = Deposit.objects.get(reference="BANK-9")
    assert (answer.status_code, answer["Location"]) == (303, page(deposit))
    shown = gudang.get(page(deposit)).content.decode()
    assert press(deposit, "konfirmasi") in shown and "Titipkan stok" not in shown
    assert "tidak boleh memutuskan" in text(gudang.post(press(deposit, "konfirmasi"), follow=True))
    assert "Setoran dikonfirmasi" in text(penyelia.post(press(deposit, "konfirmasi"), follow=True))
    assert "sudah diputuskan" in text(penyelia.post(press(deposit, "tolak"), follow=True))
    assert "Paling banyak 10" in text(gudang.get(lease_page(deposit)))
    assert "7 keping dititipkan ke Posfin" in text(gudang.post(lease_page(deposit), {"quantity": "7"}, follow=True))
    assert "Rp30.000 (3 keping)" in text(gudang.get(page(deposit)))
    assert stock_levels()[posfin.pk] == 207
    sent = {"quantity": "2", "reason": "salah kirim"}
    answer = penyelia.post(return_page(posfin), sent, follow=True)
    assert "2 keping kembali ke toko resmi; Rp20.000 kembali ke setoran." in text(answer)
    shown = text(gudang.get(page(deposit)))
    assert "dititipkan 7" in shown and "kembali 2" in shown and "Rp50.000 (5 keping)" in shown
    assert LogEntry.objects.count() == 4


def test_a_rejected_deposit_covers_nothing(posfin: Reseller, gudang: User, now: datetime) -> None:
    deposit = depositing.record(reseller=posfin, reference="BANK-9", amount=100_000, by=gudang, at=now)
    boss = may("penyelia", *SEES, "decide_deposit", "lease_stock")
    assert "Setoran ditolak" in text(boss.post(press(deposit, "tolak"), follow=True))
    assert boss.post(lease_page(deposit), {"quantity": "1"}).status_code == 422


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"reference": "BANK-1"}, "sudah dicatat"),
        ({"amount": "0"}, "lebih besar dari atau sama dengan 1"),
        ({"amount": str(2**63)}, "lebih kecil dari atau sama dengan"),
        ({"amount": "banyak"}, "Masukkan keseluruhan angka"),
        ({"reseller": "999"}, "Pilih"),
        ({"reference": ""}, "Bidang ini harus diisi"),
    ],
)
def test_a_mistake_in_a_deposit_is_said_and_nothing_recorded(
    change: dict[str, str], words: str, posfin: Reseller, gudang: User, now: datetime
) -> None:
    depositing.record(reseller=posfin, reference="BANK-1", amount=1, by=gudang, at=now)
    answer = may("gudang", *SEES, "add_deposit").post(
        RECORD, {"reseller": str(posfin.pk), "reference": "BANK-2", "amount": "10000"} | change
    )
    assert answer.status_code == 422 and words in text(answer)
    assert Deposit.objects.count() == 1 and not LogEntry.objects.exists()


def test_a_lease_that_cannot_be_is_refused_in_words(posfin: Reseller, now: datetime) -> None:
    factories.stock(5, at=now)
    deposit = factories.deposit(posfin, 8, at=now)
    boss = may("gudang", *SEES, "lease_stock")
    for quantity, words in (
        ("0", "lebih besar"),
        ("9", "Sisa setoran ini tidak cukup"),
        ("9" * 40, "Sisa setoran ini tidak cukup"),
        ("6", "Stok toko resmi tidak cukup"),
    ):
        answer = boss.post(lease_page(deposit), {"quantity": quantity})
        assert answer.status_code == 422 and words in text(answer)
    Reseller.objects.update(is_active=False)
    assert "tidak aktif" in text(boss.post(lease_page(deposit), {"quantity": "1"}))
    assert stock_levels() == {None: 5} and not LogEntry.objects.exists()


def test_a_return_that_cannot_be_is_refused_in_words(stock: Batch, posfin: Reseller, now: datetime) -> None:
    factories.lease(posfin, 5, at=now)
    boss = may("gudang", *SEES, "lease_stock")
    assert "5 keping belum terjual" in text(boss.get(return_page(posfin)))
    for sent, words in (
        ({"quantity": "6", "reason": "x"}, "tidak punya sebanyak itu"),
        ({"quantity": "9" * 40, "reason": "x"}, "tidak punya sebanyak itu"),
        ({"quantity": "5", "reason": ""}, "harus diisi"),
    ):
        answer = boss.post(return_page(posfin), sent)
        assert answer.status_code == 422 and words in text(answer)
    assert stock_levels() == {None: 25, posfin.pk: 5}


def test_each_step_needs_its_own_right(stock: Batch, posfin: Reseller, now: datetime) -> None:
    deposit = factories.deposit(posfin, 8, at=now)
    others = ("add_batch", "change_deposit", "change_reseller")
    for client in (may("a", *SEES, *others), may("b", "lease_stock", "decide_deposit")):
        assert client.get(RECORD).status_code == client.get(RECALL).status_code == 403
        assert client.post(lease_page(deposit), {"quantity": "1"}).status_code == 403
        assert client.post(return_page(posfin), {"quantity": "1", "reason": "x"}).status_code == 403
    looker = may("a", *SEES, *others)
    assert looker.post(press(deposit, "konfirmasi")).status_code == 403
    shown = looker.get(page(deposit)).content.decode()
    assert "Titipkan stok" not in shown and "langkah" not in shown
    assert looker.get(reverse("admin:meterai_deposit_changelist")).status_code == 200
    assert stock_levels() == {None: 30}


def test_no_step_is_taken_by_a_get(stock: Batch, posfin: Reseller, gudang: User, now: datetime) -> None:
    deposit = factories.deposit(posfin, 8, at=now)
    boss = Client()
    boss.force_login(factories.person("admin", is_superuser=True))
    assert boss.get(lease_page(deposit), {"quantity": "1"}).status_code == 200
    assert boss.get(RECALL, {"batch": stock.pk, "reach": "batch", "reason": "x", "yes": "1"}).status_code == 200
    assert stock_levels() == {None: 30}


def whole(batch: Batch, **more: str) -> dict[str, str]:
    return {"reach": "batch", "batch": str(batch.pk), "reason": "salah cetak"} | more


@pytest.fixture
def keeper(db: None) -> Client:
    return may("penyelia", *SEES, "recall_batch")


def test_a_recall_says_first_what_it_would_do(stock: Batch, keeper: Client, posfin: Reseller, now: datetime) -> None:
    factories.lease(posfin, 5, at=now)
    held = taking.take(quantity=6, reseller=None, until=now, at=now, reference="x")
    taking.sell(serials=held[:2], at=now, reference="x")
    taking.release(serials=held[2:3], at=now, reference="x", reason="wish")
    asked = keeper.post(RECALL, whole(stock))
    shown = text(asked)
    assert asked.status_code == 200 and not Recall.objects.exists()
    for words in ("batal 24 ", "kembali: batal 1 ", "uangnya kembali 3 ", "didaftar 2 ", "seluruhnya 28 "):
        assert words in shown
    assert 'name="yes"' in asked.content.decode() and "salah cetak" in shown
    done = keeper.post(RECALL, whole(stock, yes="1"), follow=True)
    made = Recall.objects.get()
    assert done.redirect_chain == [(reverse("admin:meterai_recall_change", args=[made.pk]), 303)]
    assert "Ditarik: 28 dibatalkan, 2 sudah terjual" in text(done)
    assert (made.reason, made.by.username) == ("salah cetak", "penyelia")
    assert re.search(r"Toko resmi 23 Posfin 5", text(done)) and "Catat setoran pengganti" not in text(done)
    again = keeper.post(RECALL, whole(stock, yes="1"))
    assert again.status_code == 422 and Recall.objects.count() == 1


def test_what_a_reseller_lost_can_be_recorded_as_a_deposit(stock: Batch, posfin: Reseller, now: datetime) -> None:
    factories.lease(posfin, 5, at=now)
    boss = may("penyelia", *SEES, "recall_batch", "add_deposit")
    shown = boss.post(RECALL, whole(stock, yes="1"), follow=True).content.decode()
    [link] = re.findall(r'href="([^"]*deposit/add/[^"]+)"', shown)
    form = boss.get(link.replace("&amp;", "&")).context["form"]
    assert form["amount"].value() == "50000" and form["reseller"].value() == str(posfin.pk)
    assert form["reference"].value() == f"Penarikan {Recall.objects.get().pk} posfin"


def test_a_range_is_withdrawn_by_ordinals_or_by_serials(stock: Batch, keeper: Client) -> None:
    by_ordinals = {"reach": "ordinals", "batch": str(stock.pk), "first": "3", "last": "5", "reason": "x", "yes": "1"}
    assert keeper.post(RECALL, by_ordinals).status_code == 303
    first, last = (Serial.objects.get(ordinal=n).code for n in (8, 9))
    by_serials = {"reach": "serials", "first_serial": f" {first.lower()} ", "last_serial": last, "reason": "x"}
    assert "urutan 8 sampai 9" in text(keeper.post(RECALL, by_serials))
    assert keeper.post(RECALL, by_serials | {"yes": "1"}).status_code == 303
    assert set(Recall.objects.values_list("first", "last", "voided")) == {(3, 5, 3), (8, 9, 2)}


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ({}, "harus diisi"),
        ({"reach": "all"}, "Masukkan pilihan yang valid"),
        ({"reach": "batch", "batch": ""}, "Isi ini untuk pilihan di atas"),
        ({"reach": "ordinals", "first": "3"}, "Isi ini untuk pilihan di atas"),
        ({"reach": "ordinals", "first": "5", "last": "3"}, "terbalik atau melewati"),
        ({"reach": "ordinals", "first": "5", "last": "31"}, "terbalik atau melewati"),
        ({"reach": "serials", "first_serial": "X" * 22, "last_serial": "X" * 22}, "tidak dikenal"),
        ({"reach": "serials", "first_serial": "kurang", "last_serial": "X" * 22}, "nilai yang valid"),
        ({"reach": "batch", "reason": ""}, "harus diisi"),
    ],
)
def test_a_range_that_cannot_be_is_refused_in_words(
    sent: dict[str, str], words: str, stock: Batch, keeper: Client
) -> None:
    answer = keeper.post(RECALL, {"batch": str(stock.pk), "reason": "x", "yes": "1"} | sent)
    assert answer.status_code == 422 and words in text(answer)
    assert not Recall.objects.exists() and stock_levels() == {None: 30}


def test_serials_of_two_batches_are_no_range(stock: Batch, keeper: Client, now: datetime) -> None:
    other = factories.stock(3, at=now)
    first, last = (Serial.objects.filter(batch=batch)[0].code for batch in (stock, other))
    sent = {"reach": "serials", "first_serial": first, "last_serial": last, "reason": "x", "yes": "1"}
    assert "gelombang yang berbeda" in text(keeper.post(RECALL, sent))
    sent |= {"last_serial": first, "batch": str(other.pk)}
    assert "bukan dari gelombang ini" in text(keeper.post(RECALL, sent))
    assert not Recall.objects.exists()


def test_a_draft_is_withdrawn_whole(keeper: Client, now: datetime) -> None:
    draft = factories.draft(9, at=now)
    part = {"reach": "ordinals", "batch": str(draft.pk), "first": "1", "last": "8", "reason": "x"}
    assert "hanya dapat ditarik seluruhnya" in text(keeper.post(RECALL, part))
    assert keeper.post(RECALL, whole(draft, yes="1")).status_code == 303
    assert Recall.objects.get().voided == 9


def test_a_shop_too_busy_for_a_recall_is_said_so(stock: Batch, keeper: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recalling, "TRIES", 0)
    answer = keeper.post(RECALL, whole(stock, yes="1"))
    assert answer.status_code == 422 and "coba lagi sebentar lagi" in text(answer)
    assert not Recall.objects.exists()


def test_the_batch_named_in_the_address_is_chosen(stock: Batch, keeper: Client) -> None:
    form = keeper.get(RECALL, {"batch": stock.pk}).context["form"]
    assert (form["batch"].value(), form["reach"].value()) == (str(stock.pk), "batch")

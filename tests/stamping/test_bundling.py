"""Everything of an order as one ZIP; and the order's page as it is followed, cheaply."""

import io
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.http import StreamingHttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from orders import refunding
from orders.models import Order, Payment, Refund
from stamping import bundling, erasing, files, placing, preparing, sealing
from stamping.models import Document
from tests.stamping.conftest import NOW, pay

pytestmark = pytest.mark.django_db


def address(order: Order) -> str:
    return f"/pesanan/{order.code}/{order.key}/semua.zip"


def opened(answer: Any) -> zipfile.ZipFile:
    assert isinstance(answer, StreamingHttpResponse)
    content: Any = answer.streaming_content
    bundle = zipfile.ZipFile(io.BytesIO(b"".join(content)))
    assert bundle.testzip() is None
    return bundle


def entry(name: str, data: bytes = b"x") -> bundling.Entry:
    return bundling.Entry(name=name, at=NOW, data=data)


def names(*given: str) -> list[str]:
    bundle = zipfile.ZipFile(io.BytesIO(b"".join(bundling.zipped([entry(name) for name in given]))))
    return bundle.namelist()[:-1]


@pytest.fixture
def three(order: Callable[..., Order], queued: Callable[..., Document]) -> Order:
    """A paid order of three stamps, two of them on documents of the same name."""
    bought = order(quantity=3)
    for _ in range(2):
        queued(of=bought)
    sealing.seal_due(at=NOW, limit=2)
    return bought


# --- the ZIP


def test_it_holds_the_receipt_and_every_sealed_document_as_it_was_committed(client: Client, three: Order) -> None:
    answer = client.get(address(three))
    assert answer["Content-Disposition"] == f'attachment; filename="pesanan-{three.code}.zip"'
    assert "no-store" in answer["Cache-Control"]
    bundle = opened(answer)
    receipt, *sealed, listed = bundle.namelist()
    assert receipt == f"kuitansi-{three.code}.pdf" and bundle.read(receipt).startswith(b"%PDF")
    assert sealed == ["surat-bermeterai.pdf", "surat-bermeterai (2).pdf"]
    documents = three.documents.order_by("sealed_at")
    assert sorted(bundle.read(name) for name in sealed) == sorted(files.read(one.output) for one in documents)
    words = bundle.read(listed).decode("utf-8-sig")
    assert all(str(one.stamp_id) in words and one.output_sha256 in words for one in documents)


def test_it_holds_the_note_of_money_that_went_back(client: Client, order: Callable[..., Order]) -> None:
    bought = order()
    payment = Payment.objects.get(order=bought)
    Payment.objects.filter(pk=payment.pk).update(received=payment.amount * 2)
    payment.refresh_from_db()
    refunding.give_back(payment=payment, reason=Refund.Reason.OVERPAID, amount=payment.amount, at=NOW)
    assert "nota" not in str(opened(client.get(address(bought))).namelist())
    refunding.done(refund=Refund.objects.get(), at=NOW, actor="test")
    assert f"nota-pengembalian-{bought.code}-1.pdf" in opened(client.get(address(bought))).namelist()


def test_there_is_none_before_the_money_and_none_without_the_key(client: Client, order: Callable[..., Order]) -> None:
    waiting = order(paid=False)
    assert client.get(address(waiting)).status_code == 404
    pay(waiting)
    assert client.get(address(waiting)).status_code == 200
    assert client.get(f"/pesanan/{waiting.code}/{'x' * 22}/semua.zip").status_code == 404
    assert client.post(address(waiting)).status_code == 405


def test_a_file_that_was_erased_meanwhile_is_named_and_spoils_nothing(client: Client, three: Order) -> None:
    answer: Any = client.get(address(three))
    first = three.documents.order_by("sealed_at")[0]
    erasing.erase(document=first, at=NOW, actor="buyer")
    bundle = opened(answer)
    assert bundle.namelist()[1:-1] == ["surat-bermeterai (2).pdf"]
    assert "surat-bermeterai.pdf: sudah dihapus dari peladen" in bundle.read("DAFTAR.txt").decode("utf-8-sig")


def test_one_order_s_bundle_is_made_twenty_times_an_hour_at_most(client: Client, order: Callable[..., Order]) -> None:
    bought = order()
    answers = [client.get(address(bought), REMOTE_ADDR=f"10.0.0.{n}").status_code for n in range(21)]
    assert answers == [200] * 20 + [429]


def test_memory_does_not_grow_with_what_is_sent(tmp_path: object) -> None:
    class Long(bundling.Entry):
        def pieces(self) -> Iterator[bytes]:
            yield from (bytes(bundling.PIECE) for _ in range(400))  # 26 MB

    def most(count: int) -> int:
        entries = [Long(name=f"{number}.pdf", at=NOW, stored="x") for number in range(count)]
        tracemalloc.start()
        for _piece in bundling.zipped(entries):
            pass
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    assert most(4) < most(1) + 200_000 < 2_000_000


def test_nothing_is_read_before_it_is_sent(three: Order) -> None:
    entries = bundling.sealed_entries(three.documents.all())
    sending = bundling.zipped(entries)
    next(sending)
    files.drop(entries[1].stored)
    rest = b"".join(sending)
    assert "sudah dihapus" not in entries[0].name and rest


def test_sending_asks_the_database_for_nothing(
    client: Client, three: Order, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    answer: Any = client.get(address(three))
    with django_assert_num_queries(0):
        assert opened(answer).namelist()


@pytest.mark.django_db(transaction=True)
def test_a_slow_download_holds_no_connection(client: Client, order: Callable[..., Order]) -> None:
    answer: Any = client.get(address(order()))
    assert connection.connection is None
    assert opened(answer).namelist()


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd.pdf", "_.._etc_passwd.pdf"),
        ("C:\\surat.pdf", "C__surat.pdf"),
        ("a\x00b\r\nc.pdf", "a_b__c.pdf"),
        ("con.pdf", "_con.pdf"),
        ("LPT1.x.pdf", "_LPT1.x.pdf"),
        ("\u202efdp.exe.pdf", "_fdp.exe.pdf"),
        ("surat ñandú 印花.pdf", "surat ñandú 印花.pdf"),
        (" . .pdf", "berkas.pdf"),
        ("x" * 300 + ".pdf", "x" * 80 + ".pdf"),
    ],
)
def test_names_are_such_that_every_system_takes_them(given: str, kept: str) -> None:
    assert names(given) == [kept]


def test_no_two_names_differ_in_case_alone() -> None:
    assert names("Surat.pdf", "surat.pdf", "SURAT.pdf", "surat (2).pdf") == [
        "Surat.pdf",
        "surat (2).pdf",
        "SURAT (3).pdf",
        "surat (2) (2).pdf",
    ]


# --- the page that follows


def follow(client: Client, order: Order, version: str = "") -> Any:
    headers = {"if-none-match": version} if version else {}
    return client.get(f"/pesanan/{order.code}/{order.key}/kabar/", headers=headers)


def changed(client: Client, order: Order, version: str) -> str:
    """The new version; it is an error when the page did not notice."""
    answer = follow(client, order, version)
    assert answer.status_code == 200, "the change was not noticed"
    return str(answer["ETag"])


def test_an_answer_without_news_is_empty_and_costs_two_queries(
    client: Client, three: Order, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    seen = follow(client, three)["ETag"]
    with django_assert_num_queries(2):
        answer = follow(client, three, seen)
    assert (answer.status_code, answer.content, answer["ETag"]) == (304, b"", seen)
    assert follow(client, three, f"W/{seen}").status_code == 304  # a proxy that compresses weakens it


def test_a_queued_document_costs_one_query_more_and_more_documents_cost_no_more(
    client: Client, order: Callable[..., Order], queued: Callable[..., Document]
) -> None:
    counts, full = [], []
    for size in (1, 5):
        bought = order(quantity=size)
        for _ in range(size):
            queued(of=bought)
        with CaptureQueriesContext(
            connection,
        ) as asked:
            seen = follow(client, bought)["ETag"]
        full.append(len(asked))
        with CaptureQueriesContext(connection) as asked:
            assert follow(client, bought, seen).status_code == 304
        counts.append(len(asked))
    assert counts == [3, 3] and full[0] == full[1] <= 14


def test_every_change_that_the_page_shows_is_noticed(
    client: Client, order: Callable[..., Order], letter: bytes
) -> None:
    bought = order(paid=False)
    seen = str(follow(client, bought)["ETag"])
    Payment.objects.filter(order=bought).update(asked_at=timezone.now())
    seen = changed(client, bought, seen)
    document = preparing.take_up(name="surat.pdf", source=letter, at=NOW)
    placing.attach(document=document, order=bought)
    seen = changed(client, bought, seen)
    placing.place(document=document, page=1, x=400, y=100, size=86, at=NOW)
    seen = changed(client, bought, seen)
    placing.confirm(document=document, at=NOW)
    seen = changed(client, bought, seen)
    pay(bought)
    seen = changed(client, bought, seen)
    placing.bind_due(at=NOW)
    seen = changed(client, bought, seen)
    sealing.seal_due(at=NOW)
    seen = changed(client, bought, seen)
    Order.objects.filter(pk=bought.pk).update(email="lain@contoh.example")
    changed(client, bought, seen)


def test_the_place_in_the_queue_is_followed(
    client: Client, order: Callable[..., Order], queued: Callable[..., Document]
) -> None:
    other, mine = queued(), queued()
    Document.objects.filter(pk=other.pk).update(queued_at=NOW - timedelta(minutes=1))
    bought = mine.order
    assert bought is not None
    answer = follow(client, bought)
    assert "1 dokumen di depan Anda" in answer.content.decode()
    Document.objects.filter(pk=other.pk).update(state="failed")
    assert "Sedang dikerjakan" in follow(client, bought, answer["ETag"]).content.decode()


def test_a_silent_gateway_is_noticed_by_time_alone(client: Client, order: Callable[..., Order]) -> None:
    bought = order(paid=False)
    Payment.objects.update(created_at=timezone.now())
    answer = follow(client, bought)
    assert "Menyiapkan pembayaran" in answer.content.decode()
    Payment.objects.update(created_at=timezone.now() - timedelta(seconds=40))
    assert "belum menjawab" in follow(client, bought, answer["ETag"]).content.decode()


def test_the_languages_do_not_share_a_version(client: Client, three: Order) -> None:
    seen = follow(client, three)["ETag"]
    english = client.get(f"/en/pesanan/{three.code}/{three.key}/kabar/", headers={"if-none-match": seen})
    assert english.status_code == 200


def test_the_fragment_is_no_page_and_is_kept_nowhere(client: Client, three: Order) -> None:
    answer = follow(client, three)
    assert "<html" not in answer.content.decode() and 'id="live"' in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    assert client.get(f"/pesanan/{three.code}/{'x' * 22}/kabar/").status_code == 404
    assert client.post(f"/pesanan/{three.code}/{three.key}/kabar/").status_code == 405


def test_the_page_stops_following_when_nothing_moves(client: Client, three: Order) -> None:
    page = client.get(three.get_absolute_url()).content.decode()
    assert "data-poll-done" in page and "http-equiv" not in page


def test_without_script_the_page_follows_where_a_reload_loses_nothing(
    client: Client, order: Callable[..., Order]
) -> None:
    bought = order(paid=False)
    Payment.objects.update(created_at=timezone.now())
    refresh = '<noscript><meta http-equiv="refresh"'
    assert refresh in client.get(bought.get_absolute_url()).content.decode()
    Payment.objects.update(state="pending", gateway_reference="X1")
    page = client.get(bought.get_absolute_url()).content.decode()
    assert refresh not in page and "?ikuti=1" in page and 'type="file"' in page
    following = client.get(bought.get_absolute_url() + "?ikuti=1").content.decode()
    assert refresh in following and 'type="file"' not in following and "Berhenti mengikuti" in following


# --- what became of each stamp


def test_each_stamp_says_what_became_of_it(client: Client, three: Order) -> None:
    page = client.get(three.get_absolute_url()).content.decode()
    assert page.count("Dibubuhkan</span>") == 2 and page.count("Belum dipakai</span>") == 1
    assert "1 dari 3 belum dipakai" in page
    used = Document.objects.filter(order=three)[0]
    erasing.erase(document=used, at=NOW, actor="buyer")
    assert "dokumennya sudah dihapus" in client.get(three.get_absolute_url()).content.decode()


def test_a_stamp_that_came_back_says_why(client: Client, queued: Callable[..., Document]) -> None:
    document = queued()
    sealing.give_back(document=document, failure="engine", at=NOW)
    assert document.order is not None
    page = client.get(document.order.get_absolute_url()).content.decode()
    assert "pembubuhan surat.pdf gagal; meterai ini kembali kepada Anda" in page

"""Orders at the desk: anything finds the order, its page tells everything, and every act has a reason and a row."""

import io
import json
import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from meterai import taking
from meterai.models import Batch, Flip, Movement
from orders import discrepancies, figures, metrics, paying, refunding
from orders.admin import searching
from orders.dossier import Dossier
from orders.models import Discrepancy, Notice, Notification, Order, Payment, Receipt, Refund, Series
from orders.payments.gateway import Status
from tests import factories
from tests.contracts.conftest import Server

pytestmark = pytest.mark.django_db
WHY = {"reason": "pembeli menelepon"}


@pytest.fixture(autouse=True)
def sandbox(gateway: Server) -> None:
    """Refunds go through the sandbox."""


@pytest.fixture
def boss(client: Client) -> Client:
    client.force_login(factories.person("admin", is_superuser=True))
    return client


def may(*rights: str, name: str = "rani") -> Client:
    """A member of staff with just these rights."""
    person = factories.person(name)
    person.user_permissions.set(Permission.objects.filter(codename__in=rights))
    client = Client()
    client.force_login(person)
    return client


@pytest.fixture
def payment(order: Order, now: datetime) -> Payment:
    return factories.asked_for(order, at=now)


@pytest.fixture
def paid(payment: Payment, now: datetime) -> Order:
    """Siti's two stamps, paid, with a small refund that is done and a receipt."""
    paying.settle(payment=payment, standing=factories.standing(payment, amount=25_000, at=now), at=now)
    refunding.done(refund=Refund.objects.get(), at=now, actor="worker")
    return Order.objects.get(pk=payment.order_id)


def page(row: Any) -> str:
    return reverse(f"admin:orders_{row._meta.model_name}_change", args=[row.pk])


def step(row: Any, name: str) -> str:
    return reverse(f"admin:orders_{row._meta.model_name}_step", args=[row.pk, name])


def text(answer: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def acts(row: Any) -> list[tuple[str, str]]:
    flips = Flip.objects.filter(noun=row._meta.label_lower, row=str(row.pk), actor__in=["admin", "rani"])
    return [(one.actor, one.reason) for one in flips]


def named(paid: Order) -> dict[str, str]:
    """Every way to name Siti's order."""
    payment, refund = paid.payments.get(), Refund.objects.get()
    receipt = Receipt.objects.get(kind="payment")
    series = Series.objects.create(name="KW-2026", last=7)
    Receipt.objects.filter(pk=receipt.pk).update(series=series, number=7, issued_at=receipt.created_at)
    Order.objects.filter(pk=paid.pk).update(phone="+6281234567890")
    serial = paid.lines.first()
    assert serial
    return {
        "code": paid.code,
        "code as typed": paid.code.lower().replace("-", " "),
        "serial": serial.serial_id.lower(),
        "e-mail": " SITI@contoh.example",
        "phone": "0812-3456-7890",
        "gateway reference": payment.gateway_reference,
        "payment id": str(payment.pk),
        "refund id": f"refund-{refund.pk}",
        "receipt number": "kw-2026-000007",
    }


def test_one_search_box_leads_to_the_order_by_anything_that_names_it(boss: Client, paid: Order, now: datetime) -> None:
    factories.order(at=now, email="lain@contoh.example")
    for kind, typed in named(paid).items():
        answer = boss.get("/admin/orders/order/", {"q": typed})
        assert (answer.status_code, answer.get("Location")) == (302, page(paid)), kind


@pytest.mark.parametrize("typed", ["siti", "x", "MT-0000-0000", "' OR 1=1", "refund-999", "KW-2026-8", "%", "0" * 22])
def test_what_names_nothing_finds_nothing(typed: str, boss: Client, paid: Order) -> None:
    answer: Any = boss.get("/admin/orders/order/", {"q": typed})
    assert answer.status_code == 200 and len(answer.context["cl"].result_list) == 0


def test_two_orders_of_one_buyer_are_listed(boss: Client, order: Order, now: datetime) -> None:
    factories.order(at=now)
    answer: Any = boss.get("/admin/orders/order/", {"q": "siti@contoh.example"})
    assert answer.status_code == 200 and len(answer.context["cl"].result_list) == 2


def test_each_kind_of_name_is_looked_up_by_an_index(paid: Order) -> None:
    plans = []
    names = named(paid)
    with transaction.atomic(), connection.cursor() as cursor:
        # With a handful of rows reading all is cheapest; forbidden, it remains only where no index serves.
        cursor.execute("SET LOCAL enable_seqscan = off")
        for typed in names.values():
            with CaptureQueriesContext(connection) as queries:
                assert [one.pk for one in searching.orders_named(typed)] == [paid.pk]
            for query in queries.captured_queries:
                cursor.execute(f"EXPLAIN {query['sql']}")
                plans.append("\n".join(row[0] for row in cursor.fetchall()))
    assert len(plans) > len(names)
    assert [plan for plan in plans if "Seq Scan" in plan] == []


def storm(now: datetime, count: int) -> None:
    """So many paid orders, each with money back, a difference and news of the gateway."""
    for _ in range(count):
        payment = factories.asked_for(factories.order(at=now), at=now)
        paying.settle(payment=payment, standing=factories.standing(payment, amount=25_000, at=now), at=now)
        discrepancies.open_discrepancy(
            kind=Discrepancy.Kind.SETTLED_AMOUNT, subject=str(payment.pk), payment=payment, at=now
        )
        Notification.objects.create(
            gateway="sandbox",
            event=f"e-{payment.pk}",
            gateway_reference=payment.gateway_reference,
            body="{}",
            received_at=now,
        )


@pytest.mark.parametrize("model", ["order", "payment", "refund", "notification", "notice", "discrepancy"])
def test_a_list_costs_no_query_a_row(model: str, boss: Client, now: datetime) -> None:
    factories.stock(100, at=now)
    address = f"/admin/orders/{model}/"

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert boss.get(address).status_code == 200
        return len(queries)

    storm(now, 2)
    boss.get(address)
    few = cost()
    storm(now, 10)
    assert cost() == few


@pytest.mark.parametrize("model", ["order", "payment", "notification", "notice"])
def test_the_newest_of_a_large_table_are_found_without_reading_it_all(model: str, boss: Client, order: Order) -> None:
    with CaptureQueriesContext(connection) as queries:
        boss.get(f"/admin/orders/{model}/")
    beginning = f'SELECT "orders_{model}".'
    (listing,) = [one["sql"] for one in queries.captured_queries if one["sql"].startswith(beginning)]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_sort = off")
        cursor.execute(f"EXPLAIN {listing} LIMIT 50")
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert f"Seq Scan on orders_{model}" not in plan
    assert not re.search(r"(?<!Incremental )Sort  \(", plan), plan


def test_an_orders_page_costs_no_query_a_happening(boss: Client, paid: Order, now: datetime) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert boss.get(page(paid)).status_code == 200
        return len(queries)

    boss.get(page(paid))
    few = cost()
    payment = paid.payments.get()
    for n in range(10):
        values = {"gateway": "sandbox", "gateway_reference": payment.gateway_reference, "received_at": now}
        Notification.objects.create(event=f"e{n}", body="{}", **values)
        discrepancies.open_discrepancy(kind=Discrepancy.Kind.AMOUNT, subject=f"x{n}", payment=payment, at=now)
        with transaction.atomic():
            refunding.give_back(payment=payment, reason=Refund.Reason.OVERPAID, amount=1, at=now)
    assert cost() == few


def test_the_orders_page_tells_who_did_what_when_and_why(boss: Client, paid: Order, now: datetime) -> None:
    payment = paid.payments.get()
    Notification.objects.create(
        gateway="sandbox",
        event="msg_1",
        gateway_reference=payment.gateway_reference,
        body="rahasia",
        received_at=now,
        outcome="asked",
    )
    discrepancies.open_discrepancy(
        kind=Discrepancy.Kind.NOT_SETTLED, subject=str(payment.pk), payment=payment, expected=25_000, found=0, at=now
    )
    serial = paid.lines.order_by("serial_id").first()
    assert serial
    taking.affix(serial=serial.serial_id, at=now, reference="document 7")
    boss.post(step(paid, "kirim-tautan"), WHY)
    shown = text(boss.get(page(paid)))
    for told in [
        "menunggu pembayaran → dibayar",
        "menunggu pembeli → lunas",
        "pengembalian dana Rp5.000",
        "surat ordered → s***@contoh.example",
        "kabar gerbang sandbox sandbox gerbang sudah ditanyai",
        "2 keping: dipesan → terjual toko",
        f"{serial.serial_id}: terbubuhkan",
        "lunas di sini, tidak ada di laporan gerbang",
        "admin kirim-tautan: pembeli menelepon",
        "Rp25.000",
        payment.gateway_reference,
    ]:
        assert told in shown, told
    assert "siti@contoh.example" not in shown and "rahasia" not in shown and paid.key not in shown


def test_the_timeline_is_in_the_order_of_time(paid: Order) -> None:
    times = [one.at for one in Dossier(paid).timeline()]
    assert len(times) > 10 and times == sorted(times)


def test_another_orders_news_is_not_told(paid: Order, now: datetime) -> None:
    other = factories.order(at=now)
    rows = {(one.what, one.row.pk) for one in Dossier(other).timeline() if one.row}
    assert {pk for _what, pk in rows} == {other.pk, other.payments.get().pk, Notice.objects.latest("pk").pk}


def test_the_contact_is_shown_once_to_who_has_the_right_and_says_why(order: Order) -> None:
    allowed, plain = may("view_order", "unmask_buyers"), may("view_order", "change_order", name="budi")
    door = step(order, "kontak")
    assert "siti@contoh.example" not in text(allowed.get(page(order)))
    assert door in allowed.get(page(order)).content.decode() and door not in plain.get(page(order)).content.decode()
    assert plain.get(door).status_code == 403 and plain.post(door, WHY).status_code == 403
    assert allowed.post(door, {"reason": ""}).status_code == 422
    assert not acts(order)
    shown = allowed.post(door, WHY)
    assert shown.status_code == 200 and "siti@contoh.example" in text(shown)
    assert "no-store" in shown["Cache-Control"] and not shown.cookies.get("messages")
    assert acts(order) == [("rani", "kontak: pembeli menelepon")]
    assert "siti@contoh.example" not in text(allowed.get(page(order)))


def test_links_are_sent_and_revoked_with_a_reason(boss: Client, order: Order) -> None:
    old = order.key
    boss.post(step(order, "kirim-tautan"), WHY)
    boss.post(step(order, "cabut-tautan"), WHY)
    order.refresh_from_db()
    assert order.key != old and Notice.objects.filter(template="link").count() == 2
    assert acts(order) == [
        ("admin", "kirim-tautan: pembeli menelepon"),
        ("admin", "links revoked: pembeli menelepon"),
    ]


def test_a_link_cannot_be_sent_where_no_address_is_known(boss: Client, stock: Batch, now: datetime) -> None:
    order = factories.order(at=now, email="", phone="+6281234567890")
    assert "Tidak ada saluran" in text(boss.post(step(order, "kirim-tautan"), WHY, follow=True))


def test_asking_the_gateway_about_an_order_settles_it(gateway: Server, order: Order, now: datetime) -> None:
    rani = may("view_order", "change_payment", "view_payment")
    payment = order.payments.get()
    paying.start(payment=payment, at=now)
    gateway.act(payment.gateway_reference, "pay")
    assert "Status pesanan: dibayar" in text(rani.post(step(order, "cek"), WHY, follow=True))
    assert acts(order) == [("rani", "cek: pembeli menelepon")]


def test_a_payment_is_asked_about_even_when_it_is_paid(gateway: Server, boss: Client, order: Order) -> None:
    now = datetime.now().astimezone()
    payment = order.payments.get()
    paying.start(payment=payment, at=now)
    gateway.act(payment.gateway_reference, "pay")
    paying.check(payment=payment, at=now)
    gateway.act(payment.gateway_reference, "reverse")
    assert "Status pembayaran: ditarik kembali" in text(boss.post(step(payment, "cek"), WHY, follow=True))


def test_a_payment_that_never_began_is_started_again(boss: Client, order: Order) -> None:
    payment = order.payments.get()
    assert step(payment, "mulai-lagi") in boss.get(page(payment)).content.decode()
    assert "Status pembayaran: menunggu pembeli" in text(boss.post(step(payment, "mulai-lagi"), WHY, follow=True))
    assert step(payment, "mulai-lagi") not in boss.get(page(payment)).content.decode()
    assert "sudah dimulai" in text(boss.post(step(payment, "mulai-lagi"), WHY, follow=True))


@pytest.mark.parametrize(
    ("configured", "words"),
    [
        ({"url": "http://127.0.0.1:9"}, "tidak menjawab"),
        (None, "tidak dipasang lagi"),
    ],
)
def test_a_gateway_that_cannot_be_asked_moves_nothing(
    configured: Any, words: str, boss: Client, payment: Payment, settings: Any
) -> None:
    sandbox = settings.GATEWAY_SETTINGS["sandbox"]
    settings.GATEWAY_SETTINGS = {"sandbox": sandbox | configured} if configured else {}
    for row in (payment, payment.order):
        assert words in text(boss.post(step(row, "cek"), WHY, follow=True))
    payment.refresh_from_db()
    assert payment.state == "pending"


def test_a_payment_the_gateway_does_not_know_is_said_so(boss: Client, payment: Payment) -> None:
    assert "tidak dikenalnya" in text(boss.post(step(payment, "cek"), WHY, follow=True))


@pytest.mark.parametrize("step_name", ["cek", "kirim-tautan", "cabut-tautan", "kontak"])
def test_each_button_has_a_right_of_its_own(step_name: str, order: Order) -> None:
    rights = {"cek": "change_payment", "kontak": "unmask_buyers"}
    right = rights.get(step_name, "change_order")
    others = {"change_payment", "change_order", "unmask_buyers"} - {right}
    assert may("view_order", *others).post(step(order, step_name), WHY).status_code == 403
    assert may("view_order", right).post(step(order, step_name), WHY).status_code in (200, 303)


def test_a_payment_that_no_gateway_knows_yet_is_not_asked_about(boss: Client, order: Order) -> None:
    payment = order.payments.get()
    assert step(payment, "cek") not in boss.get(page(payment)).content.decode()
    assert "belum dikenal gerbang" in text(boss.post(step(payment, "cek"), WHY, follow=True))


def test_held_money_leads_to_its_return_for_who_may_return_it(order: Order, payment: Payment, now: datetime) -> None:
    paying.settle(payment=payment, standing=factories.standing(payment, amount=10_000, at=now), at=now)
    door = reverse("admin:orders_refund_held", args=[payment.pk])
    assert door in may("view_payment", "add_refund").get(page(payment)).content.decode()
    assert door not in may("view_payment").get(page(payment)).content.decode()


def test_the_raw_body_is_for_who_has_the_right_and_says_why(order: Order, now: datetime) -> None:
    told = Notification.objects.create(
        gateway="sandbox",
        event="msg_1",
        gateway_reference="SBX1",
        body='{"x": "<b>siti@contoh.example</b>"}',
        received_at=now,
    )
    allowed = may("view_notification", "unmask_buyers")
    assert "siti@" not in allowed.get(page(told)).content.decode()
    assert may("view_notification", name="budi").post(step(told, "isi"), WHY).status_code == 403
    opened = allowed.post(step(told, "isi"), WHY).content.decode()
    assert "&lt;b&gt;siti@contoh.example&lt;/b&gt;" in opened
    assert acts(told) == [("rani", "isi: pembeli menelepon")]


@pytest.mark.parametrize("typed", ["SBX1", "msg_1"])
def test_a_notification_is_found_by_what_it_is_about(typed: str, boss: Client, now: datetime) -> None:
    values = {"gateway": "sandbox", "body": "{}", "received_at": now}
    Notification.objects.create(event="msg_1", gateway_reference="SBX1", **values)
    Notification.objects.create(event="msg_2", gateway_reference="SBX2", **values)
    answer: Any = boss.get("/admin/orders/notification/", {"q": typed})
    assert [one.event for one in answer.context["cl"].result_list] == ["msg_1"]


def test_a_payment_is_found_by_anything_that_names_its_order(boss: Client, paid: Order) -> None:
    for typed in (paid.code, "siti@contoh.example", str(paid.payments.get().pk)):
        answer: Any = boss.get("/admin/orders/payment/", {"q": typed})
        assert [one.order_id for one in answer.context["cl"].result_list] == [paid.pk]


def test_a_letter_that_was_given_up_is_sent_again(boss: Client, order: Order, now: datetime) -> None:
    Notice.objects.update(next_try_at=None, attempts=36)
    notice = Notice.objects.get()
    listed: Any = boss.get("/admin/orders/notice/", {"kirim": "berhenti"})
    assert [one.pk for one in listed.context["cl"].result_list] == [notice.pk]
    boss.post(step(notice, "kirim-lagi"), WHY)
    notice.refresh_from_db()
    assert notice.next_try_at and notice.attempts == 0 and len(acts(notice)) == 1
    Notice.objects.update(sent_at=now)
    assert "sudah terkirim" in text(boss.post(step(notice, "kirim-lagi"), WHY, follow=True))


def export(code: str, **options: Any) -> dict[str, Any]:
    out = io.StringIO()
    call_command("export_order", code, stdout=out, **options)
    return dict(json.loads(out.getvalue()))


def test_an_export_holds_everything_and_nothing_personal(paid: Order) -> None:
    account = {"bank": "BCA", "account_number": "1234567890", "account_holder": "Siti Aminah"}
    Refund.objects.update(**account)
    told = export(paid.code.lower())
    assert told["order"]["code"] == paid.code and told["order"]["email"] == "s***@contoh.example"
    assert told["payments"][0]["received"] == 25_000 and told["refunds"][0]["amount"] == 5_000
    assert {one["new"] for one in told["flips"]} >= {"pending", "paid", "done"}
    assert len(told["stamps"]) == 2 and told["movements"] and told["notices"] and told["receipts"]
    whole = json.dumps(told)
    for secret in ("siti@contoh.example", "1234567890", "Aminah", paid.key):
        assert secret not in whole


def test_an_export_in_full_needs_a_right_and_a_reason_and_leaves_a_row(paid: Order) -> None:
    Refund.objects.update(account_number="1234567890", account_holder="Siti Aminah", bank="BCA")
    may("view_order")
    with pytest.raises(CommandError, match="--by"):
        export(paid.code, unmask=True, by="rani", reason="pembeli menelepon")
    may("unmask_buyers")
    with pytest.raises(CommandError, match="--reason"):
        export(paid.code, unmask=True, by="rani", reason=" ")
    assert not acts(paid)
    told = export(paid.code, unmask=True, by="rani", reason="pembeli menelepon")
    assert told["order"]["email"] == "siti@contoh.example" and told["refunds"][0]["account_number"] == "1234567890"
    assert paid.key not in json.dumps(told)
    assert acts(paid) == [("rani", "ekspor lengkap: pembeli menelepon")]


def test_an_order_that_is_none_is_not_exported(db: None) -> None:
    with pytest.raises(CommandError, match="no order"):
        export("MT-0000-0000")


def values(at: datetime) -> dict[str, float]:
    return {gauge.name: gauge.samples[0][1] for gauge in metrics.gauges(at=at)}


def test_alarms_have_their_figures(order: Order, now: datetime) -> None:
    quiet = values(now)
    assert quiet.pop("meterai_orders_placed_last_minute") == 1 and set(quiet.values()) == {0}
    later = now + timedelta(hours=1)
    held = factories.asked_for(factories.order(at=now), at=now)
    paying.settle(payment=held, standing=factories.standing(held, amount=10_000, at=now), at=now)
    paid = factories.asked_for(factories.order(at=later), at=later)
    paying.settle(payment=paid, standing=factories.standing(paid, Status.PAID, at=later), at=later)
    refund = refunding.give_back_held(payment=held, why="salah kirim", by=factories.person("rani"), at=now)
    account = {"bank": "BCA", "account_number": "1", "account_holder": "S", "way": "transfer", "next_try_at": None}
    Refund.objects.filter(pk=refund.pk).update(**account)
    values_of = {"gateway": "sandbox", "gateway_reference": "SBX1", "body": "{}", "received_at": now}
    Notification.objects.create(event="e", **values_of)
    discrepancies.open_discrepancy(kind=Discrepancy.Kind.UNKNOWN, subject="sandbox SBX1", at=now)
    seen = values(later)
    assert seen["meterai_orders_placed_last_minute"] == seen["meterai_orders_paid_last_minute"] == 1
    waits = ("payments_stuck", "payments_held", "refunds_to_transfer", "notifications_unheard", "discrepancies_open")
    for pile in waits:
        assert seen[f"meterai_{pile}"] == 1, pile
        assert seen[f"meterai_{pile}_oldest_seconds"] == 3600, pile


def test_the_last_minutes_orders_are_counted_from_the_books_own_index(order: Order, now: datetime) -> None:
    with CaptureQueriesContext(connection) as queries:
        figures.placed(at=now)
    assert Movement._meta.db_table in queries.captured_queries[0]["sql"] and len(queries) == 1
    assert figures.placed(at=now + timedelta(minutes=2)) == 0

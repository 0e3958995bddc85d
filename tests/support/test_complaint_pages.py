"""The form, the tracking page and the way back, as a browser sees them."""

import re
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client
from django.utils.module_loading import import_string

from meterai.models import Reseller, User
from orders import noticing
from orders.contacts import Contact
from orders.models import Notice, Order
from support import complaining, custody
from support.models import Body, Reason, Ticket

pytestmark = pytest.mark.django_db
TUESDAY = datetime(2026, 9, 1, 3, 0, tzinfo=UTC)
FORM = "/aduan/"

Complain = Callable[..., Ticket]


def typed(**changes: Any) -> dict[str, Any]:
    values = {
        "category": "paid_twice",
        "text": "Dua kali terpotong.",
        "contact": "Budi@Contoh.example",
        "token": str(uuid.uuid4()),
    }
    return values | changes


def body(response: HttpResponse) -> str:
    return response.content.decode()


def send(client: Client, **changes: Any) -> Ticket:
    response = client.post(FORM, typed(**changes))
    assert response.status_code == 303, body(response)
    code = response["Location"].split("/")[2]
    return Ticket.objects.get(code=code)


def test_the_form_asks_at_most_five_things_at_once(client: Client) -> None:
    page = body(client.get(FORM))
    before_fold = page.split('<details class="fold"')[0]
    fields = re.findall(r'<(?:input|select|textarea)[^>]*name="(\w+)"[^>]*>', before_fold)
    visible = [name for name in fields if f'type="hidden" name="{name}"' not in page]
    assert visible == ["category", "text", "contact", "number"]


def test_a_complaint_leads_to_its_page_at_once(client: Client) -> None:
    response = client.post(FORM, typed())
    ticket = Ticket.objects.get()
    assert (response.status_code, response["Location"]) == (303, ticket.tracking_url())
    page = body(client.get(response["Location"]))
    assert ticket.code in page
    assert "Dipegang oleh Penerbit e-meterai" in page
    assert "Dijawab paling lambat" in page


def test_the_order_link_binds_the_order_and_names_the_contact_only_masked(client: Client, budi_order: Order) -> None:
    page = body(client.get(FORM, {"pesanan": budi_order.code, "kunci": budi_order.key}))
    assert budi_order.code in page
    assert "b***@contoh.example" in page
    assert "budi@contoh.example" not in page
    assert 'name="number"' not in page


def test_a_complaint_by_order_link_goes_to_the_reseller_that_sold(
    client: Client, budi_order: Order, toko: Reseller
) -> None:
    ticket = send(client, pesanan=budi_order.code, kunci=budi_order.key, contact="")
    assert (ticket.order, ticket.email) == (budi_order, "budi@contoh.example")
    assert custody.current(ticket).reseller == toko
    assert "Dipegang oleh Toko Contoh" in body(client.get(ticket.tracking_url()))


def test_a_failed_affixing_by_order_link_goes_to_the_issuer(client: Client, budi_order: Order) -> None:
    ticket = send(client, category="affixing_failed", pesanan=budi_order.code, kunci=budi_order.key)
    assert custody.current(ticket).reason == Reason.SERVICE


def test_a_picked_reseller_alone_goes_to_the_issuer_and_says_why(client: Client, toko: Reseller) -> None:
    ticket = send(client, category="reseller_purchase", reseller=toko.code)
    assert custody.current(ticket).body == Body.ISSUER
    assert "Belum ada bukti pembelian" in body(client.get(ticket.tracking_url()))


def test_a_sealed_file_is_read_for_its_serial(
    client: Client, budi_order: Order, toko: Reseller, sealed: Callable[[str], bytes]
) -> None:
    serial = budi_order.lines.get().serial_id
    ticket = send(client, pdf=SimpleUploadedFile("surat.pdf", sealed(serial), "application/pdf"))
    assert (ticket.serial_id, custody.current(ticket).reseller) == (serial, toko)


@pytest.mark.parametrize("key", ["x" * 22, "", "ключ"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_a_wrong_order_key_opens_nothing(client: Client, siti_order: Order, key: str, method: str) -> None:
    assert getattr(client, method)(FORM, typed(pesanan=siti_order.code, kunci=key)).status_code == 404


@pytest.mark.parametrize("key", ["x" * 22, "%00", "ключ"])
def test_a_wrong_ticket_key_opens_nothing(client: Client, complain: Complain, key: str) -> None:
    ticket = complain()
    assert client.get(f"/aduan/{ticket.code}/{key}/").status_code == 404
    assert client.get(f"/aduan/AD-%00/{key}/").status_code == 404
    assert client.post(f"/aduan/{ticket.code}/{key}/", {"do": "close"}).status_code == 404


def test_a_revoked_link_opens_nothing(client: Client, complain: Complain) -> None:
    ticket = complain()
    Ticket.objects.filter(pk=ticket.pk).update(link_version=2)
    assert client.get(ticket.tracking_url()).status_code == 404


def test_a_double_click_makes_one_ticket(client: Client) -> None:
    values = typed()
    places = {client.post(FORM, values)["Location"] for _ in range(2)}
    assert (len(places), Ticket.objects.count()) == (1, 1)


def test_a_form_changed_and_sent_again_points_to_the_ticket_it_made(client: Client) -> None:
    values = typed()
    client.post(FORM, values)
    response = client.post(FORM, values | {"text": "Ada lagi."})
    assert response.status_code == 422
    assert Ticket.objects.get().tracking_url() in body(response)
    assert "Ada lagi." in body(response)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"category": ""}, "Perihal"),
        ({"text": "  "}, "Tulis apa yang terjadi"),
        ({"contact": "bukan kontak"}, "Surel atau nomor WhatsApp"),
        ({"pdf": SimpleUploadedFile("x.pdf", b"bukan")}, "bukan PDF"),
        ({"pdf": SimpleUploadedFile("x.pdf", b"%PDF-" + b"0" * 800_000)}, "800 KB"),
        ({"reseller": "tidak-ada"}, "Dibeli di reseller"),
    ],
)
def test_what_is_wrong_is_said_on_top_and_everything_typed_comes_back(
    client: Client, change: dict[str, Any], said: str
) -> None:
    response = client.post(FORM, typed(number="MT-1234-5678", **change))
    page = body(response)
    assert response.status_code == 422
    assert said in page.split('class="errors"')[1].split("</ul>")[0]
    assert "MT-1234-5678" in page
    assert Ticket.objects.count() == 0


def test_the_sixth_complaint_of_one_contact_in_an_hour_is_too_many(client: Client) -> None:
    for _ in range(5):
        send(client, contact="0812 3456 7890")
    response = client.post(FORM, typed(contact="+62 812-3456-7890"))
    assert response.status_code == 429
    assert response["Retry-After"]


def test_the_eleventh_post_of_one_address_in_a_minute_is_too_many(client: Client) -> None:
    answers = [client.post(FORM, typed(contact=f"s{number}@contoh.example")).status_code for number in range(11)]
    assert answers == [303] * 10 + [429]


def test_head_and_preview_of_the_tracking_page_hold_nothing_personal(client: Client, complain: Complain) -> None:
    ticket = complain(text="Nama saya Budi Santoso")
    page = body(client.get(ticket.tracking_url()))
    head = page.split("</head>")[0]
    for personal in ("Budi", "contoh.example", ticket.key, ticket.code):
        assert personal not in head.replace(f"/en{ticket.tracking_url()}", "")
    assert "noindex" in head
    assert "budi@contoh.example" not in page


def test_an_answer_shows_on_the_page_and_is_told_once(client: Client, complain: Complain, rina: User) -> None:
    ticket = complain()
    complaining.answer(ticket=ticket, text="E-meterai sudah masuk.", by=rina, at=TUESDAY + timedelta(hours=1))
    page = body(client.get(ticket.tracking_url()))
    assert "E-meterai sudah masuk." in page
    assert "Dijawab oleh Penerbit e-meterai" in page
    assert "rina" not in page
    assert Notice.objects.filter(template="ticket_answered").count() == 1


def test_a_message_and_belum_selesai_from_the_page(client: Client, complain: Complain, rina: User) -> None:
    ticket, token = complain(), str(uuid.uuid4())
    for _ in range(2):
        response = client.post(ticket.tracking_url(), {"do": "message", "text": "Tambahan.", "token": token})
        assert (response.status_code, response["Location"]) == (303, ticket.tracking_url())
    assert ticket.messages.count() == 1
    complaining.answer(ticket=ticket, text="Beres.", by=rina, at=TUESDAY)
    client.post(ticket.tracking_url(), {"do": "reopen", "text": "Belum.", "token": str(uuid.uuid4())})
    ticket.refresh_from_db()
    assert ticket.state == Ticket.State.OPEN


def test_an_empty_message_is_refused_in_words(client: Client, complain: Complain) -> None:
    response = client.post(complain().tracking_url(), {"do": "message", "text": "", "token": str(uuid.uuid4())})
    assert response.status_code == 422
    assert 'class="errors"' in body(response)


def test_a_page_that_is_older_than_the_state_keeps_the_words(client: Client, complain: Complain) -> None:
    ticket = complain()
    values = {"do": "reopen", "text": "Kata-kata saya", "token": str(uuid.uuid4())}
    response = client.post(ticket.tracking_url(), values)
    assert response.status_code == 409
    assert "Kata-kata saya" in body(response)


def test_closing_twice_is_closing_once(client: Client, complain: Complain) -> None:
    ticket = complain()
    for _ in range(2):
        assert client.post(ticket.tracking_url(), {"do": "close"}).status_code == 303
    ticket.refresh_from_db()
    assert ticket.state == Ticket.State.CLOSED
    assert "Belum selesai, buka lagi" in body(client.get(ticket.tracking_url()))


def test_finding_answers_the_same_whether_there_is_a_ticket_or_not(client: Client, complain: Complain) -> None:
    ticket = complain()
    asked = [
        (ticket.code, "budi@contoh.example"),
        (ticket.code, "maling@contoh.example"),
        ("AD-ZZZZ-ZZZZ", "x@y.example"),
    ]
    pages = {
        re.sub(
            r"csrfmiddlewaretoken[^>]*>",
            "",
            body(client.post("/aduan/lacak/", {"code": code, "contact": contact}, follow=True)),
        )
        for code, contact in asked
    }
    assert len(pages) == 1
    assert Notice.objects.filter(template="ticket_link").count() == 1


def test_the_page_takes_as_many_queries_for_a_long_history(
    client: Client, complain: Complain, toko: Reseller, rina: User, django_assert_max_num_queries: Any
) -> None:
    ticket = complain()
    for hour in range(1, 7):
        to, reseller = (Body.RESELLER, toko) if hour % 2 else (Body.ISSUER, None)
        at = TUESDAY + timedelta(hours=hour)
        custody.hand_over(ticket=ticket, to=to, reseller=reseller, actor="rina", at=at)
        complaining.add_message(ticket=ticket, text=f"Pesan {hour}", at=at)
    with django_assert_max_num_queries(4):
        client.get(ticket.tracking_url())


@pytest.mark.parametrize("language", ["id", "en"])
def test_every_letter_of_a_ticket_can_be_sent(
    complain: Complain, budi_order: Order, rina: User, mailoutbox: list[Any], language: str
) -> None:
    ticket = complain(order=budi_order, language=language)
    custody.hand_over(ticket=ticket, to=Body.ISSUER, actor="rina", at=TUESDAY + timedelta(hours=1))
    complaining.answer(ticket=ticket, text="x", by=rina, at=TUESDAY + timedelta(hours=2))
    complaining.send_link(code=ticket.code, contact=Contact(email=ticket.email), at=TUESDAY)
    assert noticing.send_due(at=TUESDAY + timedelta(hours=3)) >= 4
    mailoutbox = [letter for letter in mailoutbox if ticket.code in letter.subject]
    assert len(mailoutbox) == 4
    to_budi = [letter for letter in mailoutbox if letter.to == ["budi@contoh.example"]]
    assert all(ticket.tracking_url() in letter.body for letter in to_budi)
    (to_toko,) = [letter for letter in mailoutbox if letter.to == ["bantuan@toko.example"]]
    assert "aduan/" not in to_toko.body


def test_every_page_opens_in_english_too(client: Client, complain: Complain) -> None:
    for place in (FORM, "/aduan/lacak/", complain().tracking_url()):
        assert client.get(f"/en{place}").status_code == 200


def test_the_beat_rings_the_bell_of_the_escalation(complain: Complain, budi_order: Order, settings: Any) -> None:
    ticket = complain(order=budi_order)  # long ago: TUESDAY is in the past
    task = settings.CELERY_BEAT_SCHEDULE["escalate silent tickets"]["task"]
    assert import_string(task)() == 1
    assert custody.current(ticket).reason == Reason.SILENCE

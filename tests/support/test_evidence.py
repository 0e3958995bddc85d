"""What counts as evidence, and how strong it is."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from meterai.models import Reseller
from orders.contacts import Contact
from orders.models import Order
from support.evidence import Claim, Evidence, Kind, gather

pytestmark = pytest.mark.django_db
TUESDAY = datetime(2026, 9, 1, 3, 0, tzinfo=UTC)
BUDI = Contact(email="budi@contoh.example")


def pieces(**claim: object) -> list[Evidence]:
    return gather(claim=Claim(**claim), at=TUESDAY)  # type: ignore[arg-type]


def serial_of(order: Order) -> str:
    return str(order.lines.get().serial_id)


def test_an_order_code_is_proof_only_with_the_orders_contact(budi_order: Order, toko: Reseller) -> None:
    assert pieces(number=budi_order.code, contact=BUDI) == [
        Evidence(Kind.ORDER_CODE, budi_order.code, toko, budi_order)
    ]
    (claimed,) = pieces(number=budi_order.code, contact=Contact(email="maling@contoh.example"))
    assert (claimed.kind, claimed.is_proof, claimed.order) == (Kind.ORDER_CLAIMED, False, None)


def test_a_code_typed_carelessly_is_still_found(budi_order: Order) -> None:
    (piece,) = pieces(number=f" {budi_order.code.lower().replace('-', ' ')} ", contact=BUDI)
    assert piece.kind is Kind.ORDER_CODE


def test_a_typed_serial_leads_to_who_sold_it(budi_order: Order, siti_order: Order, toko: Reseller) -> None:
    assert pieces(number=serial_of(budi_order).lower()) == [Evidence(Kind.SERIAL, serial_of(budi_order), toko)]
    assert pieces(number=serial_of(siti_order)) == [Evidence(Kind.SERIAL, serial_of(siti_order), None)]


def test_a_serial_that_is_only_reserved_was_sold_by_nobody(sold: Callable[..., Order], toko: Reseller) -> None:
    assert pieces(number=serial_of(sold(reseller=toko, paid=False))) == []


def test_a_payment_leads_to_its_order_by_either_number(budi_order: Order, toko: Reseller) -> None:
    payment = budi_order.payments.get()
    expected = [Evidence(Kind.PAYMENT, str(payment.pk), toko, budi_order)]
    assert pieces(number=str(payment.pk)) == expected
    assert pieces(number=payment.gateway_reference) == expected


def test_a_sealed_file_outranks_everything(
    budi_order: Order, siti_order: Order, toko: Reseller, kios: Reseller, sealed: Callable[[str], bytes]
) -> None:
    found = pieces(pdf=sealed(serial_of(budi_order)), order=siti_order, number=serial_of(siti_order), reseller=kios)
    assert [piece.kind for piece in found] == [Kind.SEALED_FILE, Kind.ORDER_LINK, Kind.SERIAL, Kind.SAID]
    assert found[0].reseller == toko


@pytest.mark.parametrize("pdf", [b"%PDF-1.7 nothing", b"not a pdf"])
def test_a_file_without_a_seal_shows_nothing(pdf: bytes, sealed: Callable[[str], bytes]) -> None:
    assert pieces(pdf=pdf) == []


def test_a_complaint_gets_in_while_verification_is_down(
    budi_order: Order, sealed: Callable[[str], bytes], settings: Any, tmp_path: Path
) -> None:
    pdf = sealed(serial_of(budi_order))
    settings.TRUST_ROOTS = tmp_path / "missing.pem"
    assert [piece.kind for piece in pieces(pdf=pdf, order=budi_order)] == [Kind.ORDER_LINK]


def test_numbers_that_lead_nowhere_are_left_out() -> None:
    assert pieces(number="MT-ZZZZ-ZZZZ") == pieces(number="Z" * 22) == pieces(number="apa saja") == []

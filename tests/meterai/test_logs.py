"""No secret and no personal data reaches a log."""

import io
import logging
from collections.abc import Iterator

import pytest
from django.test import Client

from meterai import logs
from orders.models import Order

KEY = "Ab3-_xYz0123456789AbCd"
SECRETS = {
    f"GET /pesanan/MT-7K3M-9QXP/{KEY}/cek/ HTTP/1.1": KEY,
    f"GET /en/dokumen/0b0e7d4c-1111-2222-3333-444455556666/{KEY}/": KEY,
    f"GET /beli/?dokumen=0b0e7d4c-1111-2222-3333-444455556666.{KEY}&jumlah=1": KEY,
    "sent to siti.aminah+cpns@contoh.co.id today": "siti",
    "called 081234567890 and +6281234567890": "1234567890",
    "Authorization: Bearer abc.DEF-123=": "abc.DEF",
    "secret whsec_bm90IGEgcmVhbCBzZWNyZXQ=": "bm90",
}


@pytest.mark.parametrize("line", SECRETS)
def test_what_looks_like_a_secret_is_masked(line: str) -> None:
    assert SECRETS[line] not in logs.mask(line)


def test_what_is_no_secret_stays_readable() -> None:
    line = "2026-11-24 10:00:00 order MT-7K3M-9QXP total 20000, serial DEMO1234567890ABCDEFGH"
    assert logs.mask(line) == line


@pytest.fixture
def console() -> Iterator[io.StringIO]:
    """The configured handler, writing into memory."""
    handler = next(
        one for one in logging.root.handlers if any(isinstance(each, logs.HideSecrets) for each in one.filters)
    )
    assert isinstance(handler, logging.StreamHandler)
    stream = handler.setStream(io.StringIO())
    yield handler.stream
    handler.setStream(stream)


def test_the_configured_log_masks_arguments_and_tracebacks(console: io.StringIO) -> None:
    log = logging.getLogger("orders.anything")
    try:
        raise ValueError("siti@contoh.example")
    except ValueError:
        log.exception("Could not open /pesanan/%s/%s/", "MT-7K3M-9QXP", KEY)
    written = console.getvalue()
    assert "MT-7K3M-9QXP" in written and "ValueError" in written
    assert KEY not in written and "siti" not in written


@pytest.mark.django_db
def test_a_buyers_way_through_the_pages_leaves_no_key_in_the_log(
    console: io.StringIO, client: Client, order: Order
) -> None:
    client.get(f"/pesanan/{order.code}/{order.key}/kuitansi.pdf")
    client.post(f"/pesanan/{order.code}/{order.key}/tidak-ada/")
    client.post("/pesanan/", {"code": order.code, "contact": "siti@"})
    written = console.getvalue()
    assert "Not Found" in written
    assert order.key not in written and "siti" not in written

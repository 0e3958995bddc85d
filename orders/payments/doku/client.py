"""Our client of DOKU Checkout. The wire format, and where it is documented, is in README.md beside this file."""

from __future__ import annotations

import math
import re
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from orders.payments import options
from orders.payments.doku import answers, notifications, signing
from orders.payments.doku.invoices import INVOICE, invoice_of
from orders.payments.gateway import Charge, Method, Notified, Offer, PaymentError, RefundStatus, Standing, Started
from orders.payments.http import Answer, Fields, Line, encoded

ENVIRONMENTS = {"production": "https://api.doku.com", "sandbox": "https://api-sandbox.doku.com"}
BANKS = {
    "bca": "VIRTUAL_ACCOUNT_BCA",
    "mandiri": "VIRTUAL_ACCOUNT_BANK_MANDIRI",
    "bsi": "VIRTUAL_ACCOUNT_BANK_SYARIAH_MANDIRI",
    "bri": "VIRTUAL_ACCOUNT_BRI",
    "bni": "VIRTUAL_ACCOUNT_BNI",
    "permata": "VIRTUAL_ACCOUNT_BANK_PERMATA",
    "cimb": "VIRTUAL_ACCOUNT_BANK_CIMB",
    "danamon": "VIRTUAL_ACCOUNT_BANK_DANAMON",
    "doku": "VIRTUAL_ACCOUNT_DOKU",
}
CHECKOUT, STATUS = "/checkout/v1/payment", "/orders/v1/status/"
LONGEST_NAME = 255
NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9 .\-/+,=_:'@%]")

DUPLICATE, UNKNOWN = 409, 404


class DokuGateway:
    """Gateway over HTTP to DOKU: the buyer pays on its page. It knows a payment by an invoice number made of ours."""

    name = "doku"

    def __init__(
        self,
        *,
        client_id: str,
        secret_key: str,
        environment: str,
        url: str = "",
        va_banks: str = "bca,mandiri,bri,bni",
        notify_path: str = "/gerbang/doku/notifikasi",
        fee_qris: str = "0",
        fee_va: str = "0",
    ) -> None:
        """`notify_path` is the path of the notification address, as set in DOKU's dashboard.

        Raises ValueError when an option is unusable; the message never repeats a secret.
        """
        of = answers.NAME
        home = options.one_of(environment, ENVIRONMENTS, gateway=of, option="environment")
        self._signer = signing.Signer(
            client_id=options.secret(client_id, gateway=of, option="client_id"),
            secret_key=options.secret(secret_key, gateway=of, option="secret_key"),
        )
        self._channels = {
            Method.QRIS: ["QRIS"],
            Method.VIRTUAL_ACCOUNT: [
                options.one_of(bank.strip(), BANKS, gateway=of, option="va_banks") for bank in va_banks.split(",")
            ],
        }
        if not re.fullmatch(r"(/[0-9A-Za-z_.~-]+)+/?", notify_path):
            raise ValueError("DOKU's notify_path must be a plain path.")
        self._fee_qris = options.rupiah(fee_qris, gateway=of, option="fee_qris")
        self._fee_va = options.rupiah(fee_va, gateway=of, option="fee_va")
        self._is_sandbox = environment == "sandbox"
        self._line = Line(gateway=of, url=url or home)
        self._door = notifications.Door(signer=self._signer, path=notify_path)

    def __repr__(self) -> str:
        return f"<DokuGateway {self._line.url}>"

    @property
    def is_sandbox(self) -> bool:
        return self._is_sandbox

    def methods(self) -> tuple[Offer, ...]:
        return (
            Offer(method=Method.QRIS, label="QRIS", fee=self._fee_qris, usual_seconds=20),
            Offer(method=Method.VIRTUAL_ACCOUNT, label="Virtual account bank", fee=self._fee_va, usual_seconds=60),
        )

    def start(self, charge: Charge) -> Started:
        """A repeat carries the same Request-Id, for which DOKU gives its first answer again."""
        channels = self._channels.get(charge.method)
        minutes = math.ceil((charge.expires_at - datetime.now(UTC)).total_seconds() / 60)
        if channels is None or minutes < 1:
            raise PaymentError("DOKU takes no such charge, or no longer.", permanent=True)
        invoice = _invoice(charge.reference)
        body = _charged(charge, invoice=invoice, minutes=minutes, channels=channels)
        answer = self._send("POST", CHECKOUT, content=encoded(body), request_id=charge.reference)
        if answer.status != DUPLICATE:
            answer.refuse_failure()
        fields = Fields(answer.json(), gateway=answers.NAME)
        if "response" not in fields:  # 409 without the first answer: the invoice is taken, its page is not told
            answer.refuse_failure()
        secure = urlsplit(self._line.url).scheme == "https"
        return answers.started(fields, charge=charge, invoice=invoice, secure=secure)

    def ask(self, gateway_reference: str) -> Standing:
        answer = self._asked(gateway_reference)
        answer.refuse_failure()
        standing = answers.standing(Fields(answer.json(), gateway=answers.NAME))
        if standing.gateway_reference != gateway_reference:
            raise PaymentError("DOKU answered about another payment.", permanent=True)
        return standing

    def find(self, reference: str) -> Standing | None:
        invoice = _invoice(reference)
        answer = self._asked(invoice)
        if answer.status == UNKNOWN:
            return None
        answer.refuse_failure()
        standing = answers.standing(Fields(answer.json(), gateway=answers.NAME))
        if standing.reference != reference:
            raise PaymentError("DOKU answered about another reference.", permanent=True)
        return standing

    def refunds(self, method: Method) -> bool:
        """Never: DOKU refunds QRIS by its SNAP API alone, and virtual accounts not at all."""
        return False

    def refund(self, gateway_reference: str, refund_key: str, amount: int, reason: str) -> RefundStatus:
        raise PaymentError("DOKU Checkout sends no money back.", permanent=True)

    def read(self, headers: Mapping[str, str], body: bytes, at: datetime) -> Notified:
        return self._door.read(headers, body, at)

    def _asked(self, invoice: str) -> Answer:
        if not INVOICE.fullmatch(invoice):
            raise PaymentError("This is no invoice number of ours.", permanent=True)
        return self._send("GET", STATUS + invoice, content=None, request_id=str(uuid.uuid4()))

    def _send(self, verb: str, path: str, *, content: bytes | None, request_id: str) -> Answer:
        sent_at, target = signing.timestamp(datetime.now(UTC)), urlsplit(self._line.url + path).path
        headers = {
            "Client-Id": self._signer.client_id,
            "Request-Id": request_id,
            "Request-Timestamp": sent_at,
            "Signature": self._signer.sign(request_id=request_id, sent_at=sent_at, target=target, content=content),
        }
        if content is not None:
            headers["Content-Type"] = "application/json"
        return self._line.send(verb, path, content=content, headers=headers)


def _charged(charge: Charge, *, invoice: str, minutes: int, channels: list[str]) -> dict[str, Any]:
    """`minutes` are counted from when DOKU gets it, rounded up: a repeat within the minute is the very same body."""
    name = NOT_IN_A_NAME.sub(" ", charge.description)[:LONGEST_NAME]
    return {
        "order": {
            "amount": charge.amount,
            "invoice_number": invoice,
            "currency": "IDR",
            "callback_url": charge.return_url,
            "callback_url_result": charge.return_url,
            "language": "ID",
            "auto_redirect": True,
            "disable_retry_payment": True,  # so that FAILED is the last word
            "line_items": [{"name": name, "price": charge.amount, "quantity": 1}],
        },
        "payment": {"payment_due_date": minutes, "payment_method_types": channels},
        "additional_info": {"override_notification_url": charge.notify_url},
    }


def _invoice(reference: str) -> str:
    try:
        return invoice_of(reference)
    except ValueError as error:
        raise PaymentError("DOKU takes only references that are UUIDs.", permanent=True) from error

"""Our client of Midtrans's Core API. The wire format, and where it is documented, is in README.md beside this file."""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from orders.payments import options
from orders.payments.gateway import Charge, Method, Notified, Offer, PaymentError, RefundStatus, Standing, Started
from orders.payments.http import REPEATABLE, Answer, Fields, Line, encoded
from orders.payments.midtrans import answers, notifications

ENVIRONMENTS = {"production": "https://api.midtrans.com", "sandbox": "https://api.sandbox.midtrans.com"}
BANKS = {
    "bca": "Virtual account BCA",
    "bni": "Virtual account BNI",
    "bri": "Virtual account BRI",
    "permata": "Virtual account Permata",
}
ACQUIRERS = {"gopay": "gopay", "airpay shopee": "airpay shopee"}
SHORTEST_SECONDS = 20  # Midtrans refuses a charge that is to be paid sooner
LONGEST_NAME = 50  # characters of an item's name
LONGEST_REASON = 255
REFUND_KEY = re.compile(r"[0-9A-Za-z_-]{1,60}")

DUPLICATE, UNKNOWN, EXPIRED, WRONG_TYPE, NO_REFUND = 406, 404, 407, 408, 414


class Refused(PaymentError):
    """Midtrans said no; `code` is its own status code."""

    def __init__(self, code: int, *, permanent: bool) -> None:
        super().__init__(f"Midtrans answered with status {code}.", permanent=permanent)
        self.code = code


class MidtransGateway:
    """Gateway over HTTP to Midtrans. It knows a payment by our own reference, which it calls the order_id."""

    name = "midtrans"

    def __init__(
        self,
        *,
        server_key: str,
        environment: str,
        url: str = "",
        va_bank: str = "bca",
        qris_acquirer: str = "gopay",
        fee_qris: str = "0",
        fee_va: str = "0",
    ) -> None:
        """Raises ValueError when an option is unusable; the message never repeats a secret."""
        of = answers.NAME
        home = options.one_of(environment, ENVIRONMENTS, gateway=of, option="environment")
        key = options.secret(server_key, gateway=of, option="server_key")
        self._va_label = options.one_of(va_bank, BANKS, gateway=of, option="va_bank")
        self._acquirer = options.one_of(qris_acquirer, ACQUIRERS, gateway=of, option="qris_acquirer")
        self._fee_qris = options.rupiah(fee_qris, gateway=of, option="fee_qris")
        self._fee_va = options.rupiah(fee_va, gateway=of, option="fee_va")
        self._is_sandbox, self._bank = environment == "sandbox", va_bank
        self._signature = notifications.Signature(key)
        basic = base64.b64encode(f"{key}:".encode()).decode()
        self._line = Line(gateway=of, url=url or home, headers={"Authorization": f"Basic {basic}"})

    def __repr__(self) -> str:
        return f"<MidtransGateway {self._line.url}>"

    @property
    def is_sandbox(self) -> bool:
        return self._is_sandbox

    def methods(self) -> tuple[Offer, ...]:
        return (
            Offer(method=Method.QRIS, label="QRIS", fee=self._fee_qris, usual_seconds=20),
            Offer(method=Method.VIRTUAL_ACCOUNT, label=self._va_label, fee=self._fee_va, usual_seconds=60),
        )

    def start(self, charge: Charge) -> Started:
        """A repeat within five minutes gets the first answer by its Idempotency-Key; a later one finds the payment.

        What is found tells the account number, and of a QR code only where its picture lies.
        """
        if charge.method not in answers.PAYMENT_TYPES or not answers.ID.fullmatch(charge.reference):
            raise PaymentError("Midtrans takes no such charge.", permanent=True)
        seconds = math.ceil((charge.expires_at - datetime.now(UTC)).total_seconds())
        if seconds < SHORTEST_SECONDS:
            return self._started_before(charge)
        headers = {
            "Idempotency-Key": f"{charge.reference}-charge",  # 46 characters are the most
            "X-Override-Notification": charge.notify_url,
        }
        try:
            payment = self._call("POST", "/v2/charge", body=self._charged(charge, seconds), headers=headers)
        except Refused as refusal:
            if refusal.code != DUPLICATE:
                raise
            return self._started_before(charge)
        return answers.started(payment, charge=charge, bank=self._bank, url=self._line.url)

    def ask(self, gateway_reference: str) -> Standing:
        standing = answers.standing(self._status(gateway_reference))
        if standing.gateway_reference != gateway_reference:
            raise PaymentError("Midtrans answered about another payment.", permanent=True)
        return standing

    def find(self, reference: str) -> Standing | None:
        try:
            return self.ask(reference)
        except Refused as refusal:
            if refusal.code == UNKNOWN:
                return None
            raise

    def refunds(self, method: Method) -> bool:
        """Virtual accounts are never refunded by Midtrans: a bank account has no way back."""
        return method is Method.QRIS

    def refund(self, gateway_reference: str, refund_key: str, amount: int, reason: str) -> RefundStatus:
        """Looks before it asks: within seven days Midtrans would repeat a refund's key itself, later it refuses it."""
        if not REFUND_KEY.fullmatch(refund_key):
            raise PaymentError("Midtrans takes no such refund key.", permanent=True)
        confirmed = self._refund_before(gateway_reference, refund_key, amount)
        if confirmed is None:
            body = {"refund_key": refund_key, "amount": amount, "reason": reason[:LONGEST_REASON]}
            try:
                refund = self._call("POST", f"/v2/{gateway_reference}/refund", body=body)
            except Refused as refusal:
                if refusal.code != DUPLICATE:
                    raise
                confirmed = self._refund_before(gateway_reference, refund_key, amount)
                if confirmed is None:
                    raise
            else:
                if (refund.raw("order_id"), refund.raw("refund_key")) != (gateway_reference, refund_key):
                    raise PaymentError("Midtrans refunded something else than was asked for.", permanent=True)
        return RefundStatus.DONE if confirmed else RefundStatus.PENDING

    def read(self, headers: Mapping[str, str], body: bytes, at: datetime) -> Notified:
        """Midtrans signs no time, so an old notification cannot be told from a late one; the event id drops it."""
        return self._signature.read(body)

    def _charged(self, charge: Charge, seconds: int) -> dict[str, Any]:
        body: dict[str, Any] = {
            "payment_type": answers.PAYMENT_TYPES[charge.method],
            "transaction_details": {"order_id": charge.reference, "gross_amount": charge.amount},
            "item_details": [
                {
                    "id": "e-meterai",
                    "price": charge.amount,
                    "quantity": 1,
                    "name": charge.description[:LONGEST_NAME],
                }
            ],
            "custom_expiry": {"expiry_duration": seconds, "unit": "second"},
        }
        if charge.method is Method.QRIS:
            return body | {"qris": {"acquirer": self._acquirer}}
        return body | {"bank_transfer": {"bank": self._bank}}

    def _started_before(self, charge: Charge) -> Started:
        """The payment that an earlier `start` made. Raises PaymentError, permanent when there is none."""
        return answers.started(self._status(charge.reference), charge=charge, bank=self._bank, url=self._line.url)

    def _refund_before(self, gateway_reference: str, refund_key: str, amount: int) -> bool | None:
        payment = self._status(gateway_reference)
        if payment.raw("payment_type") != answers.PAYMENT_TYPES[Method.QRIS]:
            raise PaymentError("Midtrans refunds no payment of this kind.", permanent=True)
        return answers.refund_of(payment, refund_key=refund_key, amount=amount)

    def _status(self, order_id: str) -> Fields:
        if not answers.ID.fullmatch(order_id):
            raise PaymentError("This is no order_id of ours.", permanent=True)
        return self._call("GET", f"/v2/{order_id}/status")

    def _call(
        self,
        verb: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Fields:
        """The payment or refund that came back. Raises Refused, or PaymentError when nothing usable came."""
        kind = {} if body is None else {"Content-Type": "application/json"}
        content = None if body is None else encoded(body)
        answer = self._line.send(verb, path, content=content, headers=kind | dict(headers or {}))
        if not 200 <= answer.status < 500:
            answer.refuse_failure()
        return _accepted(answer)


def _accepted(answer: Answer) -> Fields:
    """Midtrans says how it went in `status_code` of the body; HTTP's own status may be 200 all the while."""
    try:
        fields = Fields(answer.json(), gateway=answers.NAME)
        code = int(fields.text("status_code"))
    except (PaymentError, ValueError):
        answer.refuse_failure()  # no word from Midtrans itself: HTTP's status is all there is
        raise PaymentError("Midtrans's answer has no usable status_code.", permanent=False) from None
    if answer.status == 202 and "order_id" not in fields:
        raise PaymentError("Midtrans is still at work on the first request.", permanent=False)
    if code < 300 <= answer.status:
        answer.refuse_failure()
    # 407 is what a payment that ran out of time is told by, as an answer and not as a refusal.
    if 200 <= code < 300 or (code == EXPIRED and "transaction_status" in fields):
        return fields
    raise Refused(code, permanent=_is_final(code, fields))


def _is_final(code: int, fields: Fields) -> bool:
    """Whether a repeat would change nothing."""
    if code == NO_REFUND:  # too much was asked for, or our balance is too low today: only the words tell
        return "insufficient" not in str(fields.raw("status_message")).lower()
    return 400 <= code < 500 and (code == WRONG_TYPE or code not in REPEATABLE)

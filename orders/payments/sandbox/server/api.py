"""The merchant's door: JSON under /v1/, each request with the server key."""

from __future__ import annotations

import hmac
import time

from orders.payments.sandbox.server import acting, asking, notices, payments, settlements
from orders.payments.sandbox.server.configuration import Configuration
from orders.payments.sandbox.server.store import Store
from orders.payments.sandbox.server.web import Door, Refused, Request, Response, Route, as_json

PAYMENT = r"/(?P<number>SBX[0-9A-Z]{20})"


class Api:
    def __init__(self, store: Store, configuration: Configuration) -> None:
        self._store, self._url, self._key = store, configuration.url, configuration.server_key

    def routes(self) -> list[Route]:
        rows: list[Route] = [
            ("POST", "/v1/payments", self.create),
            ("GET", "/v1/payments", self.find),
            ("GET", "/v1/payments" + PAYMENT, self.show),
            ("POST", "/v1/payments" + PAYMENT + "/refunds", self.refund),
            ("GET", "/v1/settlements", self.settlements),
            ("GET", "/v1/control/settings", self.mischief),
            ("PUT", "/v1/control/settings", self.order_mischief),
            ("POST", "/v1/control" + PAYMENT, self.act),
        ]
        return [(verb, pattern, self._keyed(door)) for verb, pattern, door in rows]

    def create(self, request: Request) -> Response:
        wanted = asking.wanted(request.json(), key=request.headers.get("idempotency-key", ""))
        with self._store.transaction() as c:
            payment, new = payments.create(c, wanted, at=time.time())
        return as_json(201 if new else 200, payments.shown(payment, url=self._url))

    def find(self, request: Request) -> Response:
        if not request.query.get("reference"):
            raise Refused(400, "reference_missing", "Ask with ?reference=….")
        with self._store.transaction() as c:
            payment = payments.by_reference(c, request.query["reference"], at=time.time())
        return as_json(200, {"data": [payments.shown(payment, url=self._url)] if payment else []})

    def show(self, request: Request, number: str) -> Response:
        with self._store.transaction() as c:
            payment = payments.get(c, number, at=time.time())
        return as_json(200, payments.shown(payment, url=self._url))

    def refund(self, request: Request, number: str) -> Response:
        body = request.json()
        wish = {
            "refund_key": asking.text(body, "refund_key", longest=64),
            "reason": asking.text(body, "reason", longest=200),
        }
        amount = asking.rupiah(body, "amount")
        with self._store.transaction() as c:
            refund, new = payments.refund(c, number, amount=amount, at=time.time(), **wish)
        shown = {name: refund[name] for name in ("payment", "refund_key", "amount", "reason")}
        return as_json(201 if new else 200, shown | {"created_at": payments.iso(refund["created_at"])})

    def settlements(self, request: Request) -> Response:
        day = settlements.day(request.query.get("date", ""))
        with self._store.transaction() as c:
            report = settlements.report(c, day)
        named = {"Content-Disposition": f'attachment; filename="sandbox-{day}.csv"'}
        return Response(200, report, "text/csv; charset=utf-8", named)

    def act(self, request: Request, number: str) -> Response:
        body = request.json()
        action = asking.text(body, "action", longest=30)
        amount = asking.rupiah(body, "amount") if "amount" in body else None
        with self._store.transaction() as c:
            acting.act(c, number, action=action, amount=amount, at=time.time())
            payment = payments.get(c, number, at=time.time())
        return as_json(200, payments.shown(payment, url=self._url))

    def mischief(self, request: Request) -> Response:
        with self._store.transaction() as c:
            return as_json(200, notices.mischief(c))

    def order_mischief(self, request: Request) -> Response:
        wish = request.json()
        with self._store.transaction() as c:
            try:
                notices.order_mischief(c, notices.mischief(c) | wish)
            except ValueError as error:
                raise Refused(422, "unprocessable", str(error)) from error
            return as_json(200, notices.mischief(c))

    def _keyed(self, door: Door) -> Door:
        expected = f"Bearer {self._key}".encode()

        def keyed(request: Request, **named: str) -> Response:
            given = request.headers.get("authorization", "").encode(errors="replace")
            if not hmac.compare_digest(expected, given):
                challenge = {"WWW-Authenticate": "Bearer"}
                raise Refused(401, "wrong_key", "The server key is missing or wrong.", headers=challenge)
            return door(request, **named)

        return keyed

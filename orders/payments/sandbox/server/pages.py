"""The doors a person uses: the hosted payment page and the control page."""

from __future__ import annotations

import base64
import hmac
import io
import time
from collections.abc import Mapping
from html import escape

import segno

from orders.payments.sandbox.server import acting, asking, markup, notices, payments
from orders.payments.sandbox.server.configuration import Configuration
from orders.payments.sandbox.server.store import Store
from orders.payments.sandbox.server.web import Door, Refused, Request, Response, Route

PAYMENT = r"/(?P<number>SBX[0-9A-Z]{20})"


class Pages:
    def __init__(self, store: Store, configuration: Configuration) -> None:
        self._store = store
        # On a developer's own machine the control page is open; anywhere else it asks for the server key.
        credentials = base64.b64encode(f"sandbox:{configuration.server_key}".encode())
        self._credentials = None if configuration.on_loopback else b"Basic " + credentials

    def routes(self) -> list[Route]:
        rows: list[Route] = [
            ("GET", "/pay" + PAYMENT, self.show),
            ("POST", "/pay" + PAYMENT, self.pay),
            ("GET", "/pay" + PAYMENT + "/qr.svg", self.qr),
            ("GET", "/control", self._guarded(self.control)),
            ("POST", "/control/settings", self._guarded(self.order_mischief)),
            ("POST", "/control" + PAYMENT, self._guarded(self.act)),
        ]
        return [("GET", "/style.css", style), *((verb, path, as_page(door)) for verb, path, door in rows)]

    def show(self, request: Request, number: str) -> Response:
        with self._store.transaction() as c:
            payment = payments.get(c, number, at=time.time())
        # Browsers hold form-action against the redirect after the form as well, so the shop is named.
        shop = asking.origin(payment["return_url"])
        return html(200, markup.payment_page(payment, bank=payments.BANK), forms_may_reach=shop)

    def pay(self, request: Request, number: str) -> Response:
        """A second press changes nothing and leads to the same place."""
        with self._store.transaction() as c:
            payment = payments.get(c, number, at=time.time())
            if payment["status"] not in ("pending", "paid"):
                raise Refused(409, "wrong_state", "Pembayaran ini sudah ditutup. This payment is closed.")
            if payment["status"] == "pending":
                acting.act(c, number, action="pay", amount=None, at=time.time())
        return see(payment["return_url"])

    def qr(self, request: Request, number: str) -> Response:
        with self._store.transaction() as c:
            payment = payments.get(c, number, at=time.time())
        if not payment["qr_string"]:
            raise Refused(404, "no_qr", "Tidak ada kode QR. There is no QR code.")
        picture = io.BytesIO()
        segno.make(payment["qr_string"], micro=False).save(picture, kind="svg", scale=4, xmldecl=False)
        return Response(200, picture.getvalue(), "image/svg+xml")

    def control(self, request: Request) -> Response:
        with self._store.transaction() as c:
            known, mischief = payments.latest(c, at=time.time()), notices.mischief(c)
            lately = c.execute("select * from notification order by id desc limit 10").fetchall()
        return html(200, markup.control_page(known, mischief, lately))

    def act(self, request: Request, number: str) -> Response:
        with self._store.transaction() as c:
            acting.act(c, number, action=request.form().get("action", ""), amount=None, at=time.time())
        return see("/control")

    def order_mischief(self, request: Request) -> Response:
        with self._store.transaction() as c:
            try:
                notices.order_mischief(c, _wish(request.form()))
            except ValueError as error:
                raise Refused(422, "unprocessable", "Angka tidak benar. A number is wrong.") from error
        return see("/control")

    def _guarded(self, door: Door) -> Door:
        def guarded(request: Request, **named: str) -> Response:
            given = request.headers.get("authorization", "").encode(errors="replace")
            if self._credentials and not hmac.compare_digest(self._credentials, given):
                challenge = {"WWW-Authenticate": 'Basic realm="sandbox", charset="UTF-8"'}
                raise Refused(401, "wrong_key", "Nama: sandbox. Sandi: kunci server.", headers=challenge)
            return door(request, **named)

        return guarded


def as_page(door: Door) -> Door:
    """A refusal is shown as a page; a form sent from another site's page is refused (Fetch Metadata)."""

    def shown(request: Request, **named: str) -> Response:
        try:
            if request.verb == "POST" and request.headers.get("sec-fetch-site", "none") not in OWN:
                raise Refused(403, "cross_site", "Dikirim dari situs lain. Sent from another site.")
            return door(request, **named)
        except Refused as refused:
            page = html(refused.status, markup.page("Tidak bisa", f"<p>{escape(str(refused))}</p>"))
            return Response(page.status, page.body, page.content_type, page.headers | refused.headers)

    return shown


OWN = frozenset({"none", "same-origin"})


def html(status: int, text: str, *, forms_may_reach: str = "") -> Response:
    policy = (
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'; "
        f"form-action 'self' {forms_may_reach}".rstrip()
    )
    return Response(status, text.encode(), "text/html; charset=utf-8", {"Content-Security-Policy": policy})


def see(address: str) -> Response:
    return Response(303, headers={"Location": address})


def style(request: Request) -> Response:
    return Response(200, markup.STYLE.encode(), "text/css; charset=utf-8", {"Cache-Control": "max-age=300"})


def _wish(form: Mapping[str, str]) -> dict[str, object]:
    return {
        "delay_seconds": float(form.get("delay_seconds", "")),
        "drop_share": float(form.get("drop_share", "")),
        "answer_seconds": float(form.get("answer_seconds", "") or 0),
        "duplicate": "duplicate" in form,
        "reorder": "reorder" in form,
        "silent": "silent" in form,
    }

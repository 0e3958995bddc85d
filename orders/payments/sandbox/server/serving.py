"""Puts the server together: store, sender, doors."""

from __future__ import annotations

from collections.abc import Mapping

from orders.payments.sandbox.server import configuration
from orders.payments.sandbox.server.api import Api
from orders.payments.sandbox.server.lagging import Lag
from orders.payments.sandbox.server.pages import Pages
from orders.payments.sandbox.server.sending import Sender
from orders.payments.sandbox.server.store import Store
from orders.payments.sandbox.server.web import Request, Response, Site


def build(environ: Mapping[str, str]) -> Site:
    """The WSGI application, its senders running. Raises NotConfigured."""
    configured = configuration.read(environ)
    store = Store(configured.store)
    Sender(store, notify_secret=configured.notify_secret).start()
    lag = Lag(store)
    routes = [
        *[
            (verb, pattern, lag.behind(door) if pattern.startswith("/v1/payments") else door)
            for verb, pattern, door in Api(store, configured).routes()
        ],
        *Pages(store, configured).routes(),
        ("GET", "/healthz", healthz),
    ]
    return Site(routes)


def healthz(request: Request) -> Response:
    return Response(200, b"ok\n")

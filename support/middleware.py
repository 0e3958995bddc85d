"""Sees how every try to buy, pay, verify or complain ended, and counts it. Upper apps ask; lower ones need not tell."""

import time
from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone

from . import counting
from .models import Component, Outcome

Answer = Callable[[HttpRequest], HttpResponseBase]

# Method and name of an address, and what a person tries there.
TRIES = {
    ("POST", "orders:buy"): Component.BUYING,
    ("POST", "orders_api:orders"): Component.BUYING,
    ("POST", "orders:pay"): Component.PAYING,
    ("POST", "orders:check"): Component.PAYING,
    ("POST", "orders_api:check"): Component.PAYING,
    ("POST", "stamping:verify"): Component.VERIFYING,
    ("POST", "stamping_api:verifications"): Component.VERIFYING,
    ("GET", "stamping:serial"): Component.VERIFYING,
    ("GET", "stamping_api:serial"): Component.VERIFYING,
    ("POST", "support:complain"): Component.COMPLAINING,
    ("POST", "support_api:tickets"): Component.COMPLAINING,
}
SLOW_SECONDS = 5.0


class CountOutcomes:
    """The outermost middleware: a try that another middleware broke is seen as well."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        began = time.monotonic()
        response = self.get_response(request)
        if component := _tried(request):
            outcome = _outcome(component, response, seconds=time.monotonic() - began)
            if outcome:
                counting.count(component, outcome, at=timezone.now())
        return response


def _tried(request: HttpRequest) -> Component | None:
    match = request.resolver_match
    return TRIES.get((request.method or "", match.view_name)) if match else None


def _outcome(component: Component, response: HttpResponseBase, *, seconds: float) -> Outcome | None:
    """None for what is no outcome of ours: a mistake of the person's, a limit, or the way to the waiting room."""
    if response.status_code >= 500:
        is_sent_to_wait = component == Component.BUYING and response.status_code == 503
        return None if is_sent_to_wait and response.has_header("Retry-After") else Outcome.FAILED
    if response.status_code >= 400:
        return None
    return Outcome.SLOW if seconds > SLOW_SECONDS else Outcome.DONE

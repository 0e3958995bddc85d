"""Orders and money for a collector of metrics: what an alarm should be set on."""

from datetime import datetime

from meterai.metrics import Gauge

from . import figures
from .figures import Pile


def gauges(*, at: datetime) -> list[Gauge]:
    """Trade of the last minute, and every pile that should be empty, with the age of its oldest."""
    return [
        _alone("meterai_orders_placed_last_minute", "Orders placed in the last minute.", figures.placed(at=at)),
        _alone("meterai_orders_paid_last_minute", "Orders paid in the last minute.", figures.paid(at=at)),
        *_pile("payments_stuck", "Open payments that no worker moves", figures.stuck_payments(at=at), at),
        *_pile("payments_held", "Payments held for a person", figures.held(), at),
        *_pile("refunds_to_transfer", "Refunds that a person must transfer", figures.payouts(), at),
        *_pile("refunds_stuck", "Refunds at a gateway for over a day", figures.stuck_refunds(at=at), at),
        *_pile("notifications_unheard", "Notifications not worked through", figures.unheard(at=at), at),
        *_pile("transfers_unmatched", "Transfers to our account that nobody placed", figures.strangers(), at),
        *_pile("discrepancies_open", "What does not add up and waits for a person", figures.discrepancies(), at),
    ]


def _pile(name: str, meaning: str, pile: Pile, at: datetime) -> list[Gauge]:
    return [
        _alone(f"meterai_{name}", f"{meaning}.", pile.count),
        _alone(f"meterai_{name}_oldest_seconds", f"{meaning}: since when the oldest.", pile.seconds(at=at)),
    ]


def _alone(name: str, meaning: str, value: float) -> Gauge:
    return Gauge(name, meaning, [({}, value)])

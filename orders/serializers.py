"""The API's shapes: what a client may send, and what it gets."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.urls import reverse
from rest_framework import serializers

from . import contacts, gates
from .models import Order, Payment, Refund
from .ordering import Wish
from .payments.gateway import Method
from .pricing import Price


class OrderWish(serializers.Serializer):  # type: ignore[type-arg]
    """At least one of e-mail and phone. Without a gateway, the first that offers the method is taken."""

    quantity = serializers.IntegerField(min_value=1)
    email = serializers.CharField(required=False, max_length=contacts.MOST_LETTERS)
    phone = serializers.CharField(required=False, max_length=40, help_text="0812… or +62812…")
    method = serializers.ChoiceField(choices=[method.value for method in Method])
    gateway = serializers.CharField(required=False, max_length=20)
    reseller = serializers.SlugField(required=False, max_length=40)
    language = serializers.ChoiceField(choices=["id", "en"], default="id", help_text="Of e-mails and the receipt.")

    def validate_quantity(self, value: int) -> int:
        """Not above the largest order."""
        if value > settings.MAX_STAMPS_PER_ORDER:
            raise serializers.ValidationError(f"At most {settings.MAX_STAMPS_PER_ORDER} in one order.")
        return value

    def validate_email(self, value: str) -> str:
        """In the one way we store it."""
        try:
            return contacts.email(value)
        except contacts.NotAContact:
            raise serializers.ValidationError("This is not an e-mail address.") from None

    def validate_phone(self, value: str) -> str:
        """In E.164 form."""
        try:
            return contacts.phone(value)
        except contacts.NotAContact:
            raise serializers.ValidationError("This is not a telephone number.") from None

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """A way to be reached, and a way to pay that is offered."""
        if not attrs.get("email") and not attrs.get("phone"):
            raise serializers.ValidationError("Give an e-mail address or a telephone number.")
        offered = [name for name, offer in gates.offers() if offer.method.value == attrs["method"]]
        attrs.setdefault("gateway", offered[0] if offered else "")
        if attrs["gateway"] not in offered:
            raise serializers.ValidationError({"method": ["This way to pay is not offered."]})
        return attrs

    def wish(self) -> Wish:
        """What was asked for, once valid."""
        sent = self.validated_data
        return Wish(
            quantity=sent["quantity"],
            email=sent.get("email", ""),
            phone=sent.get("phone", ""),
            gateway=sent["gateway"],
            method=sent["method"],
            reseller_code=sent.get("reseller", ""),
            language=sent["language"],
        )


class PaymentShown(serializers.Serializer):  # type: ignore[type-arg]
    """One payment. Instructions that a method does not use are empty."""

    gateway = serializers.CharField()
    method = serializers.CharField()
    state = serializers.CharField(help_text="started, pending, paid, expired, failed, held, reversed or refunded")
    amount = serializers.IntegerField(help_text="Rupiah.")
    qr_string = serializers.CharField(allow_blank=True)
    va_number = serializers.CharField(allow_blank=True)
    va_bank = serializers.CharField(allow_blank=True)
    pay_url = serializers.CharField(allow_blank=True)
    expires_at = serializers.DateTimeField()
    asked_at = serializers.DateTimeField(allow_null=True, help_text="When the gateway was asked last.")


class RefundShown(serializers.Serializer):  # type: ignore[type-arg]
    """Money on its way back."""

    amount = serializers.IntegerField(help_text="Rupiah.")
    reason = serializers.CharField(help_text="surplus or sold_out")
    state = serializers.CharField(help_text="requested or done")
    requested_at = serializers.DateTimeField()
    done_at = serializers.DateTimeField(allow_null=True)


class LinksShown(serializers.Serializer):  # type: ignore[type-arg]
    """Where to go on. `page` and `receipt` hold the secret key: share them with the buyer only."""

    self = serializers.CharField()  # type: ignore[assignment]
    check = serializers.CharField()
    page = serializers.CharField()
    receipt = serializers.CharField(allow_blank=True, help_text="Empty before the order is paid.")


class OrderShown(serializers.Serializer):  # type: ignore[type-arg]
    """An order. Amounts are whole rupiah."""

    code = serializers.CharField()
    key = serializers.CharField(help_text="The secret: send it as X-Order-Key, never in an address.")
    state = serializers.CharField(help_text="pending, paid, expired or cancelled")
    quantity = serializers.IntegerField()
    duty = serializers.IntegerField()
    service_fee = serializers.IntegerField()
    payment_fee = serializers.IntegerField()
    total = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    paid_at = serializers.DateTimeField(allow_null=True)
    reseller = serializers.CharField(allow_blank=True)
    serials = serializers.ListField(child=serializers.CharField(), help_text="Empty before the order is paid.")
    payment = PaymentShown(allow_null=True)
    refunds = RefundShown(many=True)
    links = LinksShown()


class PriceAsked(serializers.Serializer):  # type: ignore[type-arg]
    """How many stamps."""

    quantity = serializers.IntegerField(min_value=1, max_value=1_000_000)


class PriceByMethod(serializers.Serializer):  # type: ignore[type-arg]
    """What one way to pay adds, and the total with it."""

    gateway = serializers.CharField()
    method = serializers.CharField()
    payment_fee = serializers.IntegerField()
    total = serializers.IntegerField()
    usual_seconds = serializers.IntegerField(help_text="From paying to our knowing of it, usually.")


class PriceShown(serializers.Serializer):  # type: ignore[type-arg]
    """The price today, whole rupiah; nothing is added later."""

    quantity = serializers.IntegerField()
    duty = serializers.IntegerField(help_text="A stamp.")
    service_fee = serializers.IntegerField(help_text="A stamp.")
    methods = PriceByMethod(many=True)


class ProblemShown(serializers.Serializer):  # type: ignore[type-arg]
    """RFC 9457 problem details."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    code = serializers.CharField(help_text="Stable, for programs.")
    detail = serializers.CharField(required=False)
    errors = serializers.JSONField(  # type: ignore[assignment]  # the base class has a property of that name
        required=False, help_text="By field, when the code is invalid."
    )


def order_shown(order: Order) -> dict[str, Any]:
    """An order as the API shows it to whoever holds its key."""
    payments = list(order.payments.prefetch_related("refunds").order_by("created_at"))
    paid = order.state in Order.WAS_PAID
    serials = order.lines.filter(released_at=None).order_by("serial_id").values_list("serial_id", flat=True)
    fields = ("code", "key", "state", "quantity", "duty", "service_fee", "payment_fee", "total")
    times = ("created_at", "expires_at", "paid_at")
    return (
        {name: getattr(order, name) for name in fields}
        | {name: _time(getattr(order, name)) for name in times}
        | {
            "reseller": order.reseller.code if order.reseller else "",
            "serials": list(serials) if paid else [],
            "payment": _payment_shown(payments[-1]) if payments else None,
            "refunds": [_refund_shown(refund) for payment in payments for refund in payment.refunds.all()],
            "links": {
                "self": settings.SITE_URL + reverse("orders_api:order", args=[order.code]),
                "check": settings.SITE_URL + reverse("orders_api:check", args=[order.code]),
                "page": settings.SITE_URL + order.get_absolute_url(),
                "receipt": settings.SITE_URL + reverse("orders:receipt", args=[order.code, order.key]) if paid else "",
            },
        }
    )


def price_shown(cost: Price) -> dict[str, Any]:
    """A price with every way to pay."""
    methods = [
        {
            "gateway": name,
            "method": offer.method.value,
            "payment_fee": offer.fee,
            "total": cost.total + offer.fee,
            "usual_seconds": offer.usual_seconds,
        }
        for name, offer in gates.offers()
    ]
    return {"quantity": cost.quantity, "duty": cost.duty, "service_fee": cost.service_fee, "methods": methods}


def _payment_shown(payment: Payment) -> dict[str, Any]:
    instructions = {
        name: payment.instructions.get(name, "") for name in ("qr_string", "va_number", "va_bank", "pay_url")
    }
    known = {name: getattr(payment, name) for name in ("gateway", "method", "state", "amount")}
    return known | instructions | {"expires_at": _time(payment.expires_at), "asked_at": _time(payment.asked_at)}


def _refund_shown(refund: Refund) -> dict[str, Any]:
    times = {"requested_at": _time(refund.requested_at), "done_at": _time(refund.done_at)}
    return {"amount": refund.amount, "reason": refund.reason, "state": refund.state} | times


def _time(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None

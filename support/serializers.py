"""The words of the API about tickets."""

from typing import Any

from rest_framework import serializers

from meterai.models import Reseller
from orders import contacts
from orders.access import open_order
from orders.contacts import Contact

from .complaining import Complaint
from .forms import MOST_LETTERS
from .models import Ticket
from .showing import Shown


class ComplaintSent(serializers.Serializer):  # type: ignore[type-arg]
    """A complaint. `email` or `phone` is needed, unless an order is opened by its key: then the order's own will do."""

    category = serializers.ChoiceField(choices=Ticket.Category.choices)
    text = serializers.CharField(max_length=MOST_LETTERS)
    email = serializers.CharField(required=False, default="", allow_blank=True, max_length=contacts.MOST_LETTERS)
    phone = serializers.CharField(
        required=False, default="", allow_blank=True, max_length=40, help_text="As people write it: 0812…, +62812…"
    )
    language = serializers.RegexField("^(id|en)$", required=False, default="id", help_text="Of letters: id or en")
    order_code = serializers.CharField(required=False, default="", allow_blank=True, max_length=12)
    order_key = serializers.CharField(
        required=False, default="", allow_blank=True, max_length=22, help_text="The key of the order's secret link"
    )
    number = serializers.CharField(
        required=False,
        default="",
        allow_blank=True,
        max_length=80,
        help_text="An order code, a serial or a payment reference, where there is no key",
    )
    reseller = serializers.SlugRelatedField(
        slug_field="code",
        queryset=Reseller.objects.filter(is_active=True),
        required=False,
        default=None,
        allow_null=True,
        help_text="Whom the stamps were bought from, as far as the person says; noted, no proof",
    )

    def validate_email(self, value: str) -> str:
        """In the one way we write it."""
        return self._read(contacts.email, value)

    def validate_phone(self, value: str) -> str:
        """In the one way we write it."""
        return self._read(contacts.phone, value)

    def complaint(self) -> Complaint:
        """What was sent, once valid; Http404 where the order's key is wrong."""
        values = dict(self.validated_data)
        code, key = values.pop("order_code"), values.pop("order_key")
        order = open_order(code, key) if code or key else None
        contact = Contact(email=values.pop("email"), phone=values.pop("phone"))
        if order and contact == Contact():
            contact = Contact(email=order.email, phone=order.phone)
        return Complaint(contact=contact, order=order, **values)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Somebody must be reachable."""
        if not (attrs["email"] or attrs["phone"] or attrs["order_code"]):
            raise serializers.ValidationError({"email": "Give an e-mail address or a telephone number."})
        return attrs

    @staticmethod
    def _read(reader: Any, value: str) -> str:
        try:
            return str(reader(value)) if value else ""
        except contacts.NotAContact:
            raise serializers.ValidationError("This cannot be read.") from None


class HolderShown(serializers.Serializer):  # type: ignore[type-arg]
    """Who must answer, since when, why."""

    body = serializers.CharField(help_text="issuer or reseller")
    name = serializers.CharField()
    since = serializers.DateTimeField()
    reason = serializers.CharField(help_text="A stable code")
    sentence = serializers.CharField(help_text="The reason as a person reads it")


class MessageShown(serializers.Serializer):  # type: ignore[type-arg]
    """What was said."""

    author = serializers.CharField(help_text="complainant, issuer or reseller")
    name = serializers.CharField(source="by")
    text = serializers.CharField()
    at = serializers.DateTimeField()


class TicketShown(serializers.Serializer):  # type: ignore[type-arg]
    """A ticket as whoever holds its key may see it; the complainant's contact is never sent back."""

    code = serializers.CharField()
    key = serializers.CharField(help_text="Opens the ticket; keep it secret")
    url = serializers.CharField(help_text="The tracking page")
    state = serializers.CharField(help_text="open, answered or closed")
    category = serializers.CharField()
    created_at = serializers.DateTimeField()
    answer_due_at = serializers.DateTimeField()
    holder = HolderShown()
    messages = MessageShown(many=True)


def ticket_shown(shown: Shown, *, site: str) -> dict[str, Any]:
    """The ticket in the shape of TicketShown."""
    ticket, custody = shown.ticket, shown.custody
    holder = {
        "body": custody.body,
        "name": custody.holder,
        "since": custody.from_at,
        "reason": custody.reason,
        "sentence": custody.get_reason_display(),
    }
    return TicketShown(
        {
            "code": ticket.code,
            "key": ticket.key,
            "url": site + ticket.tracking_url(),
            "state": ticket.state,
            "category": ticket.category,
            "created_at": ticket.created_at,
            "answer_due_at": ticket.answer_due_at,
            "holder": holder,
            "messages": shown.messages,
        }
    ).data

"""Keys of django-ratelimit: how often one contact may be used, however it was written."""

from django.http import HttpRequest

from meterai.client import address
from orders import contacts


def contact_typed(group: str, request: HttpRequest) -> str:
    """The contact in the form, else the order that the form is about, else the client's address."""
    try:
        contact = contacts.parse(request.POST.get("contact", ""))
    except contacts.NotAContact:
        return request.POST.get("pesanan", "")[:12] or address(request)
    return contact.email or contact.phone

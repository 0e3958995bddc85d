"""What a buyer types."""

import re
import uuid
from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from meterai import codes

from . import contacts, gates
from .contacts import Contact
from .ordering import CODE_PREFIX, Wish

# The id of a prepared document and the key of its link; `stamping` reads it, here only its shape is known.
DOCUMENT_PATTERN = re.compile(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.[A-Za-z0-9_-]{22}$")
RESELLER_PATTERN = re.compile(r"^[-a-zA-Z0-9_]{1,40}$")


class ContactField(forms.CharField):
    """An e-mail address or a telephone number; cleans to a Contact, or to None when it may be empty and is."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=contacts.MOST_LETTERS, **options)
        self.widget.attrs |= {"autocomplete": "email", "autocapitalize": "none", "spellcheck": "false"}

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if not text:
            return None
        try:
            return contacts.parse(text)
        except contacts.NotAContact:
            raise forms.ValidationError(
                _("Tulis satu alamat surel (nama@contoh.id) atau satu nomor WhatsApp (0812…)."),
                code="contact",
            ) from None


class PayForm(forms.Form):
    """How to pay: one of the gateways' offers, as `gateway:method`."""

    method = forms.ChoiceField(
        label=_("Cara bayar"),
        widget=forms.RadioSelect,
        error_messages={"required": _("Pilih satu cara bayar.")},
    )

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        offers = [(f"{name}:{offer.method.value}", offer.label) for name, offer in gates.offers()]
        self.fields["method"].choices = offers  # type: ignore[attr-defined]

    def way(self) -> tuple[str, str]:
        """The gateway and the method chosen."""
        gateway, _colon, method = self.cleaned_data["method"].partition(":")
        return gateway, method


class BuyForm(PayForm):
    """How many stamps, whom to tell, how to pay. The token makes two sendings of one form one order."""

    contact = ContactField(
        label=_("Surel atau nomor WhatsApp"),
        help_text=_("Tautan pesanan dikirim ke surel. Tanpa surel, simpan tautan pesanan sendiri."),
    )
    token = forms.UUIDField(widget=forms.HiddenInput)
    reseller = forms.RegexField(RESELLER_PATTERN, required=False, widget=forms.HiddenInput)
    dokumen = forms.RegexField(DOCUMENT_PATTERN, required=False, widget=forms.HiddenInput)

    field_order = ["quantity", "contact", "method", "token", "reseller", "dokumen"]

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        most = settings.MAX_STAMPS_PER_ORDER
        quantity = forms.IntegerField(
            label=_("Jumlah e-meterai"),
            min_value=1,
            max_value=most,
            help_text=_("Paling banyak %(most)s dalam satu pesanan.") % {"most": most},
        )
        quantity.widget.attrs |= {"inputmode": "numeric", "class": "short"}
        self.fields["quantity"] = quantity
        self.order_fields(self.field_order)

    def with_new_token(self) -> "BuyForm":
        """The same form as typed, under another token: the one before belongs to another order."""
        form = BuyForm({**dict(self.data.items()), "token": str(uuid.uuid4())})
        form.full_clean()
        return form

    def wish(self, *, language: str) -> Wish:
        """What was asked for, once the form is valid."""
        contact: Contact = self.cleaned_data["contact"]
        gateway, method = self.way()
        return Wish(
            quantity=self.cleaned_data["quantity"],
            email=contact.email,
            phone=contact.phone,
            gateway=gateway,
            method=method,
            reseller_code=self.cleaned_data["reseller"],
            language=language,
        )


class EmailForm(forms.Form):
    """The address that an order's notices are to go to."""

    email = forms.CharField(
        label=_("Alamat surel yang baru"),
        max_length=contacts.MOST_LETTERS,
        widget=forms.EmailInput(attrs={"autocomplete": "email", "autocapitalize": "none", "spellcheck": "false"}),
        help_text=_("Kami mengirim surat ke alamat itu. Sampai tautan di dalamnya disetujui, tidak ada yang berubah."),
    )

    def clean_email(self) -> str:
        """The address in the one way we store it."""
        try:
            return contacts.email(self.cleaned_data["email"])
        except contacts.NotAContact:
            raise forms.ValidationError(_("Tulis satu alamat surel, misalnya nama@contoh.id."), code="email") from None


class FindForm(forms.Form):
    """An order's code and the contact that was given with it."""

    code = forms.CharField(
        label=_("Nomor pesanan"),
        max_length=40,
        help_text=_("Misalnya MT-7K3M-9QXP; huruf besar-kecil tidak penting."),
    )
    contact = ContactField(label=_("Surel atau nomor WhatsApp saat memesan"))

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.fields["code"].widget.attrs |= {
            "autocomplete": "off",
            "autocapitalize": "characters",
            "spellcheck": "false",
        }

    def clean_code(self) -> str:
        """The code in the one way we write it."""
        code = codes.tidy(self.cleaned_data["code"], prefix=CODE_PREFIX)
        if not code:
            raise forms.ValidationError(_("Nomor pesanan berbentuk MT-XXXX-XXXX. Periksa huruf dan angkanya."))
        return code

"""What a complainant types."""

import re
from typing import Any

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _

from meterai import codes
from meterai.models import Reseller
from orders import contacts
from orders.contacts import Contact
from orders.forms import ContactField
from orders.models import Order

from .complaining import Complaint
from .models import Ticket
from .models.ticket import CODE_PREFIX

KEY_PATTERN = re.compile(r"^[A-Za-z0-9_-]{22}$")
MOST_LETTERS = 4000


def _text_field(label: Any, **options: Any) -> forms.CharField:
    return forms.CharField(
        label=label, max_length=MOST_LETTERS, widget=forms.Textarea(attrs={"rows": 5, "cols": 32}), **options
    )


class ComplaintForm(forms.Form):
    """A complaint; with an order from its signed link the questions that the order answers are left out.

    The token makes two sendings of one form one ticket. `pesanan` and `kunci` are the order's code and key.
    """

    category = forms.ChoiceField(
        label=_("Perihal"),
        choices=[("", _("Pilih satu")), *Ticket.Category.choices],
        error_messages={"required": _("Pilih yang paling mirip; bila tidak ada, pilih Lainnya.")},
    )
    text = _text_field(
        _("Apa yang terjadi?"),
        help_text=_("Kapan, apa yang Anda lakukan, apa yang muncul di layar."),
        error_messages={"required": _("Tulis apa yang terjadi, satu kalimat pun cukup.")},
    )
    contact = ContactField(
        label=_("Surel atau nomor WhatsApp"),
        help_text=_("Jawaban dan tautan aduan dikirim ke surel."),
        error_messages={"required": _("Tulis surel atau nomor, agar kami dapat menjawab Anda.")},
    )
    number = forms.CharField(
        label=_("Nomor pesanan, nomor seri, atau nomor pembayaran"),
        max_length=80,
        required=False,
        help_text=_("Salah satu saja. Dengan nomor ini aduan langsung sampai ke yang harus menjawab."),
    )
    pdf = forms.FileField(
        label=_("PDF yang sudah dibubuhi"),
        required=False,
        widget=forms.FileInput(attrs={"accept": "application/pdf,.pdf"}),
        help_text=_("Hanya dibaca nomor serinya, lalu dibuang: berkas Anda tidak kami simpan."),
    )
    reseller = forms.ModelChoiceField(
        Reseller.objects.filter(is_active=True),
        label=_("Dibeli di reseller"),
        required=False,
        empty_label=_("Tidak, atau tidak tahu"),
        to_field_name="code",
    )
    token = forms.UUIDField(widget=forms.HiddenInput)
    pesanan = forms.CharField(max_length=12, required=False, widget=forms.HiddenInput)
    kunci = forms.RegexField(KEY_PATTERN, required=False, widget=forms.HiddenInput)

    def __init__(self, *arguments: Any, order: Order | None = None, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.order = order
        size = settings.MAX_DOCUMENT_BYTES
        too_big = _("Berkas lebih dari %(kb)s KB.") % {"kb": size // 1000}
        self.fields["pdf"].widget.attrs |= {"data-max-bytes": size, "data-too-big": too_big}
        if order:
            del self.fields["number"], self.fields["reseller"]
            known = {"contact": contacts.mask(order.email or order.phone)}
            self.fields["contact"] = ContactField(
                label=_("Surel atau nomor WhatsApp"),
                required=False,
                help_text=_("Kosongkan untuk memakai kontak pada pesanan: %(contact)s.") % known,
            )

    def clean_pdf(self) -> UploadedFile | None:
        """Small enough, and a PDF by its first bytes; more is not asked, since it is only searched for a seal."""
        file: UploadedFile | None = self.cleaned_data["pdf"]
        if file is None:
            return None
        if (file.size or 0) > settings.MAX_DOCUMENT_BYTES:
            limit = {"kb": settings.MAX_DOCUMENT_BYTES // 1000}
            raise forms.ValidationError(_("Berkas lebih dari %(kb)s KB. Kirim aduan tanpa berkas ini."), params=limit)
        if b"%PDF-" not in file.read(1024):
            raise forms.ValidationError(_("Berkas ini bukan PDF. Kirim aduan tanpa berkas ini."))
        file.seek(0)
        return file

    def complaint(self, *, language: str) -> Complaint:
        """What was sent, once the form is valid."""
        values = self.cleaned_data
        order = self.order
        contact = values["contact"] or (Contact(email=order.email, phone=order.phone) if order else Contact())
        return Complaint(
            category=values["category"],
            text=values["text"],
            contact=contact,
            language=language,
            order=order,
            number=values.get("number", ""),
            reseller=values.get("reseller"),
            pdf=values["pdf"].read() if values["pdf"] else b"",
        )


class MessageForm(forms.Form):
    """One more message on a ticket."""

    text = _text_field(_("Pesan"), error_messages={"required": _("Tulis pesannya dulu.")})
    token = forms.UUIDField(widget=forms.HiddenInput)


class LinkForm(forms.Form):
    """A ticket's number and the contact that was given with it."""

    code = forms.CharField(
        label=_("Nomor aduan"), max_length=40, help_text=_("Misalnya AD-7K3M-9QXP; huruf besar-kecil tidak penting.")
    )
    contact = ContactField(label=_("Surel atau nomor WhatsApp pada aduan"))

    def clean_code(self) -> str:
        """The code in the one way we write it."""
        code = codes.tidy(self.cleaned_data["code"], prefix=CODE_PREFIX)
        if not code:
            raise forms.ValidationError(_("Nomor aduan berbentuk AD-XXXX-XXXX. Periksa huruf dan angkanya."))
        return code


class AnswerForm(MessageForm):
    """Staff's answer; the complainant reads it on the tracking page."""

    text = _text_field(_("Jawaban kepada pengadu"))


class HandOverForm(forms.Form):
    """Where a ticket goes next, and why."""

    reseller = forms.ModelChoiceField(
        Reseller.objects.filter(is_active=True), label=_("Ke"), required=False, empty_label=_("Penerbit e-meterai")
    )
    note = forms.CharField(
        label=_("Alasan, dibaca pengadu"), max_length=300, widget=forms.TextInput(attrs={"size": 60})
    )

"""What a person sends about a bundle: a ZIP and a list beside it, and the word that all of it is final."""

import uuid
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from . import bundle_wording, placelist

_ROOM = 600_000
"""Bytes of a request that are not the ZIP: the list, names, borders."""
LIST_BYTES = 500_000


def most_bytes() -> int:
    """The largest ZIP that a request can carry here."""
    return max(settings.MAX_REQUEST_BYTES - _ROOM, 0)


class BundleForm(forms.Form):
    """A ZIP, and a list. The token makes two sendings of one form one bundle."""

    archive = forms.FileField(label=_("Berkas ZIP berisi PDF"), max_length=255)
    list_beside = forms.FileField(
        label=_("Daftar tempat meterai (CSV)"),
        required=False,
        max_length=255,
        help_text=_("Boleh juga di dalam ZIP. Tanpa daftar, tempatnya kami carikan."),
    )
    token = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *arguments: Any, **options: Any) -> None:
        options.setdefault("initial", {"token": uuid.uuid4()})
        super().__init__(*arguments, **options)
        most = most_bytes()
        self.fields["archive"].help_text = _("Paling besar %(size)s MB untuk satu ZIP.") % {"size": most // 1_000_000}
        self.fields["archive"].widget = forms.FileInput(
            attrs={"accept": ".zip,application/zip", "data-max-bytes": most, "data-too-big": self._too_big()}
        )
        self.fields["archive"].widget.is_required = True
        self.fields["list_beside"].widget = forms.FileInput(attrs={"accept": ".csv,text/csv"})

    def clean_archive(self) -> Any:
        """Its size; what is in it is a worker's to judge."""
        file = self.cleaned_data["archive"]
        if file.size > most_bytes():
            raise ValidationError(self._too_big())
        return file

    def clean_list_beside(self) -> str:
        """The text of the list, or nothing. Its lines are judged with the ZIP's names at hand."""
        file = self.cleaned_data["list_beside"]
        if not file:
            return ""
        if file.size > LIST_BYTES:
            raise ValidationError(bundle_wording.archive("list_too_long"))
        return list_text(file.read())

    @staticmethod
    def _too_big() -> str:
        return str(bundle_wording.ARCHIVE["too_big"])


class AgreementForm(forms.Form):
    """The word that the documents are final; `first_only` where the order has fewer stamps than files, and `count`: how
    many files the page said."""

    final = forms.BooleanField(
        label=_(
            "Dokumen-dokumen ini sudah lengkap dan ditandatangani. Setelah dibubuhi, isinya tidak boleh diubah lagi."
        ),
        error_messages={"required": _("Centang dulu: setelah dibubuhi, dokumen tidak boleh diubah lagi.")},
    )
    first_only = forms.BooleanField(required=False)
    count = forms.IntegerField(required=False, min_value=0)


def list_text(data: bytes) -> str:
    """The text of a list that reads as one. Raises ValidationError."""
    try:
        placelist.read(data)
    except placelist.ListUnusable as unusable:
        raise ValidationError(bundle_wording.archive(unusable.code), code=unusable.code) from None
    return data.decode("utf-8-sig")

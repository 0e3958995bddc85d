"""What staff fill in."""

from typing import Any, BinaryIO, cast

from django import forms
from django.conf import settings
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from . import refusing
from .delivery_file import MOST_MANIFEST, Announcement, DeliveryFile, Unreadable, agree, read_manifest

# What the rest of the form may add to the file within one request.
_ROOM = 100_000


class UploadForm(forms.Form):
    """A delivery of the issuer, with what the issuer announced about it: typed, or in a manifest."""

    file = forms.FileField(label=gettext_lazy("Berkas"), widget=forms.FileInput(attrs={"accept": ".csv,.txt,.gz,.zip"}))
    manifest = forms.FileField(
        label=gettext_lazy("Manifes"),
        required=False,
        widget=forms.FileInput(attrs={"accept": ".json"}),
        help_text=gettext_lazy(
            "JSON dari penerbit dengan count dan sha256. Manifes di dalam zip dibaca sendiri;"
            " tanpa manifes, isi yang di bawah."
        ),
    )
    reference = forms.CharField(
        label=gettext_lazy("Nomor kiriman penerbit"),
        max_length=60,
        required=False,
        widget=forms.TextInput(attrs={"size": 40}),
    )
    expected_count = forms.IntegerField(
        label=gettext_lazy("Jumlah menurut penerbit"), min_value=1, max_value=2**31 - 1, required=False
    )
    expected_sha256 = forms.RegexField(
        r"^[0-9A-Fa-f]{64}$",
        label=gettext_lazy("SHA-256 menurut penerbit"),
        required=False,
        widget=forms.TextInput(attrs={"size": 66, "spellcheck": "false", "autocomplete": "off"}),
    )

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        most = settings.MAX_REQUEST_BYTES - _ROOM
        figures = {"most": number_format(most // 1_000_000)}
        too_big = _("Berkas lebih besar dari %(most)s MB: pakai perintah import_batch di peladen.") % figures
        self.fields["file"].widget.attrs |= {"data-max-bytes": most, "data-too-big": too_big}
        self.fields["file"].help_text = (
            _(
                "CSV, gzip, atau zip dengan nomor seri di kolom pertama. Paling besar %(most)s MB;"
                " berkas yang lebih besar diimpor dengan perintah import_batch di peladen."
            )
            % figures
        )

    def clean(self) -> dict[str, Any]:
        """What was typed, what the manifest says and what lies in the zip must agree, and be complete."""
        sent = super().clean() or {}
        if self.errors:
            return sent
        typed = Announcement(sent["expected_count"], sent["expected_sha256"].lower(), sent["reference"])
        try:
            written = read_manifest(sent["manifest"].read(MOST_MANIFEST)) if sent["manifest"] else Announcement()
            announced = agree(typed, written, DeliveryFile(cast("BinaryIO", sent["file"])).manifest)
        except Unreadable as trouble:
            where = {"disagree": None, "manifest": "manifest"}.get(trouble.code, "file")
            self.add_error(where, str(refusing.SENTENCES[trouble.code]))
            return sent
        wanted = {"reference": announced.reference, "expected_count": announced.count}
        for name, value in (wanted | {"expected_sha256": announced.sha256}).items():
            if not value:
                self.add_error(name, _("Isi ini, atau sertakan manifes yang menyebutkannya."))
        return sent | {"announced": announced}

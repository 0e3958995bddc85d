"""What a person types or sends about a document."""

import math
import uuid

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from . import wording
from .pdf.geometry import DEFAULT_SIZE, LARGEST_SIZE, SMALLEST_SIZE
from .pdf.preflight import Page

MARGIN = 36.0
PRESETS = [f"{row}-{column}" for row in ("bottom", "middle", "top") for column in ("left", "center", "right")]


def _pdf_input() -> forms.FileInput:
    return forms.FileInput(
        attrs={
            "accept": "application/pdf,.pdf",
            "data-max-bytes": settings.MAX_DOCUMENT_BYTES,
            "data-too-big": wording.finding("too_large"),
        }
    )


class UploadForm(forms.Form):
    """A PDF to be stamped."""

    file = forms.FileField(
        label=_("Dokumen PDF"),
        help_text=_("Tanda tangani dulu, baru dibubuhi meterai. Paling besar 800 KB."),
        max_length=255,
    )

    def __init__(self, *args: object, **values: object) -> None:
        super().__init__(*args, **values)  # type: ignore[arg-type]
        self.fields["file"].widget = _pdf_input()
        self.fields["file"].widget.is_required = True

    def refuse(self, codes: list[str]) -> None:
        """Say beside the field why this file cannot take a stamp."""
        for code in codes:
            self.add_error("file", wording.finding(code))


class PlaceForm(forms.Form):
    """Where the stamp goes: lower left corner in points from the bottom left of the page as shown."""

    page = forms.IntegerField(label=_("Halaman"), min_value=1)
    x = forms.FloatField(label=_("Dari kiri (titik)"), localize=False)
    y = forms.FloatField(label=_("Dari bawah (titik)"), localize=False)
    size = forms.FloatField(
        label=_("Sisi meterai (titik)"), min_value=SMALLEST_SIZE, max_value=LARGEST_SIZE, localize=False
    )

    def __init__(self, *args: object, pages: tuple[Page, ...], **values: object) -> None:
        super().__init__(*args, **values)  # type: ignore[arg-type]
        self.pages = pages
        for name in ("x", "y", "size"):
            self.fields[name].widget = forms.NumberInput(attrs={"step": "any", "inputmode": "decimal"})
        self.fields["page"].widget = forms.NumberInput(attrs={"min": 1, "max": len(pages), "inputmode": "numeric"})

    def clean_page(self) -> int:
        page: int = self.cleaned_data["page"]
        if page > len(self.pages):
            raise ValidationError(wording.finding("no_such_page"))
        return page

    def clean(self) -> dict[str, object]:
        for name in ("x", "y", "size"):
            value = self.cleaned_data.get(name)
            if value is not None and not math.isfinite(value):
                self.add_error(name, wording.finding("bad_placement"))
        return self.cleaned_data


def starting_place(pages: tuple[Page, ...], *, page: int, preset: str, size: float = DEFAULT_SIZE) -> dict[str, float]:
    """The numbers of a preset such as `bottom-right` on a page (from 1), 36 points from its edge."""
    shown = pages[page - 1]
    row, column = preset.split("-")
    across, up = shown.width - size, shown.height - size
    x = {"left": min(MARGIN, across), "center": across / 2, "right": max(across - MARGIN, 0)}[column]
    y = {"bottom": min(MARGIN, up), "middle": up / 2, "top": max(up - MARGIN, 0)}[row]
    return {"page": page, "x": round(x, 1), "y": round(y, 1), "size": size}


class ConfirmForm(forms.Form):
    """The word that the document is final."""

    final = forms.BooleanField(
        label=_("Dokumen ini sudah lengkap dan ditandatangani. Setelah dibubuhi, isinya tidak boleh diubah lagi."),
        error_messages={"required": _("Centang dulu: setelah dibubuhi, dokumen tidak boleh diubah lagi.")},
    )


class VerifyForm(forms.Form):
    """A PDF or a serial to be checked."""

    file = forms.FileField(label=_("Berkas PDF"), required=False, max_length=255)
    serial = forms.CharField(label=_("Nomor seri"), required=False, max_length=60)

    def __init__(self, *args: object, **values: object) -> None:
        super().__init__(*args, **values)  # type: ignore[arg-type]
        self.fields["file"].widget = forms.FileInput(attrs={"accept": "application/pdf,.pdf"})
        self.fields["serial"].widget.attrs |= {
            "autocapitalize": "characters",
            "autocomplete": "off",
            "spellcheck": "false",
        }

    def clean_file(self) -> object:
        file = self.cleaned_data.get("file")
        if file and file.size > settings.MAX_VERIFY_BYTES:
            raise ValidationError(_("Berkas terlalu besar untuk diperiksa (paling besar 10 MB)."))
        return file

    def clean_serial(self) -> str:
        serial = "".join(self.cleaned_data["serial"].split()).upper().replace("-", "")
        if serial and not (len(serial) == 22 and serial.isascii() and serial.isalnum()):
            raise ValidationError(_("Nomor seri terdiri dari 22 huruf dan angka."))
        return serial

    def clean(self) -> dict[str, object]:
        if not self.errors and not self.cleaned_data.get("file") and not self.cleaned_data.get("serial"):
            raise ValidationError(_("Unggah berkas PDF atau ketik nomor seri."))
        return self.cleaned_data


def passed_on(given: str) -> tuple[uuid.UUID, str] | None:
    """A prepared document's id and key, as carried through the checkout in `dokumen=<id>.<key>`; None if malformed."""
    identity, _dot, key = given.partition(".")
    try:
        return (uuid.UUID(identity), key) if key else None
    except ValueError:
        return None

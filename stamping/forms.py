"""What a person types or sends about a document."""

import uuid

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.formats import get_format
from django.utils.translation import gettext_lazy as _

from . import wording
from .pdf.geometry import DEFAULT_SIZE, LARGEST_SIZE, SMALLEST_SIZE, Placement
from .pdf.page_look import MM
from .pdf.preflight import Page

MARGIN = 13 * MM
NUDGE = 5 * MM
PRESETS = [f"{row}-{column}" for row in ("top", "middle", "bottom") for column in ("left", "center", "right")]


def _pdf_input() -> forms.FileInput:
    return forms.FileInput(
        attrs={
            "accept": "application/pdf,.pdf",
            "data-max-bytes": settings.MAX_UPLOAD_BYTES,
            "data-too-big": wording.finding("too_large"),
        }
    )


class UploadForm(forms.Form):
    """A PDF to be stamped."""

    file = forms.FileField(
        label=_("Dokumen PDF"),
        help_text=_("Tanda tangani dulu, baru dibubuhi meterai. Sebaiknya tidak lebih dari 800 KB."),
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


class MillimetreField(forms.FloatField):
    """A length that a person says in millimetres, with a comma or a point, and the program keeps in points."""

    def __init__(self, **values: object) -> None:
        typed = {"inputmode": "decimal", "autocomplete": "off", "maxlength": 12, "class": "short"}
        super().__init__(widget=forms.TextInput(attrs=typed), localize=False, **values)  # type: ignore[arg-type]

    def to_python(self, value: object) -> float | None:  # type: ignore[override]  # as FloatField's own is
        typed = str(value if value is not None else "").strip().lower().removesuffix("mm").replace(",", ".")
        millimetres = super().to_python(typed.strip())
        return None if millimetres is None else millimetres * MM

    def prepare_value(self, value: object) -> object:
        return millimetres(value) if isinstance(value, (int, float)) else value


def millimetres(points: float) -> str:
    """Points as a person reads millimetres, to a tenth: `30,3`. Without separators of thousands, which would be read as
    a decimal point again."""
    return f"{points / MM:.1f}".removesuffix(".0").replace(".", str(get_format("DECIMAL_SEPARATOR")))


class PlaceForm(forms.Form):
    """Where the stamp goes: its lower left corner from the left and the bottom edge of the page as shown."""

    page = forms.IntegerField(label=_("Halaman"), min_value=1)
    x = MillimetreField(label=_("Dari tepi kiri (mm)"))
    y = MillimetreField(label=_("Dari tepi bawah (mm)"))
    side = MillimetreField(label=_("Panjang sisi meterai (mm)"), required=False)

    def __init__(self, *args: object, pages: tuple[Page, ...], **values: object) -> None:
        super().__init__(*args, **values)  # type: ignore[arg-type]
        self.pages = pages
        numbers = {"min": 1, "max": len(pages), "inputmode": "numeric", "class": "short"}
        self.fields["page"].widget = forms.NumberInput(attrs=numbers)

    def clean_page(self) -> int:
        page: int = self.cleaned_data["page"]
        if page > len(self.pages):
            raise ValidationError(wording.finding("no_such_page"))
        return page

    def clean_side(self) -> float:
        side: float | None = self.cleaned_data["side"]
        if side is None or abs(side - DEFAULT_SIZE) < MM / 10:
            return DEFAULT_SIZE
        if not SMALLEST_SIZE - MM / 10 <= side <= LARGEST_SIZE:
            raise ValidationError(_("Panjang sisi meterai paling kecil 19 mm dan paling besar 50 mm."))
        return max(side, SMALLEST_SIZE)

    @property
    def placement(self) -> Placement:
        """What a valid form says."""
        said = self.cleaned_data
        return Placement(page=said["page"], x=said["x"], y=said["y"], size=said["side"])


def preset_place(page: Page, *, number: int, preset: str, size: float = DEFAULT_SIZE) -> Placement:
    """A preset such as `bottom-right` on a page (from 1): a bit more than a centimetre from its edges, on whole
    millimetres."""
    row, column = preset.split("-")
    across, up = page.width - size, page.height - size
    x = {"left": min(MARGIN, across), "center": across / 2, "right": max(across - MARGIN, 0)}[column]
    y = {"bottom": min(MARGIN, up), "middle": up / 2, "top": max(up - MARGIN, 0)}[row]
    x, y = (round(max(value, 0) / MM) * MM for value in (x, y))
    return Placement(page=number, x=x, y=y, size=size)


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

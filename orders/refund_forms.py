"""What a buyer types to give stamps back, and to name a bank account; what staff write down about a transfer."""

import re
import unicodedata
import uuid
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

# Banks to which a transfer from any Indonesian bank goes, the largest first. As a person knows them.
BANKS = (
    "BCA",
    "Bank Mandiri",
    "BRI",
    "BNI",
    "BSI",
    "BTN",
    "CIMB Niaga",
    "Permata",
    "Danamon",
    "OCBC",
    "Panin",
    "Maybank Indonesia",
    "SMBC Indonesia / Jenius",
    "Bank Mega",
    "Bank Muamalat",
    "Sinarmas",
    "UOB Indonesia",
    "HSBC Indonesia",
    "DBS Indonesia",
    "KB Bank",
    "Bank Jago",
    "SeaBank",
    "blu by BCA Digital",
    "Bank Neo Commerce",
    "Allo Bank",
    "Superbank",
    "Krom Bank",
    "Bank Raya",
    "Bank Jakarta",
    "Bank BJB",
    "Bank Jateng",
    "Bank Jatim",
    "Bank BPD DIY",
    "Bank BPD Bali",
    "Bank Banten",
    "Bank Aceh Syariah",
    "Bank Sumut",
    "Bank Nagari",
    "BRK Syariah",
    "Bank Jambi",
    "Bank Bengkulu",
    "Bank Sumsel Babel",
    "Bank Lampung",
    "Bank Kalbar",
    "Bank Kalsel",
    "Bank Kalteng",
    "Bankaltimtara",
    "Bank Sulselbar",
    "Bank Sulteng",
    "Bank Sultra",
    "Bank SulutGo",
    "Bank NTB Syariah",
    "Bank NTT",
    "Bank Maluku Malut",
    "Bank Papua",
)
_NUMBER = re.compile(r"[0-9]{5,20}")
_SEPARATORS = str.maketrans("", "", " .-\u00a0")


def account_number(typed: str) -> str:
    """The digits of an account number, however they were grouped. Raises forms.ValidationError."""
    digits = typed.translate(_SEPARATORS)
    if not _NUMBER.fullmatch(digits):
        raise forms.ValidationError(_("Tulis 5 sampai 20 angka, tanpa huruf."), code="number")
    return digits


def plain_name(typed: str) -> str:
    """A name as a PDF and a bank can write it. Raises forms.ValidationError."""
    name = " ".join(unicodedata.normalize("NFC", typed).split())
    if not any(letter.isalpha() for letter in name):
        raise forms.ValidationError(_("Tulis nama dengan huruf."), code="name")
    if not name.isprintable() or "<" in name or ">" in name or not _is_latin(name):
        raise forms.ValidationError(_("Tulis nama dengan huruf Latin, tanpa lambang."), code="name")
    return name


def _is_latin(name: str) -> bool:
    try:
        name.encode("cp1252")
    except UnicodeEncodeError:
        return False
    return True


class ReturnForm(forms.Form):
    """Which stamps to give back. The token makes two sendings of one form one refund."""

    serials = forms.MultipleChoiceField(
        label=_("E-meterai yang dikembalikan"),
        widget=forms.CheckboxSelectMultiple,
        error_messages={
            "required": _("Pilih paling sedikit satu e-meterai."),
            "invalid_choice": _("Pilih e-meterai dari daftar ini."),
        },
    )
    token = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *arguments: Any, serials: list[str], **options: Any) -> None:
        super().__init__(*arguments, **(options | {"initial": {"token": uuid.uuid4()}}))
        choices = [(serial, serial) for serial in serials]
        self.fields["serials"].choices = choices  # type: ignore[attr-defined]


class AccountForm(forms.Form):
    """Where a refund goes that no gateway can send."""

    bank = forms.ChoiceField(
        label=_("Bank"),
        choices=[("", _("Pilih bank")), *((bank, bank) for bank in BANKS)],
        error_messages={"required": _("Pilih bank."), "invalid_choice": _("Pilih bank dari daftar.")},
    )
    number = forms.CharField(
        label=_("Nomor rekening"),
        max_length=40,
        help_text=_("Hanya angka, seperti di buku tabungan atau aplikasi bank. Bukan nomor kartu."),
        error_messages={"required": _("Tulis nomor rekening.")},
    )
    holder = forms.CharField(
        label=_("Nama pemilik rekening"),
        max_length=80,
        help_text=_("Persis seperti tercatat di bank."),
        error_messages={"required": _("Tulis nama pemilik rekening.")},
    )

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.fields["number"].widget.attrs |= {"inputmode": "numeric", "autocomplete": "off", "spellcheck": "false"}
        self.fields["holder"].widget.attrs |= {"autocomplete": "name", "spellcheck": "false"}

    def clean_number(self) -> str:
        """Digits alone."""
        return account_number(self.cleaned_data["number"])

    def clean_holder(self) -> str:
        """Letters that a bank can write."""
        return plain_name(self.cleaned_data["holder"])


class NameForm(forms.Form):
    """The name that a receipt shall bear."""

    name = forms.CharField(
        label=_("Nama pada kuitansi"),
        max_length=80,
        help_text=_("Nama orang atau instansi. Hanya dapat ditulis sekali."),
        error_messages={"required": _("Tulis nama.")},
    )

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.fields["name"].widget.attrs |= {"autocomplete": "organization", "spellcheck": "false"}

    def clean_name(self) -> str:
        """Letters that the paper can show."""
        return plain_name(self.cleaned_data["name"])


class WhyForm(forms.Form):
    """A member of staff says why."""

    why = forms.CharField(
        label=_("Alasan"),
        max_length=180,
        help_text=_("Dicatat dalam riwayat. Tanpa nama, nomor rekening, atau data pribadi lain."),
    )


class TransferForm(WhyForm):
    """A transfer that the bank took."""

    reference = forms.CharField(
        label=_("Nomor bukti dari bank"),
        max_length=80,
        help_text=_("Seperti di mutasi rekening. Pembeli melihatnya."),
    )
    field_order = ["reference", "why"]


class LateReturnForm(WhyForm):
    """Stamps of an order that staff give back after the buyer's days are over."""

    serials = forms.MultipleChoiceField(label=_("E-meterai"), widget=forms.CheckboxSelectMultiple)
    token = forms.UUIDField(widget=forms.HiddenInput)
    field_order = ["serials", "why", "token"]

    def __init__(self, *arguments: Any, serials: list[str], **options: Any) -> None:
        super().__init__(*arguments, **(options | {"initial": {"token": uuid.uuid4()}}))
        choices = [(serial, serial) for serial in serials]
        self.fields["serials"].choices = choices  # type: ignore[attr-defined]

"""Why a settlement report could not be read, in words for a person."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from .payments.settlement import Unreadable

_REASONS = {
    "not_text": gettext_lazy("berkas ini bukan teks CSV (UTF-8 atau UTF-16)"),
    "no_heading": gettext_lazy("judul kolomnya bukan dari laporan gerbang ini"),
    "short": gettext_lazy("kolomnya kurang, atau tanda kutipnya tidak ditutup"),
    "too_long": gettext_lazy("terlalu panjang"),
    "reference": gettext_lazy("nomor di gerbang tidak ada"),
    "amount": gettext_lazy("jumlahnya bukan rupiah bulat"),
    "currency": gettext_lazy("mata uangnya bukan rupiah"),
    "time": gettext_lazy("waktunya tidak terbaca"),
    "kind": gettext_lazy("jenisnya tidak dikenal"),
}


def refusal(error: Unreadable) -> str:
    """The line and why, without repeating what stood there."""
    why = _REASONS.get(error.reason, error.reason)
    return _("Tidak ada yang disimpan. Baris %(line)s: %(why)s.") % {"line": error.line, "why": why}

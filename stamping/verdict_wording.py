"""What a verdict says to a person: its reasons, what came after the seal, and what is wrong with it."""

from django.utils.translation import gettext as _gettext
from django.utils.translation import gettext_lazy as _

from . import wording

REASONS = {
    "serial_not_sold": _("Nomor seri ini ada di stok kami, tetapi belum pernah terjual. Segelnya tidak mungkin sah."),
    "serial_repeated": _("Nomor seri ini dipakai lebih dari satu kali di berkas ini."),
    "picture_without_seal": _(
        "Berkas ini hanya memuat gambar e-meterai dengan nomor seri ini; segelnya tidak ada. Gambar, hasil cetak, atau "
        "hasil pindai tidak membuktikan pelunasan. Mintalah berkas PDF aslinya."
    ),
    "text_without_seal": _("Nomor seri ini hanya tertulis di berkas ini; tidak ada segel untuknya."),
}

AFTER = {
    "signature": _("Ada tanda tangan digital yang ditambahkan kemudian."),
    "signature_field": _("Ada kolom tanda tangan kosong yang ditambahkan kemudian."),
    "timestamp": _("Ada stempel waktu yang ditambahkan kemudian."),
    "validation_data": _("Ada data validasi jangka panjang yang ditambahkan kemudian."),
    "page": _("Isi halaman diubah."),
    "pages_count": _("Ada halaman yang ditambahkan atau dihapus."),
    "annotation": _("Ada catatan atau gambar yang ditempelkan di halaman."),
    "form": _("Isian formulir diubah."),
    "signature_removed": _("Ada tanda tangan yang dihapus."),
    "script": _("Ada skrip atau tindakan otomatis yang ditambahkan."),
    "attachment": _("Ada lampiran yang ditambahkan atau diubah."),
    "stray_bytes": _("Ada data asing di belakang berkas."),
    "stamp_covered": _("Meterainya tertutup oleh tanda tangan yang ditambahkan kemudian."),
    "content_covered": _("Isi halaman tertutup oleh tanda tangan yang ditambahkan kemudian."),
    "other": _("Ada bagian berkas yang diubah."),
    "not_comparable": _("Berkas sebelum dan sesudahnya tidak dapat dibandingkan."),
}

FAULTS = {
    "unreadable": _("Segelnya tidak dapat dibaca."),
    "range_odd": _("Segelnya tidak mencakup seluruh berkas: ada bagian yang dilewati."),
    "digest_wrong": _("Isi berkas tidak cocok dengan segelnya."),
    "value_wrong": _("Tanda tangan di dalam segelnya salah."),
    "weak_algorithm": _("Segelnya memakai algoritma yang sudah lemah."),
    "padding_used": _("Ada data tersembunyi di dalam segelnya."),
    "revision_not_covered": _("Segelnya tidak mencakup berkas sampai akhir revisinya."),
    "expired": _("Sertifikatnya sudah kedaluwarsa saat dibubuhkan."),
    "not_yet_valid": _("Sertifikatnya belum berlaku saat dibubuhkan."),
    "wrong_usage": _("Sertifikatnya bukan untuk menandatangani dokumen."),
    "revoked": _("Sertifikatnya sudah dicabut."),
    "issuer_unknown": _("Sertifikatnya bukan dari penerbit yang kami percaya."),
}


def reason(code: str) -> str:
    """The sentence of a verdict's reason."""
    return str(REASONS.get(code) or wording.reason(code))


def after(codes: tuple[str, ...]) -> list[str]:
    """What came after a seal, in sentences; what every writer changes (metadata) is not worth one."""
    return [str(AFTER[code]) for code in codes if code in AFTER]


def faults(codes: tuple[str, ...]) -> list[str]:
    """What is wrong with a seal, in sentences."""
    return [str(FAULTS[code]) for code in codes if code in FAULTS]


def yes(fact: bool | None) -> str:
    """A fact that is true, false or not known."""
    return {True: _gettext("ya"), False: _gettext("tidak"), None: _gettext("tidak diketahui")}[fact]

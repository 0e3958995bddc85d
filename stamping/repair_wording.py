"""What a repair is called, what it changes and what it costs to the eye, in a citizen's words."""

from django.utils.formats import number_format
from django.utils.translation import gettext as _

from .pdf.mendable import COMPARED, Kind, Measures
from .pdf.preflight import Page

MILLIMETRES = 25.4 / 72

UNSEEN, HARDLY, ENLARGED = 42.0, 36.0, 30.0
"""Decibels of the worst page: above, nobody sees it; few do; it shows when enlarged; below the last, it is seen."""


def title(kind: Kind) -> str:
    """The repair's name, as a heading."""
    return {
        Kind.STRUCTURE: _("Perbaiki susunan berkas"),
        Kind.SIZE: _("Kecilkan ukuran berkas"),
        Kind.PAGE_SIZE: _("Jadikan A4"),
        Kind.VERSION: _("Sesuaikan versi PDF"),
    }[kind]


def promise(kind: Kind) -> str:
    """What will be done, before it is."""
    return {
        Kind.STRUCTURE: _("Berkas ditulis ulang dengan susunan yang benar. Isi dan tampilan halamannya tidak diubah."),
        Kind.SIZE: _(
            "Yang tidak terlihat dibuang dulu; bila belum cukup, mutu gambarnya diturunkan sedikit demi sedikit sampai "
            "cukup. Huruf dan garis tidak disentuh."
        ),
        Kind.PAGE_SIZE: _("Setiap halaman yang bukan A4 diperkecil atau diperbesar utuh ke tengah kertas A4."),
        Kind.VERSION: _("Hanya keterangan versinya yang disesuaikan. Isi dan tampilannya tidak diubah."),
    }[kind]


def done(kind: Kind, measures: Measures) -> str:
    """What was done."""
    if kind is Kind.PAGE_SIZE:
        percent = number_format(round(measures.scale * 100))
        return _("Halaman %(page)s kini %(percent)s%% dari ukuran asalnya, di tengah kertas A4.") % {
            "page": measures.page,
            "percent": percent,
        }
    if kind is Kind.VERSION:
        return _("Berkas kini PDF versi %(version)s.") % {"version": measures.version}
    if kind is Kind.STRUCTURE:
        return _("Susunan berkas kini benar, dan berkasnya PDF versi %(version)s.") % {"version": measures.version}
    if not measures.quality:
        return _("Cukup dengan membuang yang tidak terlihat; semua gambar tetap seperti aslinya.")
    return _("Gambarnya disimpan ulang dengan mutu %(quality)s dari 100, paling rapat %(dpi)s titik per inci.") % {
        "quality": measures.quality,
        "dpi": measures.dpi,
    }


def loss(measures: Measures) -> tuple[str, str]:
    """(kind of notice, what was lost to the eye); ("", "") where nothing is to be compared."""
    lost = measures.loss
    if not measures.drawable:
        return "warn", _("Berkas asal tidak dapat digambar, jadi bandingkan sendiri hasilnya dengan dokumen Anda.")
    if lost is None:
        return "", ""
    if lost.decibels is None and lost.partial:
        return "good", _("%(count)s halaman pertama sudah kami bandingkan titik demi titik: gambarnya sama persis.") % {
            "count": COMPARED
        }
    if lost.decibels is None:
        return "good", _("Semua halaman sudah kami bandingkan titik demi titik: gambarnya sama persis.")
    figures = _("Selisih terbesar ada di halaman %(page)s: %(largest)s dari 255 (%(decibels)s dB).") % {
        "page": lost.page,
        "largest": lost.largest,
        "decibels": number_format(lost.decibels, decimal_pos=1),
    }
    kind, words = _seen(lost.decibels)
    return kind, f"{words} {figures}"


def lock(measures: Measures) -> str:
    """What becomes of the protection of a file that has one; empty for one without."""
    if not measures.encrypted:
        return ""
    return _("Berkas ini dilindungi. Isinya ditulis ulang, dan perlindungannya tetap sama seperti semula.")


def pages(shown: tuple[Page, ...]) -> str:
    """The sizes of the pages: "A4", or millimetres of the first that is not, with how many there are."""
    odd = next((page for page in shown if not page.is_a4), None)
    if odd is None:
        return _("%(count)s halaman, A4") % {"count": len(shown)}
    wide, high = (number_format(round(side * MILLIMETRES)) for side in (odd.width, odd.height))
    return _("%(count)s halaman, %(wide)s × %(high)s mm") % {"count": len(shown), "wide": wide, "high": high}


def _seen(decibels: float) -> tuple[str, str]:
    if decibels >= UNSEEN:
        return "good", _("Perubahannya tidak terlihat oleh mata.")
    if decibels >= HARDLY:
        return "good", _("Perubahannya hampir tidak terlihat.")
    if decibels >= ENLARGED:
        return "warn", _("Perubahannya terlihat bila diperbesar. Bandingkan gambarnya di bawah sebelum memutuskan.")
    return "warn", _("Perubahannya terlihat. Pastikan semua tulisan masih terbaca sebelum memutuskan.")

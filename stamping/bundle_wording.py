"""What the codes of bundles and their lists say to a person: what is the matter, and what to do."""

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from . import wording

ARCHIVE = {
    "not_zip": gettext_lazy("Ini bukan berkas ZIP yang dapat dibaca. Buat ulang ZIP-nya, lalu unggah lagi."),
    "zip_damaged": gettext_lazy("Berkas ini rusak di dalam ZIP. Buat ulang ZIP-nya, lalu unggah lagi."),
    "too_many_files": gettext_lazy(
        "ZIP ini berisi terlalu banyak berkas (paling banyak 1.000). Bagi menjadi beberapa."
    ),
    "too_much": gettext_lazy("Isi ZIP ini terlalu besar setelah dibongkar. Bagi menjadi beberapa ZIP."),
    "several_lists": gettext_lazy(
        "Ada lebih dari satu daftar CSV. Sertakan satu saja, di dalam ZIP atau di sampingnya."
    ),
    "too_big": gettext_lazy("ZIP ini terlalu besar. Bagi menjadi beberapa ZIP."),
    "no_files": gettext_lazy("ZIP ini kosong."),
    "missing": gettext_lazy("ZIP ini tidak ada lagi di penyimpanan kami. Unggah sekali lagi."),
    "list_not_text": gettext_lazy("Daftar CSV tidak dapat dibaca. Simpan sebagai CSV UTF-8, tanpa kata sandi."),
    "list_no_header": gettext_lazy(
        "Baris pertama daftar CSV harus: file,page,x_mm,y_mm. Pakai contoh yang dapat diunduh."
    ),
    "list_too_long": gettext_lazy("Daftar CSV terlalu panjang."),
    "list_empty": gettext_lazy("Daftar CSV kosong."),
}
FILE = {
    "zip_damaged": ARCHIVE["zip_damaged"],
    "too_much": ARCHIVE["too_much"],
    "zip_bomb": gettext_lazy("Berkas ini membengkak tidak wajar saat dibongkar, jadi tidak kami buka."),
    "nested_archive": gettext_lazy("Ini ZIP di dalam ZIP. Keluarkan dokumennya dulu, lalu buat satu ZIP saja."),
    "name_twice": gettext_lazy("Nama ini sudah dipakai berkas lain dalam ZIP yang sama."),
    "bad_name": gettext_lazy(
        "Nama berkas ini tidak aman atau terlalu panjang. Ganti namanya, lalu buat ulang ZIP-nya."
    ),
    "entry_encrypted": gettext_lazy("Berkas ini terkunci kata sandi di dalam ZIP. Buat ZIP tanpa kata sandi."),
    "odd_compression": gettext_lazy("Cara pemampatan berkas ini tidak kami kenal. Buat ZIP biasa."),
    "same_as_another": gettext_lazy(
        "Isinya sama persis dengan berkas lain dalam ZIP ini. Satu dokumen cukup satu kali."
    ),
    "in_order_already": gettext_lazy("Dokumen ini sudah ada pada pesanan ini; tidak dibubuhi dua kali."),
    "not_listed": gettext_lazy("Berkas ini tidak disebut dalam daftar CSV, jadi tidak dibubuhi."),
    "list_line": gettext_lazy("Barisnya dalam daftar CSV salah; lihat di atas."),
    "outside_page": gettext_lazy("Tempat dalam daftar CSV berada di luar halaman."),
    "needs_choice": gettext_lazy("Berkas ini perlu diperbaiki dulu. Buka halamannya untuk memilih perbaikannya."),
    "left_over": gettext_lazy(
        "Meterai pesanan ini tidak cukup. Buka halamannya untuk memakai meterai dari pesanan lain."
    ),
    "no_stamp_left": gettext_lazy("Semua e-meterai pesanan ini sudah terpakai."),
    "erased": gettext_lazy("Dokumen ini sudah dibubuhi dan sudah dihapus dari peladen."),
    "not_sealed_yet": gettext_lazy("Dokumen ini masih antre; jalankan sekali lagi."),
}


def archive(code: str) -> str:
    """The sentence for a bundle that was refused as a whole."""
    return str(ARCHIVE.get(code, wording.UNKNOWN))


def file(code: str) -> str:
    """The sentence for one file."""
    return str(FILE[code]) if code in FILE else wording.finding(code)


def mistake(one: dict[str, Any]) -> str:
    """A wrong line of a list, as `Bundle.mistakes` keeps it: its number, what was typed, and why it is wrong."""
    given = {"given": one["given"]}
    sentences = {
        "list_columns": _("terlalu banyak kolom mulai dari “%(given)s”"),
        "list_no_file": _("nama berkas kosong"),
        "list_file_twice": _("berkas “%(given)s” disebut dua kali"),
        "list_unknown_file": _("tidak ada berkas “%(given)s” dalam ZIP"),
        "list_which_file": _("ada beberapa berkas bernama “%(given)s”; tulis beserta nama mapnya"),
        "list_page": _("halaman “%(given)s” bukan angka mulai dari 1 dan bukan auto"),
        "list_number": _("“%(given)s” bukan jumlah milimeter dan bukan auto"),
        "list_half_a_place": _("x_mm dan y_mm harus diisi keduanya atau dikosongkan keduanya"),
        "list_place_needs_page": _("tempat dalam milimeter memerlukan nomor halaman"),
    }
    return _("Baris %(number)s: %(reason)s.") % {
        "number": one["line"],
        "reason": sentences.get(one["code"], one["code"]) % given,
    }


def how(code: str, *, covers: bool) -> str:
    """How the place of a stamp was found, and a warning where it stands on something."""
    words = {
        "asked": _("sesuai daftar Anda"),
        "beside_signature": _("di samping tempat tanda tangan"),
        "free_space": _("di tempat kosong"),
        "corner": _("di sudut halaman"),
    }.get(code, "")
    return _("%(place)s; mungkin menutupi tulisan") % {"place": words} if covers else words

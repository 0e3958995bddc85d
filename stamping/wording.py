"""What the PDF kernel's codes say to a person: what is the matter, and what to do."""

from django.utils.translation import gettext_lazy as _

from meterai.models import Stamp

FINDINGS = {
    "too_large": _(
        "Berkas terlalu besar. Kecilkan dulu (misalnya pindai ulang dengan mutu lebih rendah), lalu unggah lagi."
    ),
    "not_pdf": _("Ini bukan berkas PDF. Simpan dokumen Anda sebagai PDF, lalu unggah lagi."),
    "password_needed": _("PDF ini terkunci dengan kata sandi. Buka kuncinya dulu, simpan, lalu unggah lagi."),
    "unreadable": _("PDF ini rusak dan tidak dapat diperbaiki. Buat ulang PDF dari dokumen aslinya."),
    "hostile": _("PDF ini tidak dapat dibaca dengan aman. Cetak ulang sebagai PDF dari dokumen aslinya."),
    "no_pages": _("PDF ini tidak berisi halaman."),
    "too_many_pages": _("PDF ini terlalu banyak halamannya (paling banyak 1.000)."),
    "page_too_small": _("Halaman terlalu kecil untuk memuat meterai."),
    "dynamic_form": _("PDF ini formulir dinamis (XFA). Cetak sebagai PDF biasa, lalu unggah lagi."),
    "certified_no_changes": _(
        "Pembuat PDF ini melarang semua perubahan, jadi meterai tidak dapat dibubuhkan. "
        "Minta versi yang tidak disertifikasi."
    ),
    "certified_form_only": _(
        "PDF ini bersertifikasi dan hanya boleh diisi formulirnya; meterai akan merusak sertifikasinya. "
        "Minta versi yang tidak disertifikasi."
    ),
    "fields_locked": _(
        "Tanda tangan di PDF ini mengunci semua isian; meterai akan merusaknya. Minta versi yang tidak dikunci."
    ),
    "signed_and_damaged": _(
        "PDF ini bertanda tangan tetapi rusak; memperbaikinya akan menghapus tanda tangan. Minta ulang berkas aslinya."
    ),
    "signature_broken": _("Tanda tangan digital di PDF ini sudah tidak sah. Minta ulang berkas yang ditandatangani."),
    "already_sealed": _("Nomor seri ini sudah dibubuhkan pada PDF ini."),
    "no_such_page": _("Halaman itu tidak ada di dokumen ini."),
    "bad_placement": _("Tempat meterai tidak benar. Pilih ulang tempatnya."),
    "damaged_structure": _(
        "Susunan berkas rusak; sudah kami perbaiki. Periksa gambarnya di bawah sebelum melanjutkan."
    ),
    "not_a4": _("Ada halaman yang bukan A4. Pendaftaran CPNS meminta A4."),
    "near_limit": _("Ukurannya hampir 800 KB; setelah dibubuhi, berkas bisa melewati batas sebagian portal."),
    "scripts": _("PDF ini berisi skrip. Sebagian portal menolaknya."),
    "encrypted": _("PDF ini dilindungi, tetapi dapat dibuka tanpa kata sandi."),
    "form": _(
        "PDF ini berisi isian formulir. Pastikan semuanya sudah diisi; setelah dibubuhi, berkas tidak boleh diubah."
    ),
    "signed": _("PDF ini sudah bertanda tangan digital. Tanda tangan itu tetap utuh."),
    "signature_changed_after": _("PDF ini diubah setelah ditandatangani."),
    "old_version": _("Versi PDF lebih lama dari 1.6; ini tidak menghalangi pembubuhan."),
    "would_not_hold": _(
        "Meterai pada PDF ini tidak akan diterima semua pembaca PDF. Cetak ulang sebagai PDF dari dokumen aslinya."
    ),
    "contents_broken": _("Isi halaman PDF ini rusak sebagian. Buat ulang PDF dari dokumen aslinya."),
    "unknown_protection": _("Perlindungan PDF ini tidak kami kenal. Cetak ulang sebagai PDF tanpa perlindungan."),
    "locked_to_reader": _("PDF ini hanya dapat dibuka dengan sertifikat penerimanya. Simpan ulang tanpa perlindungan."),
    "empty_file": _("Berkas ini kosong. Salin ulang berkas aslinya."),
    "not_a_file": _("Ini bukan berkas biasa."),
    "cannot_read": _("Berkas ini tidak dapat dibuka. Periksa izin bacanya."),
    "not_written": _("Hasilnya tidak dapat disimpan. Periksa tempat dan izin tulis map tujuan."),
    "engine": _("Mesin segel sedang bermasalah."),
    "missing": _("Berkas asal tidak ditemukan di penyimpanan."),
}
UNKNOWN = _("Berkas ini tidak dapat diproses.")

REASONS = {
    "seal_broken": _("Segelnya rusak: isi berkas diubah setelah dibubuhi."),
    "certificate_untrusted": _("Segelnya bukan dari penerbit yang kami percaya."),
    "changed_after_seal": _("Isi dokumen diubah setelah dibubuhi."),
    "serial_of_another_document": _("Nomor seri ini dibubuhkan pada dokumen lain."),
    "serial_void": _("Nomor seri ini sudah dibatalkan."),
    "serial_refunded": _("Nomor seri ini sudah dikembalikan dananya."),
    "no_seal": _("Berkas ini tidak memuat segel e-meterai. Gambar meterai saja tidak membuktikan apa pun."),
    "no_document": _("Hanya nomor serinya yang diperiksa. Unggah PDF-nya untuk memastikan dokumennya."),
    "trust_unknown": _("Penerbit segelnya tidak dapat dipastikan saat ini."),
    "changes_unknown": _("Perubahan setelah pembubuhan tidak dapat dipastikan."),
    "seal_not_checked": _("Segelnya tidak dapat diperiksa."),
    "serial_unknown": _("Nomor seri ini tidak ada di catatan kami. Bisa jadi dijual oleh pihak lain."),
    "serial_not_looked_up": _("Nomor seri tidak dapat dicari saat ini."),
    "not_affixed": _("Nomor seri ini belum dibubuhkan pada dokumen mana pun."),
    "hash_unknown": _("Catatan dokumen untuk nomor seri ini tidak ada."),
}


def finding(code: str) -> str:
    """The sentence of a finding or refusal."""
    return str(FINDINGS.get(code, UNKNOWN))


def reason(code: str) -> str:
    """The sentence of a verdict's reason."""
    return str(REASONS.get(code, code))


def serial_state(state: str | None) -> str:
    """A serial's state in the books, as the public may see it; empty where the books have none."""
    return str(Stamp.State(state.lower()).label) if state else ""

"""What the PDF kernel's codes say to a person: what is the matter, and what to do."""

from django.utils.translation import gettext_lazy as _

from meterai.models import Stamp

FINDINGS = {
    "too_large": _(
        "Berkas terlalu besar. Kecilkan dulu (misalnya pindai ulang dengan mutu lebih rendah), lalu unggah lagi."
    ),
    "over_limit": _(
        "Berkas ini melewati batas ukuran. Kami dapat mengecilkannya; lihat dulu hasilnya, lalu putuskan sendiri."
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
        "Susunan berkas ini rusak. Kami dapat memperbaikinya; lihat dulu hasilnya, lalu putuskan sendiri."
    ),
    "not_a4": _("Ada halaman yang bukan A4. Pendaftaran CPNS meminta A4."),
    "signed_too_large": _(
        "Berkas ini terlalu besar, dan sudah bertanda tangan digital: mengecilkannya akan menghapus tanda tangan itu. "
        "Minta penandatangan membuat berkas yang lebih kecil, lalu menandatanganinya lagi."
    ),
    "near_limit": _("Ukurannya hampir 800 KB; setelah dibubuhi, berkas bisa melewati batas sebagian portal."),
    "scripts": _("PDF ini berisi skrip. Sebagian portal menolaknya."),
    "encrypted": _("PDF ini dilindungi, tetapi dapat dibuka tanpa kata sandi."),
    "restricted": _(
        "Pembuat PDF ini membatasi pencetakan, penyalinan, atau perubahannya. Meterai tetap dapat dibubuhkan, dan "
        "batasan itu tetap berlaku."
    ),
    "attachments": _(
        "PDF ini membawa berkas lampiran di dalamnya. Sebagian portal menolaknya; bila lampirannya tidak perlu, "
        "simpan ulang PDF tanpa lampiran."
    ),
    "no_text": _("PDF ini berupa gambar, seperti hasil pindai. Pastikan semua tulisannya terbaca jelas."),
    "new_version": _("Versi PDF ini lebih baru daripada yang diterima sebagian portal."),
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
    # what a repair may end in
    "signed_not_rewritten": _(
        "Berkas ini bertanda tangan digital, jadi tidak pernah kami tulis ulang: tanda tangannya akan hilang. "
        "Minta penandatangan membuat berkas baru yang benar, lalu menandatanganinya lagi."
    ),
    "cannot_shrink": _(
        "Berkas ini tidak dapat dikecilkan sampai cukup tanpa merusak tulisannya. Pindai ulang dengan mutu lebih "
        "rendah (200 dpi, hitam putih), atau kurangi halamannya."
    ),
    "cannot_fit": _(
        "Halaman ini tidak dapat kami pindahkan ke A4 dengan aman. Cetak ulang sebagai PDF dengan kertas A4 dari "
        "dokumen aslinya."
    ),
    "locked_to_version": _(
        "PDF ini dilindungi dengan cara yang hanya ada di versi barunya. Simpan ulang tanpa perlindungan, lalu unggah."
    ),
    "nothing_to_repair": _("Tidak ada yang perlu diperbaiki pada berkas ini."),
    "repair_in_vain": _(
        "Perbaikan sudah dicoba, tetapi hasilnya belum memenuhi syarat. Buat ulang PDF dari dokumen aslinya."
    ),
    "repair_took_too_long": _(
        "Berkas ini terlalu berat untuk diperbaiki di sini. Pindai ulang dengan mutu lebih rendah, lalu unggah lagi."
    ),
    # what the issuer's own engine says of a document
    "document_changed": _(
        "Penerbit menolak: PDF ini diubah setelah ditandatangani. Minta ulang berkas yang ditandatangani, dan jangan "
        "menyimpannya ulang."
    ),
    "earlier_signature_invalid": _(
        "Penerbit menolak: tanda tangan digital yang sudah ada di PDF ini tidak sah. Minta penandatangan "
        "menandatangani ulang, atau pakai berkas tanpa tanda tangan digital."
    ),
    "version_or_password": _(
        "Penerbit menolak: versi PDF ini terlalu lama, atau PDF ini meminta kata sandi. Buka kuncinya, simpan sebagai "
        "PDF 1.6 atau lebih baru, lalu unggah lagi."
    ),
}
_OURS = _("Mesin segel kami sedang bermasalah. Ini bukan salah berkas Anda; e-meterai Anda tetap milik Anda.")
_ISSUER = _("Layanan penerbit sedang bermasalah. Ini bukan salah berkas Anda; e-meterai Anda tetap milik Anda.")
_PROOF = _(
    "Bukti waktu atau bukti keabsahan segel belum dapat diambil. Ini bukan salah berkas Anda; e-meterai Anda tetap "
    "milik Anda."
)
AUTHORITY = {
    **dict.fromkeys(
        (
            *("key_unreadable", "certificate_unfit", "certificate_out_of_date", "certificate_revoked"),
            *("signature_too_long", "no_signature", "token_unavailable", "token_pin_wrong", "token_key_missing"),
        ),
        _OURS,
    ),
    **dict.fromkeys(("timestamp_unavailable", "timestamp_untrusted", "revocation_unavailable"), _PROOF),
    **dict.fromkeys(
        (
            *("issuer_unreachable", "issuer_strange", "issuer_login", "issuer_quota", "issuer_refused"),
            *("issuer_folder", "issuer_bad_input", "issuer_signing", "issuer_revocation", "issuer_unknown"),
            *("picture_missing", "result_late", "result_wrong"),
        ),
        _ISSUER,
    ),
}
"""What a person is told of the authority's own troubles; `authority.engine.REASONS` tells staff what they are."""
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
    return str(FINDINGS.get(code) or AUTHORITY.get(code, UNKNOWN))


def reason(code: str) -> str:
    """The sentence of a verdict's reason."""
    return str(REASONS.get(code, code))


def serial_state(state: str | None) -> str:
    """A serial's state in the books, as the public may see it; empty where the books have none."""
    return str(Stamp.State(state.lower()).label) if state else ""

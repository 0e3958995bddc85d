"""Why a delivery was refused: in a sentence, and line by line as a file that can be downloaded."""

import csv
import io
from collections.abc import Iterable
from itertools import islice
from typing import IO, NamedTuple

from django.conf import settings
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, override

from .models import Delivery
from .spreadsheets import harmless
from .stocking import RefusedLine

# What `delivery_file.Unreadable`, `stocking.mismatch` and `importing` find, as a person reads it.
SENTENCES = {
    "lines": gettext_lazy("Ada baris yang tidak dapat diterima."),
    "count": gettext_lazy("Jumlah nomor seri dalam berkas tidak sama dengan jumlah menurut penerbit."),
    "sha256": gettext_lazy("SHA-256 berkas tidak sama dengan yang diumumkan penerbit."),
    "empty": gettext_lazy("Berkas ini tidak berisi nomor seri."),
    "archive": gettext_lazy("Berkas gzip atau zip ini rusak."),
    "encrypted": gettext_lazy("Berkas zip ini terkunci dengan kata sandi."),
    "contents": gettext_lazy("Berkas zip harus berisi tepat satu berkas .csv atau .txt, boleh dengan manifest.json."),
    "too_large": gettext_lazy("Isi berkas ini jauh lebih besar daripada kiriman mana pun."),
    "manifest": gettext_lazy("Manifes tidak terbaca: harus JSON dengan count dan sha256."),
    "disagree": gettext_lazy("Manifes dan isian tidak mengatakan hal yang sama."),
    "reference": gettext_lazy("Kiriman dengan nomor ini sudah pernah diimpor."),
    "missing": gettext_lazy("Berkas yang diunggah tidak ada lagi di penyimpanan."),
    "gave_up": gettext_lazy("Berulang kali gagal diproses. Hubungi pengelola sistem."),
    "cancelled": gettext_lazy("Dibatalkan."),
}


class Row(NamedTuple):
    """A refused line as the report has it: its number, what stands there, the reason as a code and as a sentence."""

    number: str
    found: str
    code: str
    reason: str


def why(delivery: Delivery) -> str:
    """Why this delivery was refused, with the figures that show it."""
    sentence = str(SENTENCES.get(delivery.failure, delivery.failure))
    if delivery.failure == "count":
        found, expected = delivery.lines_staged, delivery.expected_count or 0
        # A file with too many is not read to its end.
        is_over = _("Menurut penerbit %(expected)s, di dalam berkas lebih dari itu.")
        is_under = _("Menurut penerbit %(expected)s, di dalam berkas %(found)s.")
        figures = {"expected": number_format(expected), "found": number_format(found)}
        return f"{sentence} {(is_over if found > expected else is_under) % figures}"
    if delivery.failure == "sha256":
        found_digest = _("SHA-256 isi berkas: %(digest)s") % {"digest": delivery.staged_sha256}
        return f"{sentence} {found_digest}"
    return sentence


def write(file: IO[bytes], *, delivery: Delivery, lines: Iterable[RefusedLine]) -> int:
    """Write the report (CSV, UTF-8): first why, without a line number, then every refused line; returns how many."""
    text = io.TextIOWrapper(file, "utf-8-sig", newline="")
    report, number = csv.writer(text), 0
    # In the language of the site, whoever reads the file: a worker or the command.
    with override(settings.LANGUAGE_CODE):
        report.writerow([_("baris"), _("isi"), _("kode"), _("alasan")])
        report.writerow(["", "", delivery.failure, why(delivery)])
        for line in lines:
            report.writerow([line.number, harmless(line.found), line.reason, line.sentence()])
            number += 1
    text.detach()
    return number


def read(file: IO[bytes], *, most: int) -> list[Row]:
    """The first refused lines of a report."""
    rows = csv.reader(io.TextIOWrapper(file, "utf-8-sig", newline=""))
    return [Row(*row) for row in islice(rows, 2, most + 2)]

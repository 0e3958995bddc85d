"""Damage by hand: cut, shifted, overwritten, lied about, looped, or blown up."""

import gzip
import zlib

from tests.corpus.cases import FONT, INK, PAGE, SEALED, add, assembled, by_hand, edited, letter, stream

BROKEN = (SEALED, "unreadable", "not_pdf", "no_pages", "hostile", "would_not_hold", "contents_broken")
"""What a damaged file may come to: mended and sealed, or refused for being broken."""


def _text(data: bytes) -> bytes:
    return data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def _flipped(data: bytes, every: int) -> bytes:
    """One bit in each `every` bytes of the body turned over."""
    body = bytearray(data)
    for place in range(200, len(body) - 200, every):
        body[place] ^= 0x10
    return bytes(body)


def _last(data: bytes, old: bytes, new: bytes) -> bytes:
    place = data.rindex(old)
    return data[:place] + new + data[place + len(old) :]


def _startxref(data: bytes, value: int) -> bytes:
    head, tail = data[: data.rindex(b"startxref")], data[data.rindex(b"startxref") :].split()
    tail[1] = b"%d" % value
    return head + b"\n".join(tail) + b"\n"


def _blocks(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 65536)


WHOLE = {
    "junk-in-front": lambda d: b"\r\nX-Scanner: 1\r\n" + d,
    "junk-900-in-front": lambda d: b"#" * 900 + b"\n" + d,
    "byte-order-mark": lambda d: b"\xef\xbb\xbf" + d,
    "mail-header": lambda d: b"Content-Type: application/pdf\r\n\r\n" + d,
    "tail-cut": lambda d: d[: d.rindex(b"startxref")],
    "eof-cut": lambda d: d[: d.rindex(b"%%EOF")],
    "junk-behind": lambda d: d + b"sisa" * 100,
    "junk-5000-behind": lambda d: d + b"<html>" * 900,
    "nulls-behind": _blocks,
    "crlf-everywhere": _text,
    "cr-everywhere": lambda d: d.replace(b"\n", b"\r"),
    "startxref-zero": lambda d: _startxref(d, 0),
    "startxref-past-end": lambda d: _startxref(d, 10**9),
    "startxref-below": lambda d: _startxref(d, -5),
    "startxref-off-by-seven": lambda d: _startxref(d, int(d[d.rindex(b"startxref") + 9 :].split()[0]) + 7),
    "startxref-no-number": lambda d: _last(d, b"startxref\n", b"startxref\nx"),
    "twice": lambda d: d + d,
    "header-x": lambda d: d.replace(b"%PDF-1.", b"%PDF-x.", 1),
    "header-bare": lambda d: b"%PDF-" + d[8:],
    "header-9": lambda d: b"%PDF-9.9" + d[8:],
    "header-gone": lambda d: d[8:],
    "no-endobj": lambda d: d.replace(b"endobj", b"      "),
    "no-endstream": lambda d: d.replace(b"endstream", b"         "),
    "bits-flipped-1000": lambda d: _flipped(d, 1000),
    "bits-flipped-100": lambda d: _flipped(d, 100),
    "bits-flipped-10": lambda d: _flipped(d, 10),
    "no-xref-word": lambda d: _last(d, b"xref\n0", b"xxxx\n0"),
    "no-trailer-word": lambda d: d.replace(b"trailer", b"tra!ler"),
    "no-root": lambda d: _last(d, b"/Root", b"/Roof"),
    "root-dangling": lambda d: _last(d, b"/Root 1 0", b"/Root 9 0") if b"/Root 1 0" in d else d[:-30],
    "size-too-small": lambda d: _last(d, b"/Size ", b"/Size 0"),
    "offsets-off-by-one": lambda d: d.replace(b"\n%", b"\n %", 1),
    "offsets-zero": lambda d: b"".join(
        b"0000000000" + line[10:] if line[10:18] in (b" 00000 n", b" 00000 f") else line for line in d.splitlines(True)
    ),
    "xref-19-bytes": lambda d: d.replace(b" 00000 n \n", b" 00000 n\n"),
    "prev-itself": lambda d: _last(d, b"/Root", b"/Prev %s /Root" % d[d.rindex(b"startxref") + 9 :].split()[0]),
    "prev-zero": lambda d: _last(d, b"/Root", b"/Prev 0 /Root"),
    "prev-past-end": lambda d: _last(d, b"/Root", b"/Prev 99999999 /Root"),
    "encrypt-nonsense": lambda d: _last(d, b"/Root", b"/Encrypt <</Filter /Aneh /V 9>> /Root"),
    "encrypt-dangling": lambda d: _last(d, b"/Root", b"/Encrypt 99 0 R /Root"),
    "id-of-one": lambda d: _last(d, b"/Root", b"/ID [<00>] /Root"),
    "id-a-name": lambda d: _last(d, b"/Root", b"/ID /Nama /Root"),
    "info-dangling": lambda d: _last(d, b"/Root", b"/Info 99 0 R /Root"),
}
for _name, _change in WHOLE.items():
    add(f"damaged-{_name}.pdf", lambda c=_change: c(by_hand()))
for _part in (1, 10, 25, 50, 75, 90, 99):
    add(f"cut-{_part}-percent.pdf", lambda p=_part: letter(count=3)[: len(letter(count=3)) * p // 100], *BROKEN)
    add(f"cut-{_part}-percent-packed.pdf", lambda p=_part: _packed()[: len(_packed()) * p // 100], *BROKEN)


def _packed() -> bytes:
    from pikepdf import ObjectStreamMode

    return edited(lambda pdf: None, letter(count=3), object_stream_mode=ObjectStreamMode.generate)


TREES = {
    "count-high": b"/Kids [3 0 R] /Count 99",
    "count-low": b"/Kids [3 0 R] /Count 0",
    "count-below": b"/Kids [3 0 R] /Count -1",
    "count-missing": b"/Kids [3 0 R]",
    "count-named": b"/Kids [3 0 R] /Count /Satu",
    "kids-itself": b"/Kids [2 0 R 3 0 R] /Count 2",
    "kids-null": b"/Kids [null 3 0 R] /Count 1",
    "kids-dangling": b"/Kids [99 0 R 3 0 R] /Count 2",
    "kids-twice": b"/Kids [3 0 R 3 0 R] /Count 2",
    "kids-missing": b"/Count 1",
    "kids-a-page": b"/Kids 3 0 R /Count 1",
    "kids-direct": b"/Kids [<</Type /Page /MediaBox [0 0 595 842] /Parent 2 0 R>>] /Count 1",
    "parent-itself": b"/Kids [3 0 R] /Count 1 /Parent 2 0 R",
}
for _name, _tree in TREES.items():
    add(f"tree-{_name}.pdf", lambda t=_tree: by_hand(pages=t), *BROKEN)
FORMS = {
    "null": b"null",
    "empty": b"<<>>",
    "dangling": b"99 0 R",
    "a-number": b"7",
    "fields-null": b"<</Fields null>>",
    "fields-a-name": b"<</Fields /Nama>>",
    "fields-elsewhere": b"<</Fields 7 0 R>>",
    "fields-with-null": b"<</Fields [null 99 0 R]>>",
    "fields-of-numbers": b"<</Fields [1 2 3]>>",
    "fields-loop": b"<</Fields [6 0 R]>>",
    "sigflags": b"<</Fields [] /SigFlags 3>>",
    "sigflags-named": b"<</Fields [] /SigFlags /Tiga>>",
    "needs-appearances": b"<</Fields [] /NeedAppearances true /DA (/Helv 0 Tf)>>",
    "same-name": b"<</Fields [8 0 R]>>",
}
FORM_PIECES = [b"<</T (a) /Kids [6 0 R] /Parent 6 0 R>>", b"[]", b"<</FT /Sig /T (Meterai) /Kids [null]>>"]
for _name, _form in FORMS.items():
    add(f"acroform-{_name}.pdf", lambda f=_form: by_hand(catalog=b"/AcroForm " + f, more=FORM_PIECES))
CATALOGS = {
    "perms-a-number": b"/Perms 7",
    "perms-dangling": b"/Perms <</DocMDP 99 0 R>>",
    "perms-empty": b"/Perms <</DocMDP <<>>>>",
    "version-odd": b"/Version /1.x",
    "version-a-string": b"/Version (1.7)",
    "version-2": b"/Version /2.0",
    "extensions": b"/Extensions <</ADBE <</BaseVersion /1.7 /ExtensionLevel 8>>>>",
    "names-loop": b"/Names <</JavaScript <</Kids [6 0 R]>>>>",
    "dss-odd": b"/DSS [1 2 3]",
    "pages-twice": b"/Pages 99 0 R",
    "metadata-dangling": b"/Metadata 99 0 R",
}
for _name, _entry in CATALOGS.items():
    add(f"catalog-{_name}.pdf", lambda e=_entry: by_hand(catalog=e, more=[b"<</Kids [6 0 R]>>"]))
add(
    "catalog-a-page.pdf",
    lambda: assembled([PAGE % b"", b"<</Kids [1 0 R] /Count 1>>", b"null", stream(INK), FONT]),
    *BROKEN,
)
add("catalog-untyped.pdf", lambda: by_hand().replace(b"/Type /Catalog ", b"               "), *BROKEN)


def _contents(body: bytes) -> bytes:
    return assembled(
        [b"<</Type /Catalog /Pages 2 0 R>>", b"<</Type /Pages /Kids [3 0 R] /Count 1>>", PAGE % b"", body, FONT]
    )


def _bomb(layers: int) -> bytes:
    data = b"\0" * 200_000_000 if layers == 1 else b"\0" * 50_000_000
    for _layer in range(layers):
        data = zlib.compress(data, 9)
    return _contents(stream(data, b"/Filter [%s]" % (b"/FlateDecode " * layers)))


def bomb_of_operators() -> bytes:
    """Forty kilobytes that draw three million rectangles."""
    return _contents(stream(zlib.compress(b"0 0 9 9 re f\n" * 3_000_000, 9), b"/Filter /FlateDecode"))


STREAMS = {
    "length-long": b"<</Length 9999>>\nstream\n" + INK + b"\nendstream",
    "length-short": b"<</Length 3>>\nstream\n" + INK + b"\nendstream",
    "length-missing": b"<<>>\nstream\n" + INK + b"\nendstream",
    "length-itself": b"<</Length 4 0 R>>\nstream\n" + INK + b"\nendstream",
    "length-dangling": b"<</Length 99 0 R>>\nstream\n" + INK + b"\nendstream",
    "no-flate": stream(INK, b"/Filter /FlateDecode"),
    "flate-cut": stream(zlib.compress(INK * 50)[:-20], b"/Filter /FlateDecode"),
    "flate-wrong-sum": stream(zlib.compress(INK)[:-4] + b"\0\0\0\0", b"/Filter /FlateDecode"),
    "filter-unknown": stream(INK, b"/Filter /Ajaib"),
    "filter-a-number": stream(INK, b"/Filter 7"),
    "filters-40": stream(INK.hex().encode() + b">", b"/Filter [%s]" % (b"/ASCIIHexDecode " * 40)),
    "unbalanced": stream(b"Q Q Q Q " + INK + b" q q q q ET BT BT EMC"),
    "garbage": stream(bytes(range(256)) * 40),
    "inline-image-open": stream(INK + b" BI /W 9 /H 9 ID \0\0\0\0"),
    "scale-never-back": stream(b"0.001 0 0 0.001 0 0 cm " + INK),
    "calls-itself": stream(b"/X Do " + INK),
}
for _name, _stream in STREAMS.items():
    add(f"stream-{_name}.pdf", lambda s=_stream: _contents(s), *BROKEN)
add("bomb-flate.pdf", lambda: _bomb(1))
add("bomb-flate-twice.pdf", lambda: _bomb(2))
add("bomb-arrays.pdf", lambda: by_hand(catalog=b"/A " + b"[" * 100_000 + b"]" * 100_000), *BROKEN)
add("bomb-dictionaries.pdf", lambda: by_hand(catalog=b"/A " + b"<</A " * 20_000 + b">>" * 20_000), *BROKEN)
add("bomb-operators.pdf", bomb_of_operators)
add("bomb-objects.pdf", lambda: by_hand(more=[b"<</N %d>>" % n for n in range(120_000)]))


def _hybrid() -> bytes:
    """A table whose trailer also names a reference stream, as old word processors wrote them."""
    data = by_hand()
    place = data.rindex(b"xref\n0")
    entries = b"".join(bytes([1]) + data.index(b"%d 0 obj" % n).to_bytes(3, "big") + b"\0" for n in (1,))
    body = b"6 0 obj\n%s\nendobj\n" % stream(entries, b"/Type /XRef /W [1 3 1] /Index [1 1] /Size 7 /Root 1 0 R")
    table = data[place : data.rindex(b"startxref")].replace(b"/Root 1 0 R", b"/Root 1 0 R /XRefStm %d" % place)
    return data[:place] + body + table + b"startxref\n%d\n%%%%EOF\n" % (place + len(body))


def _generations() -> bytes:
    return by_hand().replace(b"4 0 obj", b"4 3 obj").replace(b"/Contents 4 0 R", b"/Contents 4 3 R")


add("hybrid.pdf", _hybrid, SEALED)
add("generations-odd.pdf", _generations, *BROKEN)
for _name, _bytes in {
    "empty.pdf": b"",
    "header-only.pdf": b"%PDF-1.7\n",
    "text.pdf": b"Ini bukan PDF.\n" * 50,
    "page.html.pdf": b"<!doctype html><title>404</title>",
    "picture.png": b"\x89PNG\r\n\x1a\n" + b"\0" * 100,
    "word.docx": b"PK\x03\x04" + b"\0" * 200,
    "postscript.pdf": b"%!PS-Adobe-3.0\nshowpage\n",
    "zeros.pdf": b"\0" * 10_000,
}.items():
    add(f"not-{_name}", lambda b=_bytes: b, "not_pdf", "unreadable", "empty_file")
add("not-packed.pdf.gz", lambda: gzip.compress(letter(), mtime=0), "not_pdf")

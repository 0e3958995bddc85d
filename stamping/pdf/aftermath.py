"""What was done to a file after it was signed, found by comparing the file as signed with the file as it is.

Harmless: signature (somebody signed later), signature_field (an empty field for one), timestamp, validation_data,
metadata.
Forbidden: page, pages_count, annotation, form, signature_removed, script, attachment, stray_bytes, stamp_covered,
content_covered. `not_comparable`: one of the two could not be read. `other`: pyHanko saw what this comparison did not.
"""

import hashlib
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import pikepdf

from stamping.pdf import coverings
from stamping.pdf.reading import elements, entry

__all__ = ["FORBIDDEN", "since"]
FORBIDDEN = frozenset(
    {
        "page",
        "pages_count",
        "annotation",
        "form",
        "signature_removed",
        "script",
        "attachment",
        "stray_bytes",
        "stamp_covered",
        "content_covered",
        "other",
    }
)
SIGNATURE, TIMESTAMP = "signature", "timestamp"
MOST_PAGES = 2_000
MOST_DEPTH = 40
SPACE = b"\r\n\t \x00"
TREE = (pikepdf.Name.Page, pikepdf.Name.Pages, pikepdf.Name.Catalog)
"""What is compared by itself: a link to a page is not a copy of it."""
# Where an entry leads back up, or says what may well differ.
SKIPPED = frozenset({"/Parent", "/P", "/Metadata", "/StructParent", "/StructParents", "/Popup"})


@dataclass(frozen=True)
class _Content:
    """What a reader sees of a file, as digests."""

    pages: tuple[str, ...]
    annotations: tuple[frozenset[str], ...]
    fields: dict[str, str]
    signatures: dict[str, str]
    actions: str
    attachments: str
    validation: str
    metadata: str


def since(*, source: bytes, end: int, field: str, harmless: frozenset[str] = frozenset()) -> frozenset[str]:
    """Codes of what came after the first `end` bytes, which the signature in `field` covers.

    `harmless` names fields of later seals by a trusted key: where those lie was agreed to. Never raises.
    """
    try:
        before, after = _content(source[:end]), _content(source)
    except Exception:  # qpdf and the libraries below it report in many ways
        return frozenset({"not_comparable"})
    found = _differences(before, after)
    if not _ends_well(source, end):
        found.add("stray_bytes")
    later = frozenset(after.signatures) - frozenset(before.signatures)
    later |= {name for name, filled in before.signatures.items() if not filled and after.signatures.get(name)}
    if later - harmless:
        found |= coverings.found(source=source, end=end, field=field, later=later - harmless)
    return frozenset(found)


def _ends_well(source: bytes, end: int) -> bool:
    """Whether all that was appended is revisions: a viewer that repairs would read other objects, too."""
    tail = source[end:]
    if b"startxref" not in tail:
        return not tail.strip(SPACE)
    return not tail[tail.rindex(b"%%EOF") + 5 :].strip(SPACE) if b"%%EOF" in tail else False


def _differences(before: _Content, after: _Content) -> set[str]:
    found = {
        "pages_count": len(before.pages) != len(after.pages),
        "page": before.pages != after.pages[: len(before.pages)],
        "annotation": before.annotations != after.annotations[: len(before.pages)],
        "form": before.fields != after.fields,
        "signature_removed": any(
            filled and not after.signatures.get(name) for name, filled in before.signatures.items()
        ),
        "script": before.actions != after.actions,
        "attachment": before.attachments != after.attachments,
        "validation_data": before.validation != after.validation,
        "metadata": before.metadata != after.metadata,
        "signature": _count(after, SIGNATURE) > _count(before, SIGNATURE),
        "timestamp": _count(after, TIMESTAMP) > _count(before, TIMESTAMP),
        "signature_field": any(not kind and name not in before.signatures for name, kind in after.signatures.items()),
    }
    return {code for code, true in found.items() if true}


def _count(content: _Content, kind: str) -> int:
    return sum(one == kind for one in content.signatures.values())


def _content(source: bytes) -> _Content:
    with pikepdf.open(BytesIO(source), suppress_warnings=True) as pdf:
        pages = list(pdf.pages)[:MOST_PAGES]
        values, signatures = _fields(pdf)
        names = entry(pdf.Root, "/Names")
        actions = [entry(pdf.Root, "/OpenAction"), entry(pdf.Root, "/AA"), entry(names, "/JavaScript")]
        return _Content(
            pages=tuple(_page(page.obj) for page in pages),
            annotations=tuple(_annotations(page.obj) for page in pages),
            fields=values,
            signatures=signatures,
            actions=_digest(actions),
            attachments=_digest(
                [entry(names, "/EmbeddedFiles"), entry(pdf.Root, "/AF"), entry(pdf.Root, "/Collection")]
            ),
            validation=_digest(entry(pdf.Root, "/DSS")),
            metadata=_digest([entry(pdf.Root, "/Metadata"), pdf.docinfo if pdf.trailer.get("/Info") else None]),
        )


def _page(page: Any) -> str:
    shown = [_inherited(page, name) for name in ("/Contents", "/Resources", "/MediaBox", "/CropBox", "/Rotate")]
    return _digest([*shown, entry(page, "/UserUnit"), entry(page, "/AA")])


def _inherited(page: Any, name: str) -> Any:
    for _step in range(MOST_DEPTH):
        found = entry(page, name)
        if found is not None:
            return found
        page = entry(page, "/Parent")
    return None


def _annotations(page: Any) -> frozenset[str]:
    """Notes, links, drawings and fields that are no signature's."""
    found = elements(entry(page, "/Annots"))
    return frozenset(_digest(one) for one in found if _inherited(one, "/FT") != pikepdf.Name.Sig)


def _fields(pdf: pikepdf.Pdf) -> tuple[dict[str, str], dict[str, str]]:
    """Values of the form's fields by name, and what its signature fields hold: nothing, a signature, a time-stamp."""
    values: dict[str, str] = {}
    signatures: dict[str, str] = {}
    todo = [(one, "", 0) for one in elements(entry(entry(pdf.Root, "/AcroForm"), "/Fields"))]
    while todo:
        field, above, depth = todo.pop()
        name = ".".join(part for part in (above, str(entry(field, "/T", ""))) if part)
        kids = list(elements(entry(field, "/Kids"))) if depth < MOST_DEPTH else []
        todo += [(kid, name, depth + 1) for kid in kids if entry(kid, "/T") is not None]
        if _inherited(field, "/FT") == pikepdf.Name.Sig:
            kind = TIMESTAMP if entry(entry(field, "/V"), "/Type") == pikepdf.Name.DocTimeStamp else SIGNATURE
            signatures[name] = kind if entry(field, "/V") is not None else ""
        elif not any(entry(kid, "/T") is not None for kid in kids):
            values[name] = _digest([_inherited(field, "/FT"), _inherited(field, "/V"), entry(field, "/AP"), kids])
    return values, signatures


def _digest(thing: Any) -> str:
    hashed = hashlib.sha256()
    _feed(thing, hashed, frozenset(), 0)
    return hashed.hexdigest()


def _feed(thing: Any, hashed: Any, above: frozenset[tuple[int, int]], depth: int) -> None:
    """Hash a tree of objects by what they say, not by their numbers; a way back up is cut."""
    if depth > MOST_DEPTH:
        hashed.update(b"deep")
        return
    if isinstance(thing, pikepdf.Object) and thing.is_indirect:
        if thing.objgen in above or (depth and entry(thing, "/Type") in TREE):
            hashed.update(b"%d %d R" % thing.objgen)
            return
        above |= {thing.objgen}
    if isinstance(thing, (pikepdf.Dictionary, pikepdf.Stream)):
        hashed.update(b"<<")
        for key in sorted(set(thing.keys()) - SKIPPED):
            hashed.update(key.encode())
            _feed(thing[key], hashed, above, depth + 1)
        if isinstance(thing, pikepdf.Stream):
            hashed.update(hashlib.sha256(thing.read_raw_bytes()).digest())
    elif isinstance(thing, (list, pikepdf.Array)):
        hashed.update(b"[%d" % len(thing))
        for one in thing:
            _feed(one, hashed, above, depth + 1)
    else:
        hashed.update(repr(thing).encode())

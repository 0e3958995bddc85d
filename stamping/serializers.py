"""The API's shapes for documents and checks."""

from typing import Any

from django.conf import settings
from django.urls import reverse
from rest_framework import serializers

from . import repair_showing, wording
from .models import Document
from .pdf.geometry import DEFAULT_SIZE, LARGEST_SIZE, SMALLEST_SIZE
from .pdf.mendable import Kind
from .pdf.preflight import Preflight
from .preparing import facts_of
from .verifying import Checked, Report


class DocumentSent(serializers.Serializer):  # type: ignore[type-arg]
    """A PDF, at most MAX_DOCUMENT_BYTES large."""

    file = serializers.FileField(max_length=255)


class Placement(serializers.Serializer):  # type: ignore[type-arg]
    """Points on the page as it is shown, origin bottom left; the stamp is a square that is moved inside the page."""

    page = serializers.IntegerField(min_value=1)
    x = serializers.FloatField(min_value=-1_000_000, max_value=1_000_000)
    y = serializers.FloatField(min_value=-1_000_000, max_value=1_000_000)
    size = serializers.FloatField(min_value=SMALLEST_SIZE, max_value=LARGEST_SIZE, default=DEFAULT_SIZE)


class Agreement(serializers.Serializer):  # type: ignore[type-arg]
    """Which order's stamp to use, and the word that the document is final."""

    order = serializers.CharField(max_length=20)
    order_key = serializers.CharField(max_length=40)
    final = serializers.BooleanField()

    def validate_final(self, value: bool) -> bool:
        """Affixing cannot be undone."""
        if not value:
            raise serializers.ValidationError("Must be true: a sealed document must not be changed any more.")
        return value


class PageShown(serializers.Serializer):  # type: ignore[type-arg]
    """A page as it is shown, in points."""

    width = serializers.FloatField()
    height = serializers.FloatField()


class FindingShown(serializers.Serializer):  # type: ignore[type-arg]
    """One thing that preflight noticed."""

    code = serializers.CharField(help_text="Stable, for programs.")
    severity = serializers.CharField(help_text="repair (needed before the stamp), warn or info")
    text = serializers.CharField()


class FactsShown(serializers.Serializer):  # type: ignore[type-arg]
    """What preflight found in the file as it is now."""

    sha256 = serializers.CharField()
    size_bytes = serializers.IntegerField()
    version = serializers.CharField(allow_blank=True, help_text='Of PDF, like "1.7".')
    is_a4 = serializers.BooleanField(help_text="Every page is A4, upright or across.")
    encrypted = serializers.BooleanField()
    forbidden = serializers.ListField(
        child=serializers.CharField(), help_text="What its owner reserves: print, copy, change, comment, fill."
    )
    scripts = serializers.BooleanField()
    form = serializers.BooleanField()
    attachments = serializers.IntegerField(help_text="Files inside the file.")
    signatures = serializers.IntegerField(help_text="Signatures that it came with.")
    text = serializers.CharField(allow_blank=True, help_text="all, some or none of the pages hold text")


class RepairAsked(serializers.Serializer):  # type: ignore[type-arg]
    """Which repair to make. It takes seconds, changes nothing yet, and a repeat answers with the same copy."""

    kind = serializers.ChoiceField(choices=[kind.value for kind in Kind])


class RepairDecision(serializers.Serializer):  # type: ignore[type-arg]
    """The word on a copy, named by its digest: use it, or keep the original."""

    sha256 = serializers.RegexField(r"^[0-9a-f]{64}$", help_text="Of the copy, as its `after` says.")
    use = serializers.BooleanField()


class CopyShown(serializers.Serializer):  # type: ignore[type-arg]
    """The original or the mended copy."""

    sha256 = serializers.CharField()
    bytes = serializers.IntegerField()


class LossShown(serializers.Serializer):  # type: ignore[type-arg]
    """How far the page that differs most is from the original's, drawn; `decibels` is null where no pixel differs."""

    decibels = serializers.FloatField(allow_null=True)
    largest = serializers.IntegerField(help_text="Of 255.")
    page = serializers.IntegerField()


class RepairShown(serializers.Serializer):  # type: ignore[type-arg]
    """A repair that the document may have; `after` is there once it was made."""

    kind = serializers.CharField(help_text="structure, size, page_size or version")
    needed = serializers.BooleanField(help_text="Without it the document takes no stamp.")
    text = serializers.CharField(help_text="What would be done or, once made, what was.")
    before = CopyShown(allow_null=True)
    after = CopyShown(allow_null=True)
    loss = LossShown(allow_null=True, help_text="Null where there is nothing to compare.")
    loss_text = serializers.CharField(allow_blank=True)


class DocumentShown(serializers.Serializer):  # type: ignore[type-arg]
    """A document on its way."""

    id = serializers.UUIDField()
    key = serializers.CharField(help_text="The secret: send it as X-Document-Key, never in an address.")
    state = serializers.CharField(help_text="unfit (choose a repair), draft, placed, queued, sealed, failed or erased")
    pages = PageShown(many=True)
    facts = FactsShown(allow_null=True)
    findings = FindingShown(many=True)
    repairs = RepairShown(many=True)
    placement = Placement(allow_null=True)
    order = serializers.CharField(allow_blank=True)
    confirmed_at = serializers.DateTimeField(allow_null=True)
    serial = serializers.CharField(allow_blank=True)
    sealed_at = serializers.DateTimeField(allow_null=True)
    sha256 = serializers.CharField(allow_blank=True, help_text="Of the sealed file.")
    failure = serializers.CharField(allow_blank=True)
    page = serializers.CharField(help_text="For a person. Holds the secret key.")


class CheckSent(serializers.Serializer):  # type: ignore[type-arg]
    """A PDF to be checked. It is not kept."""

    file = serializers.FileField(max_length=255)


class SealShown(serializers.Serializer):  # type: ignore[type-arg]
    """The facts about one serial; null is "not known"."""

    serial = serializers.CharField(allow_blank=True)
    conclusion = serializers.CharField(help_text="valid, invalid, cancelled or cannot_tell")
    reasons = serializers.ListField(child=serializers.CharField())
    seal_found = serializers.BooleanField(allow_null=True)
    seal_intact = serializers.BooleanField(allow_null=True)
    certificate_trusted = serializers.BooleanField(allow_null=True)
    serial_known = serializers.BooleanField(allow_null=True)
    serial_state = serializers.CharField(allow_null=True)
    hash_matches = serializers.BooleanField(allow_null=True)
    changes_after = serializers.CharField()
    sealed_at = serializers.DateTimeField(allow_null=True)


class ReportShown(serializers.Serializer):  # type: ignore[type-arg]
    """The verdict on a file: as good as its worst seal."""

    conclusion = serializers.CharField(help_text="valid, invalid, cancelled or cannot_tell")
    problem = serializers.CharField(allow_blank=True, help_text="Why the file could not be read; usually empty.")
    seals = SealShown(many=True)


def document_shown(document: Document) -> dict[str, Any]:
    """A document as the API shows it to whoever holds its key."""
    facts = facts_of(document) if document.facts else None
    placed = document.page is not None
    return {
        "id": str(document.pk),
        "key": document.key,
        "state": document.state,
        "pages": [{"width": page.width, "height": page.height} for page in facts.pages] if facts else [],
        "facts": _facts_shown(document, facts) if facts else None,
        "repairs": [_repair_shown(one) for one in repair_showing.offers(document)],
        "findings": [
            {"code": one.code, "severity": one.severity.value, "text": wording.finding(one.code)}
            for one in (facts.findings if facts else ())
        ],
        "placement": {name: getattr(document, name) for name in ("page", "x", "y", "size")} if placed else None,
        "order": document.order.code if document.order else "",
        "confirmed_at": document.confirmed_at,
        "serial": document.stamp_id or "",
        "sealed_at": document.sealed_at,
        "sha256": document.output_sha256,
        "failure": document.failure,
        "page": settings.SITE_URL + reverse("stamping:document", args=[document.pk, document.key]),
    }


def _facts_shown(document: Document, facts: Preflight) -> dict[str, Any]:
    names = ("size_bytes", "version", "is_a4", "encrypted", "scripts", "form", "attachments", "text")
    return {name: getattr(facts, name) for name in names} | {
        "sha256": document.source_sha256,
        "forbidden": list(facts.forbidden),
        "signatures": len(facts.signatures),
    }


def _repair_shown(offer: repair_showing.Offer) -> dict[str, Any]:
    lost = offer.lost
    return {
        "kind": offer.kind,
        "needed": offer.needed,
        "text": offer.done or offer.promise,
        "before": {"sha256": offer.before.sha256, "bytes": offer.before.bytes} if offer.before else None,
        "after": {"sha256": offer.after.sha256, "bytes": offer.after.bytes} if offer.after else None,
        "loss": {"decibels": lost.decibels, "largest": lost.largest, "page": lost.page} if lost else None,
        "loss_text": offer.loss,
    }


def report_shown(report: Report) -> dict[str, Any]:
    """A verification report as facts."""
    return {
        "conclusion": report.conclusion.value,
        "problem": report.problem,
        "seals": [seal_shown(one) for one in report.checked],
    }


def seal_shown(one: Checked) -> dict[str, Any]:
    """The facts about one serial."""
    verdict = one.verdict
    names = ("seal_found", "seal_intact", "certificate_trusted", "serial_known", "serial_state", "hash_matches")
    return {name: getattr(verdict, name) for name in names} | {
        "serial": one.serial,
        "conclusion": verdict.conclusion.value,
        "reasons": list(verdict.reasons),
        "changes_after": verdict.changes_after.value,
        "sealed_at": one.sealed_at,
    }

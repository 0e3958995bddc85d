"""The API's shapes for documents and checks."""

from typing import Any

from django.conf import settings
from django.urls import reverse
from rest_framework import serializers

from . import wording
from .models import Document
from .pdf.geometry import DEFAULT_SIZE, LARGEST_SIZE, SMALLEST_SIZE
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
    severity = serializers.CharField(help_text="repair (done already), warn or info")
    text = serializers.CharField()


class DocumentShown(serializers.Serializer):  # type: ignore[type-arg]
    """A document on its way."""

    id = serializers.UUIDField()
    key = serializers.CharField(help_text="The secret: send it as X-Document-Key, never in an address.")
    state = serializers.CharField(help_text="draft, placed, queued, sealed, failed or erased")
    pages = PageShown(many=True)
    findings = FindingShown(many=True)
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

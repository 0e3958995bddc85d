"""The public check: upload a PDF, type a serial, or come by a stamp's QR symbol. Nothing is kept."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe
from django_ratelimit.decorators import ratelimit

from meterai import links

from . import verdict_wording, verifying, wording
from .forms import VerifyForm
from .verdict import Changes, Conclusion
from .verifying import Busy, Checked, Report

RETRY_SECONDS = 10


@require_http_methods(["GET", "HEAD", "POST"])
@ratelimit(key="ip", rate="60/m", method="POST", block=True)
def verify(request: HttpRequest) -> HttpResponse:
    """The check page and its answer. A POST, since a file or a serial is nobody's bookmark."""
    if request.method != "POST":
        return render(request, "stamping/verify.html", {"form": VerifyForm()})
    form = VerifyForm(request.POST, request.FILES)
    if not form.is_valid():
        return render(request, "stamping/verify.html", {"form": form}, status=422)
    if not form.cleaned_data["file"]:
        return _answer(request, Report((verifying.verify_serial(serial=form.cleaned_data["serial"]),)))
    try:
        report = verifying.verify_file(source=form.cleaned_data["file"].read(), at=timezone.now())
    except Busy:
        return _busy(request)
    return _answer(request, report)


@require_safe
@ratelimit(key="ip", rate="120/m", block=True)
def by_address(request: HttpRequest, serial: str, mac: str) -> HttpResponse:
    """The address in a stamp's QR symbol: what the books say of this serial. Its short MAC stops walking through."""
    if not constant_time_compare(mac, links.serial_mac(serial)):
        raise Http404
    return _answer(request, Report((verifying.verify_serial(serial=serial),)), by_qr=True)


def report_facts(report: Report) -> dict[str, object]:
    """A report in a person's words."""
    if report.problem:
        return {"conclusion": Conclusion.CANNOT_TELL.value, "detail": wording.finding(report.problem), "rows": []}
    rows = [_row(one) for one in report.checked]
    facts = {"conclusion": report.conclusion.value, "detail": _detail(report), "rows": rows}
    return facts | {"others": [(_other_place(one.before), one.intact) for one in report.others]}


def _answer(request: HttpRequest, report: Report, *, by_qr: bool = False) -> HttpResponse:
    facts = {"form": VerifyForm(), "by_qr": by_qr} | report_facts(report)
    response = render(request, "stamping/verify.html", facts)
    response["Cache-Control"] = "no-store"  # what the books say today is not what they say tomorrow
    response["X-Robots-Tag"] = "noindex"
    return response


def _busy(request: HttpRequest) -> HttpResponse:
    """The machine reads as many files as it can; nothing is queued, so that nobody waits without knowing."""
    response = render(request, "stamping/verify.html", {"form": VerifyForm(), "busy": True}, status=503)
    response["Retry-After"] = str(RETRY_SECONDS)
    return response


def _detail(report: Report) -> str:
    if report.conclusion is Conclusion.VALID:
        return _("Meterai ini dibubuhkan pada dokumen ini, segelnya utuh, dan isinya tidak berubah.")
    deciding = next(one for one in report.checked if one.verdict.conclusion is report.conclusion)
    return verdict_wording.reason(deciding.verdict.reasons[0])


def _row(one: Checked) -> dict[str, object]:
    verdict = one.verdict
    return {
        "serial": one.serial,
        "conclusion": verdict.conclusion.value,
        "reasons": [verdict_wording.reason(code) for code in verdict.reasons],
        "sealed_at": one.sealed_at,
        "state": wording.serial_state(verdict.serial_state),
        "facts": _facts(one) if verdict.seal_found else [],
        "faults": verdict_wording.faults(one.faults),
        "after": verdict_wording.after(one.after),
        "unchanged": verdict.changes_after is Changes.NOTHING,
    }


def _facts(one: Checked) -> list[tuple[str, str]]:
    """The separate facts that the conclusion follows from."""
    facts = {
        _("Segel utuh"): one.verdict.seal_intact,
        _("Penerbit dipercaya"): one.verdict.certificate_trusted,
        _("Nomor seri ada di catatan kami"): one.verdict.serial_known,
        _("Sama dengan berkas yang kami segel"): one.verdict.hash_matches,
    }
    return [(name, verdict_wording.yes(fact)) for name, fact in facts.items()]


def _other_place(before: bool) -> str:
    return _("sebelum meterai") if before else _("setelah meterai")

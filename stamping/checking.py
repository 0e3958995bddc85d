"""The public check: upload a PDF, type a serial, or come by a stamp's QR symbol. Nothing is kept."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods
from django_ratelimit.decorators import ratelimit

from meterai import links

from . import verifying, wording
from .forms import VerifyForm
from .verdict import Conclusion
from .verifying import Checked, Report


@require_http_methods(["GET", "POST"])
@ratelimit(key="ip", rate="60/m", method="POST", block=True)
def verify(request: HttpRequest) -> HttpResponse:
    """The check page and its answer. A POST, since a file or a serial is nobody's bookmark."""
    if request.method != "POST":
        return render(request, "stamping/verify.html", {"form": VerifyForm()})
    form = VerifyForm(request.POST, request.FILES)
    if not form.is_valid():
        return render(request, "stamping/verify.html", {"form": form}, status=422)
    if form.cleaned_data["file"]:
        report = verifying.verify_file(source=form.cleaned_data["file"].read(), at=timezone.now())
    else:
        report = Report((verifying.verify_serial(serial=form.cleaned_data["serial"]),))
    return render(request, "stamping/verify.html", {"form": VerifyForm()} | report_facts(report))


@require_GET
@ratelimit(key="ip", rate="120/m", block=True)
def by_address(request: HttpRequest, serial: str, mac: str) -> HttpResponse:
    """The address in a stamp's QR symbol: what the books say of this serial. Its short MAC stops walking through."""
    if not constant_time_compare(mac, links.serial_mac(serial)):
        raise Http404
    report = Report((verifying.verify_serial(serial=serial),))
    return render(request, "stamping/verify.html", {"form": VerifyForm(), "by_qr": True} | report_facts(report))


def report_facts(report: Report) -> dict[str, object]:
    """A report in a person's words."""
    if report.problem:
        return {"conclusion": Conclusion.CANNOT_TELL.value, "detail": wording.finding(report.problem), "rows": []}
    rows = [_row(one) for one in report.checked]
    return {"conclusion": report.conclusion.value, "detail": _detail(report), "rows": rows}


def _detail(report: Report) -> str:
    if report.conclusion is Conclusion.VALID:
        return _("Meterai ini dibubuhkan pada dokumen ini, segelnya utuh, dan isinya tidak berubah.")
    deciding = next(one for one in report.checked if one.verdict.conclusion is report.conclusion)
    return wording.reason(deciding.verdict.reasons[0])


def _row(one: Checked) -> dict[str, object]:
    reasons = [wording.reason(code) for code in one.verdict.reasons]
    return {
        "serial": one.serial,
        "conclusion": one.verdict.conclusion.value,
        "reasons": reasons,
        "sealed_at": one.sealed_at,
        "state": wording.serial_state(one.verdict.serial_state),
    }

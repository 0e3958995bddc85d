"""Deliveries: a file of the issuer is uploaded, watched while workers import it, and explained when it is refused."""

from contextlib import suppress
from typing import Any

from celery import current_app
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.core.files.storage import default_storage
from django.db import transaction
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from kombu.exceptions import OperationalError

from .. import receiving, refusing, stocking
from ..desk import Button, Refused, Steps, history, person
from ..forms import UploadForm
from ..models import Delivery

SHOWN_LINES = 100
# Of the whole work: reading goes so much faster than keeping.
_READING_SHARE = 0.2


def _cancel(request: HttpRequest, delivery: Delivery) -> str:
    try:
        receiving.cancel(delivery=delivery, by=person(request), at=timezone.now())
    except receiving.NotWaiting:
        raise Refused(_("Kiriman ini sudah selesai; tidak ada yang dibatalkan.")) from None
    return _("Kiriman dibatalkan. Tidak ada yang diimpor.")


@admin.register(Delivery)
class DeliveryAdmin(Steps):
    """What the issuer sent, from the upload to the batch or the refusal."""

    change_form_template = "admin/meterai/delivery/change_form.html"
    change_list_template = "admin/meterai/delivery/change_list.html"
    list_display = ("reference", "state", "outcome", "received_at")
    list_filter = ("state",)
    search_fields = ("reference",)
    fields = ("reference", "received_by", "received_at", "expected_count", "expected_sha256", "ended_at", "changes")
    readonly_fields = ("changes",)
    buttons = (
        Button(
            "batalkan",
            gettext_lazy("Batalkan kiriman"),
            "meterai.add_delivery",
            _cancel,
            is_shown=lambda delivery: delivery.state == Delivery.State.WAITING,
        ),
    )

    class Media:
        css = {"all": ["meterai/delivery.css"]}

    @admin.display(description=gettext_lazy("hasil"))
    def outcome(self, delivery: Delivery) -> str:
        """How far it is, what it brought, or why it was refused."""
        if delivery.state == Delivery.State.WAITING:
            return f"{percent(delivery)} %"
        if delivery.state == Delivery.State.IMPORTED:
            return _("%(count)s nomor seri") % {"count": number_format(delivery.serials_kept)}
        return str(refusing.SENTENCES[delivery.failure])

    @admin.display(description=gettext_lazy("riwayat"))
    def changes(self, delivery: Delivery) -> str:
        """Who brought it, and what became of it."""
        return history(delivery)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("meterai.add_delivery")

    def get_urls(self) -> list[URLPattern]:
        report = path("<int:pk>/laporan.csv", self.admin_site.admin_view(self.report), name="meterai_delivery_report")
        return [report, *super().get_urls()]

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """The upload page: 303 to the delivery's own page, or the form again with what is wrong."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = UploadForm(request.POST or None, request.FILES or None)
        if request.method == "POST" and form.is_valid():
            try:
                return self._received(request, form)
            except stocking.AlreadyImported:
                form.add_error("reference", str(refusing.SENTENCES["reference"]))
            except receiving.OnItsWay:
                form.add_error("reference", _("Kiriman dengan nomor ini sedang diimpor."))
        context = self.admin_site.each_context(request) | {
            "form": form,
            "title": _("Impor gelombang stok"),
            "opts": self.opts,
        }
        return render(request, "admin/meterai/delivery/upload.html", context, status=422 if form.errors else 200)

    def change_view(self, request: HttpRequest, object_id: str, *arguments: Any, **more: Any) -> HttpResponse:
        delivery = self.get_object(request, object_id)
        if delivery is not None:
            more["extra_context"] = (more.get("extra_context") or {}) | _standing(delivery)
        return super().change_view(request, object_id, *arguments, **more)

    def report(self, request: HttpRequest, pk: int) -> FileResponse:
        """Every refused line, as a file."""
        delivery = get_object_or_404(Delivery, pk=pk)
        if not self.has_view_permission(request, delivery):
            raise PermissionDenied
        if not delivery.report or not default_storage.exists(delivery.report):
            raise Http404
        return FileResponse(
            default_storage.open(delivery.report),
            as_attachment=True,
            filename=_("laporan-%(reference)s.csv") % {"reference": delivery.reference},
            content_type="text/csv; charset=utf-8",
        )

    def _received(self, request: HttpRequest, form: UploadForm) -> HttpResponse:
        sent = form.cleaned_data
        delivery = receiving.receive(
            file=sent["file"], announced=sent["announced"], by=person(request), at=timezone.now()
        )
        transaction.on_commit(_ring)
        return HttpResponseRedirect(reverse("admin:meterai_delivery_change", args=[delivery.pk]), status=303)


def percent(delivery: Delivery) -> int:
    """How much of the work on a waiting delivery is done, in whole percent, never all of it."""
    read = delivery.bytes_read / delivery.bytes_total if delivery.bytes_total else 0
    kept = delivery.serials_kept / delivery.lines_staged if delivery.lines_staged else 0
    return min(99, int(100 * (_READING_SHARE * read + (1 - _READING_SHARE) * kept)))


def _standing(delivery: Delivery) -> dict[str, Any]:
    """What the delivery's page says about it."""
    is_waiting = delivery.state == Delivery.State.WAITING
    held = delivery.claimed_until is not None and delivery.claimed_until > timezone.now()
    refused = delivery.state == Delivery.State.REFUSED
    return {
        "delivery": delivery,
        "is_waiting": is_waiting,
        # A file that the command reads is taken up by the command alone.
        "is_interrupted": is_waiting and not held and not delivery.file,
        "is_queued": is_waiting and not held and bool(delivery.file),
        "percent": percent(delivery),
        "why": refusing.why(delivery) if refused else "",
        "lines": _first_lines(delivery) if refused and delivery.report else [],
    }


def _first_lines(delivery: Delivery) -> list[refusing.Row]:
    if not default_storage.exists(delivery.report):
        return []
    with default_storage.open(delivery.report) as report:
        return refusing.read(report, most=SHOWN_LINES)


def _ring() -> None:
    """Wake a worker. Without a broker it wakes by itself, some seconds later: the row is the queue."""
    with suppress(OperationalError):
        current_app.send_task("meterai.tasks.import_due", retry=False)

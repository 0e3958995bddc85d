"""The staff room's page of who bought what was recalled: masked; the full contacts are a file, and leave a trace."""

from itertools import islice
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from meterai.desk import ReadOnly

from . import recalled
from .models import RecalledStock

UNMASK = "orders.unmask_buyers"
ROWS = 50


@admin.register(RecalledStock)
class RecalledStockAdmin(ReadOnly):
    """Recalls, and for each the buyers to be told."""

    change_form_template = "admin/orders/recalledstock/change_form.html"
    list_display = ("batch", "first", "last", "sold", "at")
    list_select_related = ("batch",)
    search_fields = ("batch__reference",)
    fields = ("batch", "first", "last", "reason", "at", "by", "sold")
    ordering = ("-at",)

    def get_urls(self) -> list[URLPattern]:
        door = self.admin_site.admin_view(require_POST(self.download))
        return [path("<int:pk>/unduh/", door, name="orders_recalledstock_download"), *super().get_urls()]

    def change_view(self, request: HttpRequest, object_id: str, *arguments: Any, **more: Any) -> HttpResponse:
        """A recall with a page of its buyers; `sesudah` is the ordinal behind which the page begins."""
        recall = self.get_object(request, object_id)
        if recall is not None and self.has_view_permission(request, recall):
            after = _ordinal(request.GET.get("sesudah", ""))
            found = list(islice(recalled.buyers(recall, after=after, chunk=ROWS + 1), ROWS + 1))
            context = {
                "sales": found[:ROWS],
                "after": after,
                "following": found[ROWS - 1].ordinal if len(found) > ROWS else None,
                "may_unmask": request.user.has_perm(UNMASK),
            }
            more["extra_context"] = context | (more.get("extra_context") or {})
        return super().change_view(request, object_id, *arguments, **more)

    def download(self, request: HttpRequest, pk: int) -> StreamingHttpResponse:
        """Every buyer with the contact in full (CSV). Who takes it is noted before the first line goes out."""
        recall = get_object_or_404(self.get_queryset(request), pk=pk)
        if not (self.has_view_permission(request, recall) and request.user.has_perm(UNMASK)):
            raise PermissionDenied
        self.log_change(request, recall, _("Kontak pembeli diunduh"))
        lines = recalled.lines(recalled.buyers(recall), unmask=True)
        answer = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
        answer["Content-Disposition"] = f'attachment; filename="penarikan-{recall.pk}-pembeli.csv"'
        return answer


def _ordinal(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0

"""Recovery in the staff room: three stages with live figures, and the steps of a person who says why."""

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from meterai import states
from meterai.answers import SeeOther
from meterai.desk import Button, ReasonForm, Refused, Steps, person
from orders import ringing
from orders import tasks as orders_tasks
from orders.figures import Pile
from stamping import tasks as stamping_tasks

from . import publishing, recovering
from .models import Recovery
from .recovering import Seen
from .status_pages import duration

log = logging.getLogger(__name__)
LEAD = "support.lead_recovery"
# What works off the first two stages; each runs by itself as well, this only makes it now.
WORK = (
    stamping_tasks.seal_due,
    orders_tasks.process_notifications,
    orders_tasks.start_payments,
    orders_tasks.poll_payments,
    orders_tasks.match_transfers,
    orders_tasks.send_refunds,
    orders_tasks.reconcile_open,
)
# The piles of the second stage: their name, and the list where people work them off.
PILES = {
    "notifications": (gettext_lazy("Pemberitahuan gerbang belum diproses"), "orders_notification"),
    "payments": (gettext_lazy("Pembayaran yang macet"), "orders_payment"),
    "held": (gettext_lazy("Pembayaran yang diperiksa petugas"), "orders_payment"),
    "strangers": (gettext_lazy("Transfer yang belum dikenali"), "orders_bankentry"),
    "discrepancies": (gettext_lazy("Selisih yang terbuka"), "orders_discrepancy"),
}


class ShareForm(ReasonForm):
    """How much of the normal admission."""

    share = forms.IntegerField(
        label=gettext_lazy("Bagian penjualan (persen)"),
        min_value=0,
        max_value=100,
        help_text=gettext_lazy("0 sampai 100, dari laju masuk yang normal. Naikkan sedikit demi sedikit."),
    )
    field_order = ("share", "reason")


@dataclass(frozen=True)
class Stage:
    """A stage on the page: done, now or todo."""

    label: str
    state: str
    is_finished: bool = False


def _advance(request: HttpRequest, recovery: Recovery, reason: str, *, override: bool = False) -> str:
    try:
        recovering.advance(recovery=recovery, reason=reason, by=person(request), at=timezone.now(), override=override)
    except recovering.NotFinished as still:
        waits = still.seen.waits_for(recovery.state)
        words = _("Tahap ini belum tuntas: %(n)s masih menunggu. Tunggu, atau lanjutkan dengan paksa dan alasannya.")
        raise Refused(words % {"n": waits}) from None
    except (states.NoSuchArrow, states.MovedMeanwhile):
        raise Refused(_("Tahapnya sudah berubah sejak halaman ini dibuka.")) from None
    _publish()
    return _("Sekarang: %(stage)s") % {"stage": recovery.get_state_display()}


def _force(request: HttpRequest, recovery: Recovery, reason: str) -> str:
    return _advance(request, recovery, reason, override=True)


def _go_back(request: HttpRequest, recovery: Recovery, reason: str) -> str:
    try:
        recovering.go_back(recovery=recovery, reason=reason, by=person(request), at=timezone.now())
    except (states.NoSuchArrow, states.MovedMeanwhile):
        raise Refused(_("Tahapnya sudah berubah sejak halaman ini dibuka.")) from None
    _publish()
    return _("Penjualan ditutup lagi; pembubuhan didahulukan.")


def _work(request: HttpRequest, recovery: Recovery) -> str:
    for task in WORK:
        ringing.ring(task)
    return _("Semua langkah dijalankan sekarang juga.")


def _publish() -> None:
    try:
        publishing.publish(at=timezone.now())
    except OSError as error:
        log.warning("Status files could not be written: %s", error.strerror)


def _in(*stages: str) -> Any:
    return lambda recovery: recovery.state in stages


@admin.register(Recovery)
class RecoveryAdmin(Steps):
    """One page a recovery: where it stands, what waits, who decided what."""

    change_list_template = "support/status_admin_recoveries.html"
    change_form_template = "support/status_recovery.html"
    list_display = ("begun_at", "state", "share", "ended_at")
    ordering = ("-begun_at",)
    fields = ("begun_at", "ended_at")
    buttons = (
        Button(
            "lanjut",
            gettext_lazy("Tahap berikutnya"),
            LEAD,
            _advance,
            is_shown=_in("affixing", "crediting", "reopening"),
            asks_reason=True,
            leaves_row=True,
            hint=gettext_lazy(
                "Tahap yang belum tuntas tidak dapat ditinggalkan begitu saja. Dari tahap 3: pemulihan selesai."
            ),
        ),
        Button(
            "jual",
            gettext_lazy("Ubah bagian penjualan"),
            LEAD,
            lambda request, recovery: SeeOther(reverse("admin:support_recovery_share", args=[recovery.pk])),
            is_shown=_in("reopening"),
        ),
        Button("kerjakan", gettext_lazy("Kerjakan sekarang"), LEAD, _work, is_shown=_in("affixing", "crediting")),
        Button(
            "paksa",
            gettext_lazy("Lanjut walau belum tuntas"),
            LEAD,
            _force,
            is_shown=_in("affixing", "crediting"),
            asks_reason=True,
            leaves_row=True,
            hint=gettext_lazy(
                "Yang masih menunggu tetap dikerjakan, tetapi tidak lagi didahulukan. Alasannya tercatat."
            ),
        ),
        Button(
            "kembali",
            gettext_lazy("Kembali ke tahap 1"),
            LEAD,
            _go_back,
            is_shown=_in("reopening"),
            asks_reason=True,
            leaves_row=True,
            hint=gettext_lazy("Tidak ada yang masuk ke toko lagi sampai tahap 3."),
        ),
    )

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(LEAD)

    def get_urls(self) -> list[URLPattern]:
        share = path("<int:pk>/penjualan/", self.admin_site.admin_view(self.share), name="support_recovery_share")
        return [share, *super().get_urls()]

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """A recovery begins: 303 to its page. Where one is under way, 303 to that."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = ReasonForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                reason = form.cleaned_data["reason"]
                recovery = recovering.begin(reason=reason, by=person(request), at=timezone.now())
            except recovering.Underway:
                messages.warning(request, _("Pemulihan sudah berjalan."))
                return self._to(recovering.current())
            self.log_addition(request, recovery, "begun")
            _publish()
            messages.success(request, _("Pemulihan dimulai: tidak ada yang baru masuk ke toko."))
            return self._to(recovery)
        lead = _(
            "Toko tidak menerima pembeli baru. Dokumen yang sudah diterima dibubuhkan dulu, lalu yang sudah dibayar "
            "diserahkan, lalu penjualan dibuka bertahap."
        )
        return self._form(request, form, _("Mulai pemulihan"), lead)

    def change_view(self, request: HttpRequest, object_id: str, *arguments: Any, **more: Any) -> HttpResponse:
        recovery = self.get_object(request, object_id)
        if recovery is not None and self.has_view_permission(request, recovery):
            more["extra_context"] = _shown(recovery) | (more.get("extra_context") or {})
        return super().change_view(request, object_id, *arguments, **more)

    def share(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Sales are opened further, or less far: 303 to the recovery."""
        recovery = get_object_or_404(Recovery, pk=pk)
        if not (request.user.has_perm(LEAD) and self.has_view_permission(request, recovery)):
            raise PermissionDenied
        form = ShareForm(request.POST or None, initial={"share": min(recovery.share + 10, 100)})
        if request.method == "POST" and form.is_valid():
            sent = form.cleaned_data
            try:
                recovering.open_sales(recovery=recovery, **sent, by=person(request), at=timezone.now())
            except recovering.NotSelling:
                form.add_error(None, _("Penjualan dibuka di tahap 3."))
            else:
                self.log_change(request, recovery, f"share {recovery.share}: {sent['reason']}")
                _publish()
                messages.success(request, _("Penjualan dibuka %(share)s %%.") % {"share": recovery.share})
                return self._to(recovery)
        return self._form(request, form, _("Ubah bagian penjualan"), "")

    def _to(self, recovery: Recovery | None) -> HttpResponse:
        if recovery is None:
            return SeeOther(reverse("admin:support_recovery_changelist"))
        return SeeOther(reverse("admin:support_recovery_change", args=[recovery.pk]))

    def _form(self, request: HttpRequest, form: forms.Form, title: str, lead: str) -> HttpResponse:
        context = self.admin_site.each_context(request) | {
            "form": form,
            "title": title,
            "lead": lead,
            "opts": self.opts,
        }
        return render(request, "support/status_admin_form.html", context, status=422 if form.errors else 200)


def _shown(recovery: Recovery) -> dict[str, Any]:
    """What the page shows besides its buttons."""
    seen, at = recovering.look(at=timezone.now()), timezone.now()
    return {
        "stages": _stages(recovery, seen),
        "seen": seen,
        "oldest": duration(max(seen.documents.seconds(at=at), seen.unbound.seconds(at=at))),
        "left": _left(seen),
        "piles": [_pile(name, pile) for name, pile in seen.missing.items()],
        "has_door": recovering.door() is not None,
        "decisions": recovery.steps.select_related("by").order_by("-at", "-id"),
    }


def _stages(recovery: Recovery, seen: Seen) -> list[Stage]:
    order = list(recovering.NEXT)
    here = order.index(Recovery.State(recovery.state)) if recovery.state in order else len(order)
    return [
        Stage(
            str(stage.label),
            "done" if place < here else "now" if place == here else "todo",
            is_finished=place == here and not seen.waits_for(stage),
        )
        for place, stage in enumerate(order)
    ]


def _left(seen: Seen) -> str:
    """Until the queue is empty at the pace of the last minutes."""
    if not seen.to_affix or not seen.sealed_a_minute:
        return ""
    return duration(timedelta(minutes=seen.to_affix / seen.sealed_a_minute).total_seconds())


def _pile(name: str, pile: Pile) -> dict[str, Any]:
    label, model = PILES[name]
    oldest = duration(pile.seconds(at=timezone.now())) if pile.oldest else ""
    return {"label": label, "count": pile.count, "oldest": oldest, "url": reverse(f"admin:{model}_changelist")}

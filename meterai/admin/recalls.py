"""Recalls: a batch or a range is withdrawn, after a look at what that would mean."""

from dataclasses import dataclass
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Sum
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from .. import recalling
from ..desk import ReadOnly, person
from ..models import Batch, Movement, Recall
from ..models.serial import SERIAL_PATTERN

WITHDRAW = "meterai.recall_batch"
WHOLE, ORDINALS, SERIALS = "batch", "ordinals", "serials"
_MOST = 2**31 - 1
_NOT_WHOLE = gettext_lazy("Gelombang ini belum dijual: hanya dapat ditarik seluruhnya.")


class SerialField(forms.RegexField):
    """The 22 characters, however they were copied."""

    def __init__(self, **options: Any) -> None:
        super().__init__(SERIAL_PATTERN, strip=True, required=False, **options)

    def to_python(self, value: Any) -> str:
        return str(super().to_python(value)).upper()


class RecallForm(forms.Form):
    """What is withdrawn, and why. The range is said outright: an empty field never means everything."""

    reach = forms.ChoiceField(
        label=gettext_lazy("Yang ditarik"),
        choices=[
            (WHOLE, gettext_lazy("Seluruh gelombang")),
            (ORDINALS, gettext_lazy("Sebagian, menurut urutan")),
            (SERIALS, gettext_lazy("Sebagian, menurut nomor seri")),
        ],
        widget=forms.RadioSelect(attrs={"class": "radiolist"}),
    )
    batch = forms.ModelChoiceField(
        Batch.objects.exclude(state=Batch.State.RECALLED),
        label=gettext_lazy("Gelombang"),
        required=False,
        help_text=gettext_lazy("Tidak perlu diisi bila menurut nomor seri."),
    )
    first = forms.IntegerField(label=gettext_lazy("Dari urutan"), min_value=1, max_value=_MOST, required=False)
    last = forms.IntegerField(label=gettext_lazy("Sampai urutan"), min_value=1, max_value=_MOST, required=False)
    first_serial = SerialField(label=gettext_lazy("Dari nomor seri"))
    last_serial = SerialField(label=gettext_lazy("Sampai nomor seri"))
    reason = forms.CharField(label=gettext_lazy("Alasan"), max_length=200)

    def clean(self) -> dict[str, Any]:
        """Whatever way it was said: `batch`, `first` and `last`."""
        sent = super().clean() or {}
        if self.errors:
            return sent
        needed = {WHOLE: ("batch",), ORDINALS: ("batch", "first", "last"), SERIALS: ("first_serial", "last_serial")}
        for name in needed[sent["reach"]]:
            if not sent[name]:
                self.add_error(name, _("Isi ini untuk pilihan di atas."))
        if self.errors:
            return sent
        if sent["reach"] == WHOLE:
            sent |= {"first": 1, "last": sent["batch"].count}
        if sent["reach"] == SERIALS:
            sent |= self._named(sent)
        if not self.errors:
            self._check(sent["batch"], sent["first"], sent["last"])
        return sent

    def _check(self, batch: Batch, first: int, last: int) -> None:
        if not 1 <= first <= last <= batch.count:
            self.add_error(None, _("Rentangnya terbalik atau melewati akhir gelombang."))
        elif batch.state == Batch.State.DRAFT and (first, last) != (1, batch.count):
            self.add_error(None, _NOT_WHOLE)

    def _named(self, sent: dict[str, Any]) -> dict[str, Any]:
        try:
            batch, first, last = recalling.ordinals(first=sent["first_serial"], last=sent["last_serial"])
        except recalling.UnknownSerial as unknown:
            field = "first_serial" if sent["first_serial"] == str(unknown) else "last_serial"
            self.add_error(field, _("Nomor seri ini tidak dikenal."))
        except recalling.NotOneBatch:
            self.add_error(None, _("Kedua nomor seri berasal dari gelombang yang berbeda."))
        else:
            if sent["batch"] and sent["batch"] != batch:
                self.add_error("batch", _("Kedua nomor seri bukan dari gelombang ini."))
            return {"batch": batch, "first": first, "last": last}
        return {}


@dataclass(frozen=True)
class Loss:
    """What became void of one seller's stock; a reseller had paid its duty ahead."""

    seller: str
    count: int
    reseller_id: int | None
    reference: str

    @property
    def amount(self) -> int:
        """Rupiah."""
        return self.count * int(settings.DUTY)


@admin.register(Recall)
class RecallAdmin(ReadOnly):
    """What was withdrawn."""

    change_form_template = "admin/meterai/recall/change_form.html"
    change_list_template = "admin/meterai/recall/change_list.html"
    list_display = ("batch", "first", "last", "voided", "sold", "at")
    list_select_related = ("batch",)
    search_fields = ("batch__reference",)
    fields = ("batch", "first", "last", "reason", "at", "by", "voided", "sold")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(WITHDRAW)

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """The range, then a page that says what it means, then the deed: 303 to the recall.

        Each step carries the whole form, and each is checked anew: between them the shop goes on.
        """
        if not self.has_add_permission(request):
            raise PermissionDenied
        initial = {"reach": WHOLE if "batch" in request.GET else None} | request.GET.dict()
        form = RecallForm(request.POST or None, initial=initial)
        if request.method == "POST" and form.is_valid():
            answer = self._withdrawn(request, form) if "yes" in request.POST else self._asked(request, form)
            if answer:
                return answer
        context = self._context(request, form, _("Tarik stok"))
        return render(request, "admin/meterai/recall/range.html", context, status=422 if form.errors else 200)

    def change_view(self, request: HttpRequest, object_id: str, *arguments: Any, **more: Any) -> HttpResponse:
        recall = self.get_object(request, object_id)
        more["extra_context"] = {"losses": _losses(recall) if recall else []} | (more.get("extra_context") or {})
        return super().change_view(request, object_id, *arguments, **more)

    def _asked(self, request: HttpRequest, form: RecallForm) -> HttpResponse:
        span = {name: form.cleaned_data[name] for name in ("batch", "first", "last")}
        context = self._context(request, form, _("Benar-benar tarik?")) | span
        context |= {"outlook": recalling.foresee(**span), "size": span["last"] - span["first"] + 1}
        return render(request, "admin/meterai/recall/confirm.html", context)

    def _withdrawn(self, request: HttpRequest, form: RecallForm) -> HttpResponse | None:
        sent = {name: form.cleaned_data[name] for name in ("batch", "first", "last", "reason")}
        try:
            recall = recalling.recall(**sent, by=person(request), at=timezone.now())
        except recalling.NotWhole:
            form.add_error(None, _NOT_WHOLE)
        except recalling.NothingLeft:
            form.add_error(None, _("Rentang ini sudah ditarik; tidak ada lagi yang dapat dibatalkan."))
        except recalling.Busy:
            form.add_error(None, _("Toko sedang terlalu ramai. Tidak ada yang ditarik; coba lagi sebentar lagi."))
        else:
            self.log_addition(request, recall, "recalled")
            done = _("Ditarik: %(voided)s dibatalkan, %(sold)s sudah terjual.")
            figures = {"voided": number_format(recall.voided), "sold": number_format(recall.sold)}
            messages.success(request, done % figures)
            where = reverse("admin:meterai_recall_change", args=[recall.pk])
            if not self.has_view_permission(request, recall):
                where = reverse("admin:index")  # who may withdraw may not be one who looks
            return HttpResponseRedirect(where, status=303)
        return None

    def _context(self, request: HttpRequest, form: RecallForm, title: str) -> dict[str, Any]:
        return self.admin_site.each_context(request) | {"form": form, "title": title, "opts": self.opts}


def _losses(recall: Recall) -> list[Loss]:
    """By seller, the official shop first."""
    lines = Movement.objects.filter(reference=recalling.reference_of(recall), batch=recall.batch_id, target="void")
    sums = lines.values("reseller", "reseller__name", "reseller__code").annotate(n=Sum("quantity"))
    return [
        Loss(
            seller=row["reseller__name"] or _("Toko resmi"),
            count=row["n"],
            reseller_id=row["reseller"],
            reference=f"{_('Penarikan')} {recall.pk} {row['reseller__code'] or ''}"[:60],
        )
        for row in sorted(sums, key=lambda row: row["reseller__name"] or "")
    ]

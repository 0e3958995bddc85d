"""Incidents in the staff room: open, tell, end. People see each step at once: files are written before the answer."""

import logging
import uuid
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from meterai import states
from meterai.answers import SeeOther
from meterai.desk import ReadOnly, history, person
from meterai.models import Reseller

from . import incidents, publishing
from .incidents import Opening, Words
from .models import Cause, Component, Incident, Severity

log = logging.getLogger(__name__)
MANAGE = "support.manage_incident"
_TEXT = forms.Textarea(attrs={"rows": 4, "class": "vLargeTextField"})
_HINT = gettext_lazy("Dibaca semua orang. Jangan menulis nama, surel, atau nomor telepon.")


class OpenForm(forms.Form):
    """What the public reads first."""

    title_id = forms.CharField(label=gettext_lazy("Judul (Indonesia)"), max_length=120, help_text=_HINT)
    title_en = forms.CharField(label=gettext_lazy("Judul (Inggris)"), max_length=120)
    text_id = forms.CharField(label=gettext_lazy("Yang terjadi (Indonesia)"), max_length=2000, widget=_TEXT)
    text_en = forms.CharField(label=gettext_lazy("Yang terjadi (Inggris)"), max_length=2000, widget=_TEXT)
    components = forms.MultipleChoiceField(
        label=gettext_lazy("Layanan yang terkena"), choices=Component, widget=forms.CheckboxSelectMultiple
    )
    severity = forms.ChoiceField(label=gettext_lazy("Beratnya"), choices=Severity)
    cause = forms.ChoiceField(label=gettext_lazy("Penyebab"), choices=Cause)
    reseller = forms.ModelChoiceField(
        Reseller.objects.all(),
        label=gettext_lazy("Reseller"),
        required=False,
        help_text=gettext_lazy("Hanya bila penyebabnya reseller."),
    )
    begun_at = forms.DateTimeField(
        label=gettext_lazy("Mulai terasa"),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )

    def clean(self) -> dict[str, Any]:
        """A reseller is named exactly where a reseller is the cause."""
        sent = super().clean() or {}
        if (sent.get("cause") == Cause.RESELLER) != bool(sent.get("reseller")):
            self.add_error("reseller", _("Pilih reseller bila penyebabnya reseller, dan hanya saat itu."))
        return sent

    def opening(self) -> Opening:
        """What the step wants."""
        sent = self.cleaned_data
        return Opening(
            title=Words(sent["title_id"], sent["title_en"]),
            text=Words(sent["text_id"], sent["text_en"]),
            components=sent["components"],
            cause=Cause(sent["cause"]),
            severity=Severity(sent["severity"]),
            begun_at=sent["begun_at"],
            reseller=sent["reseller"],
        )


class TellForm(forms.Form):
    """An update in both languages, with the state and severity from now on."""

    token = forms.UUIDField(widget=forms.HiddenInput)
    text_id = forms.CharField(label=gettext_lazy("Kabar (Indonesia)"), max_length=2000, widget=_TEXT, help_text=_HINT)
    text_en = forms.CharField(label=gettext_lazy("Kabar (Inggris)"), max_length=2000, widget=_TEXT)
    state = forms.ChoiceField(label=gettext_lazy("Status"), choices=[])
    severity = forms.ChoiceField(label=gettext_lazy("Beratnya"), choices=Severity)

    def __init__(self, *arguments: Any, incident: Incident, **options: Any) -> None:
        super().__init__(*arguments, **options)
        may = [one for one in Incident.State if one == incident.state or states.may(incident, one)]
        self.fields["state"].choices = [(one.value, one.label) for one in may]  # type: ignore[attr-defined]


@admin.register(Incident)
class IncidentAdmin(ReadOnly):
    """Incidents with what was told about them."""

    change_list_template = "support/status_admin_incidents.html"
    change_form_template = "support/status_admin_incident.html"
    list_display = ("code", "title_id", "state", "severity", "begun_at", "ended_at")
    list_filter = ("state", "severity", "cause")
    search_fields = ("=code", "title_id", "title_en")
    ordering = ("-begun_at",)
    fields = (
        "public", "state", "severity", "title_id", "title_en", "text_id", "text_en", "affected", "cause", "reseller",
        "begun_at", "ended_at", "opened_by", "told", "changes",
    )  # fmt: skip
    readonly_fields = ("public", "affected", "told", "changes")

    @admin.display(description=gettext_lazy("halaman umum"))
    def public(self, incident: Incident) -> SafeString:
        """Where people read it."""
        return format_html('<a href="{0}">{0}</a>', reverse("support:status_incident", args=[incident.code]))

    @admin.display(description=gettext_lazy("layanan yang terkena"))
    def affected(self, incident: Incident) -> str:
        """In words."""
        return ", ".join(str(Component(one).label) for one in incident.components)

    @admin.display(description=gettext_lazy("kabar"))
    def told(self, incident: Incident) -> SafeString:
        """Every update, the newest first."""
        lines = (
            (f"{timezone.localtime(one.at):%d-%m-%Y %H.%M}", one.get_state_display(), one.by, one.text_id, one.text_en)
            for one in incident.updates.select_related("by").order_by("-at", "-id")
        )
        return format_html_join("", "<div>{} · {} · {}<br>{}<br><i>{}</i></div>", lines)

    @admin.display(description=gettext_lazy("riwayat"))
    def changes(self, incident: Incident) -> SafeString:
        """Every change of state."""
        return history(incident)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(MANAGE)

    def get_urls(self) -> list[URLPattern]:
        tell = path("<int:pk>/kabar/", self.admin_site.admin_view(self.tell), name="support_incident_tell")
        return [tell, *super().get_urls()]

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """An incident is opened: 303 to it, or the form again."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = OpenForm(request.POST or None, initial={"begun_at": timezone.localtime()})
        if request.method == "POST" and form.is_valid():
            at = timezone.now()
            try:
                incident = incidents.begin(opening=form.opening(), by=person(request), at=at)
            except incidents.NotYet:
                form.add_error("begun_at", _("Waktu ini belum tiba."))
            else:
                self.log_addition(request, incident, "opened")
                return self._done(request, incident, _("Gangguan dibuka."), at)
        return self._form(request, form, _("Buka gangguan"))

    def change_view(self, request: HttpRequest, object_id: str, *arguments: Any, **more: Any) -> HttpResponse:
        more["extra_context"] = {"may_tell": request.user.has_perm(MANAGE)} | (more.get("extra_context") or {})
        return super().change_view(request, object_id, *arguments, **more)

    def tell(self, request: HttpRequest, pk: int) -> HttpResponse:
        """An update is told: 303 to the incident, or the form again with what was typed."""
        incident = get_object_or_404(Incident, pk=pk)
        if not (request.user.has_perm(MANAGE) and self.has_view_permission(request, incident)):
            raise PermissionDenied
        first = {"token": uuid.uuid4(), "state": incident.state, "severity": incident.severity}
        form = TellForm(request.POST or None, initial=first, incident=incident)
        if request.method == "POST" and form.is_valid():
            sent, at = form.cleaned_data, timezone.now()
            text = Words(sent["text_id"], sent["text_en"])
            try:
                incidents.tell(
                    incident=incident,
                    text=text,
                    state=sent["state"],
                    severity=sent["severity"],
                    token=sent["token"],
                    by=person(request),
                    at=at,
                )
            except (states.NoSuchArrow, states.MovedMeanwhile):
                form.add_error(
                    None, _("Status gangguan sudah berubah sejak halaman ini dibuka. Periksa, lalu kirim lagi.")
                )
            else:
                self.log_change(request, incident, "told")
                return self._done(request, incident, _("Kabar disampaikan."), at)
        return self._form(request, form, _("Sampaikan kabar"), incident=incident)

    def _done(self, request: HttpRequest, incident: Incident, words: str, at: datetime) -> HttpResponse:
        """Published at once. Where that fails the next tick does it, and the member of staff is told."""
        try:
            publishing.publish(at=at)
        except OSError as error:
            log.warning("Status files could not be written: %s", error.strerror)
            messages.warning(request, _("Tersimpan, tetapi halaman status belum dapat ditulis."))
        messages.success(request, words)
        return SeeOther(reverse("admin:support_incident_change", args=[incident.pk]))

    def _form(self, request: HttpRequest, form: forms.Form, title: str, **more: Any) -> HttpResponse:
        context = self.admin_site.each_context(request) | {"form": form, "title": title, "opts": self.opts} | more
        return render(request, "support/status_admin_form.html", context, status=422 if form.errors else 200)

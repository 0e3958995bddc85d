"""Tickets in the staff admin: read, answered and handed over through the steps; nothing is edited or deleted here.

Resellers get an admin site of their own later; this one is for the issuer's staff.
"""

import uuid
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from meterai.answers import SeeOther
from meterai.desk import ReadOnly
from orders import contacts

from . import complaining, custody, incident_admin, recovery_admin
from .forms import AnswerForm, HandOverForm
from .models import Body, Custody, Decision, Message, Ticket

__all__ = ["TicketAdmin", "incident_admin", "recovery_admin"]
CHANGE = "support.change_ticket"


class ReadOnlyRows(admin.TabularInline):  # type: ignore[type-arg]
    """Rows that are only looked at."""

    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Any]":
        return super().get_queryset(request).select_related("reseller")


class Messages(ReadOnlyRows):
    """What was said."""

    model = Message
    fields = ["at", "author", "reseller", "actor", "text"]


class Custodies(ReadOnlyRows):
    """Who held it."""

    model = Custody
    fields = ["body", "reseller", "from_at", "until_at", "accept_due_at", "reason", "note"]


class Decisions(ReadOnlyRows):
    """Why it went there."""

    model = Decision
    fields = ["at", "body", "reseller", "reason", "evidence"]


class HolderFilter(admin.SimpleListFilter):
    """By the body that holds the ticket now."""

    title = gettext_lazy("pemegang")
    parameter_name = "holder"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(body.value, str(body.label)) for body in Body]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Ticket]") -> "QuerySet[Ticket]":
        held = Custody.objects.filter(until_at=None, body=self.value())
        return queryset.filter(pk__in=held.values("ticket")) if self.value() else queryset


class LateFilter(admin.SimpleListFilter):
    """Promised for a time that has passed."""

    title = gettext_lazy("janji jawaban")
    parameter_name = "late"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("1", _("terlewat"))]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Ticket]") -> "QuerySet[Ticket]":
        late = {"state": Ticket.State.OPEN, "answer_due_at__lt": timezone.now()}
        return queryset.filter(**late) if self.value() else queryset


@admin.register(Ticket)
class TicketAdmin(ReadOnly):
    """The staff's list of tickets, and one ticket with its history, an answer form and a hand-over form."""

    list_display = ["code", "state", "category", "holder", "answer_due_at", "contact"]
    list_filter = ["state", HolderFilter, LateFilter, "category"]
    search_fields = ["=code", "=order__code", "=serial__code"]
    search_help_text = gettext_lazy("nomor aduan, nomor pesanan, nomor seri")
    ordering = ["-id"]
    fields = [
        "code", "state", "category", "text", "contact", "language", "order", "serial",
        "created_at", "answer_due_at", "resolve_due_at", "closed_at",
    ]  # fmt: skip
    readonly_fields = ["contact"]
    inlines = [Messages, Custodies, Decisions]
    change_form_template = "support/admin_ticket.html"

    @admin.display(description=gettext_lazy("pemegang"))
    def holder(self, ticket: Ticket) -> str:
        """Who holds it now."""
        return ", ".join(custody.holder for custody in ticket.held)  # type: ignore[attr-defined]

    @admin.display(description=gettext_lazy("kontak"))
    def contact(self, ticket: Ticket) -> str:
        """Masked; "Tampilkan kontak" shows it and leaves a line in the log."""
        return ", ".join(contacts.mask(text) for text in (ticket.email, ticket.phone) if text)

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Ticket]":
        held = Custody.objects.filter(until_at=None).select_related("reseller")
        return super().get_queryset(request).prefetch_related(Prefetch("custodies", held, to_attr="held"))

    def get_urls(self) -> list[URLPattern]:
        """The three things that staff do with a ticket, each a POST of its own."""
        doors = {"answer": self.answer, "hand-over": self.hand_over, "contact": self.show_contact}
        own = [
            path(f"<int:pk>/{name}/", self.admin_site.admin_view(require_POST(view)), name=f"support_ticket_{name}")
            for name, view in doors.items()
        ]
        return own + super().get_urls()

    def change_view(self, request: HttpRequest, object_id: str, *arguments: Any, **more: Any) -> HttpResponse:
        """The ticket, and the forms of the steps for who may take them."""
        context = {
            "may_act": request.user.has_perm(CHANGE),
            "answer_form": AnswerForm(initial={"token": uuid.uuid4()}),
            "hand_over_form": HandOverForm(auto_id="hand_over_%s"),
        }
        more["extra_context"] = context | (more.get("extra_context") or {})
        return super().change_view(request, object_id, *arguments, **more)

    def answer(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The issuer's answer, in the name of who is logged in."""
        ticket, form = self._ticket(request, pk), AnswerForm(request.POST)
        if not form.is_valid():
            return self._back(request, ticket, messages.ERROR, _("Jawaban belum ditulis."))
        token = f"{ticket.code}:{form.cleaned_data['token']}"
        user: Any = request.user
        try:
            complaining.answer(ticket=ticket, text=form.cleaned_data["text"], by=user, token=token, at=timezone.now())
        except complaining.NotTheHolder:
            return self._back(
                request, ticket, messages.ERROR, _("Aduan ini dipegang reseller. Alihkan dulu ke penerbit.")
            )
        except custody.TicketClosed:
            return self._back(request, ticket, messages.ERROR, _("Aduan ini sudah ditutup oleh pengadu."))
        self.log_change(request, ticket, "answered")
        return self._back(request, ticket, messages.SUCCESS, _("Jawaban terkirim."))

    def hand_over(self, request: HttpRequest, pk: int) -> HttpResponse:
        """To a reseller or back to the issuer, with a reason that the complainant reads."""
        ticket, form = self._ticket(request, pk), HandOverForm(request.POST)
        if not form.is_valid():
            return self._back(request, ticket, messages.ERROR, _("Tulis alasannya; pengadu membacanya."))
        reseller, note, name = form.cleaned_data["reseller"], form.cleaned_data["note"], request.user.get_username()
        to = Body.RESELLER if reseller else Body.ISSUER
        try:
            custody.hand_over(ticket=ticket, to=to, reseller=reseller, note=note, actor=name, at=timezone.now())
        except custody.AlreadyHeld:
            return self._back(request, ticket, messages.WARNING, _("Aduan ini sudah di sana."))
        except custody.TicketClosed:
            return self._back(request, ticket, messages.ERROR, _("Aduan ini sudah ditutup oleh pengadu."))
        self.log_change(request, ticket, "handed over")
        return self._back(request, ticket, messages.SUCCESS, _("Aduan dialihkan."))

    def show_contact(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The contact in full, on a page of its own, with a line in the log of who looked."""
        ticket = self._ticket(request, pk)
        self.log_change(request, ticket, "contact shown")
        context = {**self.admin_site.each_context(request), "title": ticket.code, "ticket": ticket, "opts": self.opts}
        return TemplateResponse(request, "support/admin_contact.html", context)

    def _ticket(self, request: HttpRequest, pk: int) -> Ticket:
        if not request.user.has_perm(CHANGE):
            raise PermissionDenied
        return get_object_or_404(Ticket, pk=pk)

    def _back(self, request: HttpRequest, ticket: Ticket, level: int, words: str) -> HttpResponse:
        messages.add_message(request, level, words)
        return SeeOther(reverse("admin:support_ticket_change", args=[ticket.pk]))

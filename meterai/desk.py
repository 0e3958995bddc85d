"""The staff room's own kind of admin: rows are read, and only a step changes them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import connection
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils.functional import cached_property
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.timezone import localtime, now
from django.utils.translation import gettext_lazy

from . import states
from .models import Flip, User


@dataclass(frozen=True)
class Button:
    """A step that staff may take on one row: asked for by POST, allowed by `permission`."""

    name: str
    label: Any
    permission: str
    press: Callable[..., str | HttpResponse]
    """Does it, given the request and the row, and returns the sentence to show, or a page; raises Refused."""
    is_shown: Callable[[Any], bool] = lambda row: True
    asks_reason: bool = False
    """Whether a written reason is asked for, on a page of its own. `press` is given it as a third argument, and a Flip
    of the row says who pressed, and why."""
    hint: Any = ""
    """What pressing it brings about: a sentence for that page."""
    leaves_row: bool = False
    """Whether `press` itself leaves the Flip, because it moves the row."""


class Refused(Exception):
    """The step cannot be taken; the message is for the member of staff."""


class ReasonForm(forms.Form):
    """Why. It is kept for good and read by many, so it names nobody."""

    reason = forms.CharField(
        label=gettext_lazy("Alasan"),
        min_length=5,
        max_length=160,
        widget=forms.TextInput(attrs={"class": "vTextField", "autocomplete": "off"}),
        help_text=gettext_lazy("Tercatat selamanya. Jangan menulis nama, surel, atau nomor telepon."),
    )


class Roughly(Paginator):
    """Counts a whole large table by the planner's estimate: an exact count would walk all of it for each page."""

    LARGE = 100_000

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        if not rows.query.where:
            with connection.cursor() as cursor:
                table = connection.ops.quote_name(rows.model._meta.db_table)
                cursor.execute("SELECT reltuples::bigint FROM pg_class WHERE oid = %s::regclass", [table])
                estimated = int(cursor.fetchone()[0])
            if estimated > self.LARGE:
                return estimated
        return int(super().count)


class ReadOnly(admin.ModelAdmin):  # type: ignore[type-arg]
    """Lists and details without add, change or delete."""

    list_per_page = 50
    paginator: ClassVar[type[Paginator]] = Roughly
    show_full_result_count = False
    actions = None
    # A row's own address is its secret link: it is the buyer's, and no button leads there.
    view_on_site = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class Steps(ReadOnly):
    """Read-only, with buttons above the row."""

    change_form_template = "admin/steps.html"
    buttons: tuple[Button, ...] = ()

    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_step"
        door = path("<path:pk>/langkah/<slug:step>/", self.admin_site.admin_view(self.press), name=name)
        return [door, *super().get_urls()]

    def change_view(self, request: HttpRequest, object_id: str, *arguments: Any, **more: Any) -> HttpResponse:
        row = self.get_object(request, object_id)
        shown = [one for one in self.buttons if row and request.user.has_perm(one.permission) and one.is_shown(row)]
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_step"
        steps = [
            {"label": one.label, "url": reverse(name, args=[object_id, one.name]), "asks_reason": one.asks_reason}
            for one in shown
        ]
        more["extra_context"] = (more.get("extra_context") or {}) | {"steps": steps}
        return super().change_view(request, object_id, *arguments, **more)

    def press(self, request: HttpRequest, pk: str, step: str) -> HttpResponse:
        """A button was pressed: 303 back to the row, with what came of it. First the page that asks why, if it does."""
        button = next((one for one in self.buttons if one.name == step), None)
        if button is None or not (request.method == "POST" or (request.method == "GET" and button.asks_reason)):
            raise Http404
        if not request.user.has_perm(button.permission):
            raise PermissionDenied
        row = self.get_object(request, pk)
        if row is None:
            raise Http404
        if not self.has_view_permission(request, row):
            raise PermissionDenied
        if not button.asks_reason:
            return self._pressed(request, row, button)
        form = ReasonForm(request.POST if request.method == "POST" else None)
        if form.is_valid():
            return self._pressed(request, row, button, form.cleaned_data["reason"])
        return self._ask_why(request, row, button, form)

    def _pressed(self, request: HttpRequest, row: Any, button: Button, *reason: str) -> HttpResponse:
        if reason and not button.leaves_row:
            act(row, who=request.user.get_username(), what=button.name, why=reason[0], at=now())
        try:
            done = button.press(request, row, *reason)
        except Refused as refusal:
            messages.error(request, str(refusal))
        else:
            self.log_change(request, row, ": ".join([str(button.label), *reason]))
            if isinstance(done, HttpResponse):
                return done
            messages.success(request, done)
        return HttpResponseRedirect(self._address(row), status=303)

    def _ask_why(self, request: HttpRequest, row: Any, button: Button, form: ReasonForm) -> HttpResponse:
        context = self.admin_site.each_context(request) | {
            "form": form,
            "title": button.label,
            "hint": button.hint,
            "opts": self.opts,
            "row": row,
            "back": self._address(row),
            "is_shown": button.is_shown(row),
        }
        return render(request, "admin/step_reason.html", context, status=422 if form.errors else 200)

    def _address(self, row: Any) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[row.pk])


def act(row: Any, *, who: str, what: str, why: str, at: datetime) -> None:
    """Leave the Flip of a manual act that moves no state: who did what to this row, and why."""
    state = str(getattr(row, "state", ""))
    states.note(row, old=state, new=state, at=at, reason=f"{what}: {why}"[:200], actor=who)


def history(*rows: Any) -> SafeString:
    """Every change of state of these rows, in order, for a read-only field."""
    flips = [flip for row in rows for flip in Flip.objects.filter(noun=row._meta.label_lower, row=str(row.pk))]
    told = sorted(flips, key=lambda flip: (flip.at, flip.pk))
    lines = [
        (f"{localtime(one.at):%d-%m-%Y %H.%M.%S}", one.noun, one.old or "–", one.new, one.actor, one.reason)
        for one in told
    ]
    return format_html_join("", "<div>{} · {} · {} → {} · {} {}</div>", lines)


def person(request: HttpRequest) -> User:
    """Who is logged in; `admin_view` lets nobody else in."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user

"""The staff room's own kind of admin: rows are read, and only a step changes them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.timezone import localtime

from .models import Flip, User


@dataclass(frozen=True)
class Button:
    """A step that staff may take on one row: asked for by POST, allowed by `permission`."""

    name: str
    label: Any
    permission: str
    press: Callable[[HttpRequest, Any], str]
    """Does it and returns the sentence to show; raises Refused."""
    is_shown: Callable[[Any], bool] = lambda row: True


class Refused(Exception):
    """The step cannot be taken; the message is for the member of staff."""


class ReadOnly(admin.ModelAdmin):  # type: ignore[type-arg]
    """Lists and details without add, change or delete."""

    list_per_page = 50
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
        steps = [{"label": one.label, "url": reverse(name, args=[object_id, one.name])} for one in shown]
        more["extra_context"] = (more.get("extra_context") or {}) | {"steps": steps}
        return super().change_view(request, object_id, *arguments, **more)

    def press(self, request: HttpRequest, pk: str, step: str) -> HttpResponse:
        """A button was pressed: 303 back to the row, with what came of it."""
        if request.method != "POST":
            raise Http404
        button = next((one for one in self.buttons if one.name == step), None)
        if button is None:
            raise Http404
        if not request.user.has_perm(button.permission):
            raise PermissionDenied
        row = get_object_or_404(self.get_queryset(request), pk=pk)
        try:
            done = button.press(request, row)
        except Refused as refusal:
            messages.error(request, str(refusal))
        else:
            self.log_change(request, row, str(button.label))
            messages.success(request, done)
        back = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[pk])
        return HttpResponseRedirect(back, status=303)


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

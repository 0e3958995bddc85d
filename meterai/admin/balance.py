"""The balance page: where every serial of every batch is, whose it is, and how far the book is closed."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from psycopg.errors import QueryCanceled

from .. import conserving, proving
from ..conserving import Balance
from ..models import Batch, Reseller

BATCHES_A_PAGE = 50


def balance(request: HttpRequest) -> HttpResponse:
    """Every batch with its holders, those that do not balance first; for whoever may see batches."""
    if not (request.user.has_perm("meterai.view_batch") or request.user.has_perm("meterai.change_batch")):
        raise PermissionDenied
    context = admin.site.each_context(request) | {"title": _("Neraca stok"), "opts": Batch._meta}
    try:
        context |= _counted(request.GET.get("p"))
    except OperationalError as error:
        if not isinstance(error.__cause__, QueryCanceled):
            raise
        context["too_slow"] = True
    return render(request, "admin/meterai/batch/balance.html", context)


def _counted(number: str | None) -> dict[str, Any]:
    found = sorted(conserving.balances(), key=lambda row: row.is_balanced)
    page = Paginator(found, BATCHES_A_PAGE).get_page(number)
    tails, names = proving.tails(), dict(Reseller.objects.values_list("code", "name"))
    return {
        "page": page,
        "rows": [_row(row, tails.get(row.batch, proving.Tail()), names) for row in page],
        "lost": sum(row.lost for row in found),
    }


def _row(row: Balance, tail: proving.Tail, names: dict[str, str]) -> dict[str, Any]:
    holders = [
        {"name": names.get(one.reseller or "", one.reseller), "due": one.due, "places": _places(one), "of": one}
        for one in row.holders
    ]
    # Where all belongs to the official shop, its row would say the same again.
    return {"of": row, "places": _places(row), "tail": tail, "holders": holders if len(holders) > 1 else []}


def _places(row: conserving.Places) -> list[int]:
    return [getattr(row, place) for place in conserving.PLACES]

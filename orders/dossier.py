"""Everything about one order, for who answers questions about it: what there is, and what happened when. Reads only.

A fixed number of queries, whatever the order went through. Contacts, addresses and bank accounts are masked unless the
caller says otherwise; secret links never leave.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from django.db.models import Model, Q
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from meterai.models import Flip, Movement, Stamp

from . import contacts
from .models import Discrepancy, Notice, Notification, Order, Payment, Receipt, Refund, SettlementRow
from .showing import rupiah

# Who acts without a name, and the places of the book, in words. Names of people are left as they are.
WORDS = {
    "buyer": gettext_lazy("pembeli"),
    "gateway": gettext_lazy("gerbang"),
    "worker": gettext_lazy("pekerja otomatis"),
    "sweeper": gettext_lazy("pekerja otomatis"),
    "system": gettext_lazy("sistem"),
    "shop": gettext_lazy("toko"),
    "sealing": gettext_lazy("pembubuhan"),
    "extents": gettext_lazy("stok"),
    "pool": gettext_lazy("stok"),
    "reserved": gettext_lazy("dipesan"),
    "sold": gettext_lazy("terjual"),
    "affixed": gettext_lazy("terbubuhkan"),
    "refunded": gettext_lazy("dikembalikan"),
    "void": gettext_lazy("batal"),
    "asked": gettext_lazy("gerbang sudah ditanyai"),
    "refused by gateway": gettext_lazy("ditolak gerbang"),
    "unknown payment": gettext_lazy("pembayaran tidak dikenal"),
    "deadline": gettext_lazy("batas waktu lewat"),
    "late money": gettext_lazy("uang datang terlambat"),
    "amount differs": gettext_lazy("jumlahnya berbeda"),
}
# Nobody reads more; what is left out is the middle of a storm of repeats.
MOST_OF_A_KIND = 300


@dataclass(frozen=True)
class Happening:
    """One line of the timeline."""

    at: datetime
    what: str
    words: str
    who: str = ""
    why: str = ""
    row: Model | None = None


class Dossier:
    """What there is about `order`. Each part is fetched once, when it is first looked at."""

    def __init__(self, order: Order) -> None:
        self.order = order

    @cached_property
    def payments(self) -> list[Payment]:
        return list(self.order.payments.order_by("created_at", "pk"))

    @cached_property
    def refunds(self) -> list[Refund]:
        return list(Refund.objects.filter(payment__in=[one.pk for one in self.payments]).order_by("pk"))

    @cached_property
    def receipts(self) -> list[Receipt]:
        return list(self.order.receipts.order_by("pk"))

    @cached_property
    def discrepancies(self) -> list[Discrepancy]:
        return list(self.order.discrepancies.select_related("closed_by").order_by("pk"))

    @cached_property
    def stamps(self) -> list[Stamp]:
        """Of the serials that are the order's now."""
        held = self.order.lines.filter(released_at=None).values("serial_id")
        return list(Stamp.objects.filter(pk__in=held).order_by("pk"))

    @cached_property
    def movements(self) -> list[Movement]:
        return list(Movement.objects.filter(reference=self.order.code).order_by("at", "pk")[:MOST_OF_A_KIND])

    @cached_property
    def notices(self) -> list[Notice]:
        """Letters to its buyer: an event begins with what it is about."""
        named = Q(event__startswith=f"{self.order.code}:")
        for payment in self.payments:
            named |= Q(event__startswith=f"{payment.pk}:")
        for refund in self.refunds:
            named |= Q(event=f"refund:{refund.pk}") | Q(event__startswith=f"refund:{refund.pk}:")
        return list(Notice.objects.filter(named).order_by("pk")[:MOST_OF_A_KIND])

    @cached_property
    def notifications(self) -> list[Notification]:
        return list(Notification.objects.filter(self._at_gateways()).order_by("pk")[:MOST_OF_A_KIND])

    @cached_property
    def settled(self) -> list[SettlementRow]:
        """Lines of settlement reports."""
        references = [one.gateway_reference for one in self.payments if one.gateway_reference]
        rows = SettlementRow.objects.filter(gateway_reference__in=references).select_related("settlement")
        gateways = {one.gateway for one in self.payments}
        return [row for row in rows.order_by("pk")[:MOST_OF_A_KIND] if row.settlement.gateway in gateways]

    @cached_property
    def flips(self) -> list[Flip]:
        named = Q(pk__in=[])
        for label, rows in self._rows().items():
            named |= Q(noun=label, row__in=rows)
        return list(Flip.objects.filter(named).order_by("at", "pk"))

    def timeline(self) -> list[Happening]:
        """Everything that happened, in order of time: who, when, why."""
        lines = [*self._flips(), *self._letters(), *self._calls(), *self._reports(), *self._moves(), *self._ends()]
        return sorted(lines, key=lambda one: one.at)

    def _at_gateways(self) -> Q:
        named = Q(pk__in=[])
        for payment in self.payments:
            if payment.gateway_reference:
                named |= Q(gateway=payment.gateway, gateway_reference=payment.gateway_reference)
        return named

    def _rows(self) -> dict[str, dict[str, Any]]:
        """By the noun of a Flip and the row's key."""
        money: list[list[Any]] = [self.payments, self.refunds, self.discrepancies]
        kinds = [[self.order], *money, self.notices, self.notifications]
        return {rows[0]._meta.label_lower: {str(row.pk): row for row in rows} for rows in kinds if rows}

    def _flips(self) -> Iterator[Happening]:
        rows = self._rows()
        for flip in self.flips:
            row = rows[flip.noun][flip.row]
            change = _named(row, flip.new) if flip.old in ("", flip.new) else _arrow(row, flip)
            words = "" if flip.old == flip.new else change
            yield Happening(flip.at, _what(row), words, _said(flip.actor), _said(flip.reason), row)

    def _letters(self) -> Iterator[Happening]:
        for notice in self.notices:
            to = contacts.mask(notice.address)
            yield Happening(notice.created_at, _("surat"), f"{notice.template} → {to}", row=notice)
            if notice.sent_at:
                yield Happening(notice.sent_at, _("surat"), _("terkirim: %(template)s") % vars(notice), row=notice)

    def _calls(self) -> Iterator[Happening]:
        for told in self.notifications:
            words = _("kabar gerbang %(gateway)s") % {"gateway": told.gateway}
            yield Happening(told.received_at, _("pemberitahuan"), words, told.gateway, _said(told.outcome), told)

    def _reports(self) -> Iterator[Happening]:
        for row in self.settled:
            at = row.happened_at or row.settlement.taken_in_at
            words = f"{row.get_kind_display()} {rupiah(row.gross)}"
            yield Happening(
                at, _("laporan gerbang"), words, row.settlement.gateway, row.settlement.name, row.settlement
            )

    def _moves(self) -> Iterator[Happening]:
        for moved in self.movements:
            count = _("%(count)s keping") % {"count": number_format(moved.quantity)}
            words = f"{count}: {_said(moved.source)} → {_said(moved.target)}"
            yield Happening(moved.at, _("meterai"), words, _said(moved.actor), _said(moved.reason))

    def _ends(self) -> Iterator[Happening]:
        """What became of a stamp is written in the book under the document's number or the recall's, not under ours."""
        for stamp in self.stamps:
            if stamp.state in (Stamp.State.AFFIXED, Stamp.State.VOID):
                words = f"{stamp.pk}: {stamp.get_state_display()}"
                yield Happening(stamp.changed_at, _("meterai"), words, why=stamp.void_reason)


def as_json(dossier: Dossier, *, unmask: bool) -> dict[str, Any]:
    """All of it for a file. Times are ISO 8601, money whole rupiah. `unmask`: contacts, bank accounts, raw bodies."""
    order = dossier.order
    shown = (lambda text: text) if unmask else contacts.mask
    return {
        "order": _plain(order, "code state quantity duty service_fee payment_fee total language")
        | _plain(order, "created_at expires_at paid_at link_version")
        | {"email": shown(order.email), "phone": shown(order.phone), "reseller": order.reseller_id},
        "payments": [
            _plain(one, "id gateway method state amount received refunded gateway_reference created_at expires_at")
            | _plain(one, "paid_at asked_at attempts")
            for one in dossier.payments
        ],
        "refunds": [
            _plain(one, "id payment_id state reason way amount bank transfer_reference requested_at sent_at done_at")
            | {"account_number": one.account_number if unmask else _tail(one.account_number)}
            | {"account_holder": one.account_holder if unmask else _head(one.account_holder)}
            for one in dossier.refunds
        ],
        "receipts": [_plain(one, "kind series_id number created_at issued_at") for one in dossier.receipts],
        "discrepancies": [
            _plain(one, "kind subject state expected found note opened_at closed_at resolution")
            for one in dossier.discrepancies
        ],
        "stamps": [_plain(one, "serial_id state changed_at void_reason") for one in dossier.stamps],
        "movements": [_plain(one, "at source target quantity actor reason") for one in dossier.movements],
        "notices": [
            _plain(one, "event template channel language created_at attempts sent_at") | {"address": shown(one.address)}
            for one in dossier.notices
        ],
        "notifications": [
            _plain(one, "gateway event gateway_reference received_at processed_at outcome")
            | ({"body": one.body} if unmask else {})
            for one in dossier.notifications
        ],
        "settlement_rows": [
            _plain(one, "settlement_id line kind gateway_reference gross fee happened_at") for one in dossier.settled
        ],
        "flips": [_plain(one, "noun row old new at reason actor") for one in dossier.flips],
    }


def _said(word: str) -> str:
    return str(WORDS.get(word, word))


def _what(row: Any) -> str:
    """Which of several payments or refunds it was."""
    if isinstance(row, Payment):
        return f"{row._meta.verbose_name} {row.gateway}"
    if isinstance(row, Refund):
        return f"{row._meta.verbose_name} {rupiah(row.amount)}"
    return str(row._meta.verbose_name)


def _arrow(row: Any, flip: Flip) -> str:
    return f"{_named(row, flip.old)} → {_named(row, flip.new)}"


def _named(row: Any, state: str) -> str:
    """A state in words; one that no longer exists, as it was written."""
    states = dict(getattr(row, "State", Order.State).choices)
    return str(states.get(state, state))


def _plain(row: Any, names: str) -> dict[str, Any]:
    found = {name: getattr(row, name) for name in names.split()}
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in found.items()}


def _tail(number: str) -> str:
    return f"…{number[-3:]}" if number else ""


def _head(name: str) -> str:
    return f"{name[:1]}***" if name else ""

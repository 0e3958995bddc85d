"""What a page, a letter or the API may say about money on its way back. Reads only."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import QuerySet
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from meterai.models import Flip

from .models import Order, Refund
from .returning import Quote
from .showing import Amount, Moment, rupiah

# How long banks and wallets usually take to show what a gateway sent.
GATEWAY_DAYS = 3
ACCOUNT_SHOWN = 4


@dataclass(frozen=True)
class Told:
    """A refund in a buyer's words."""

    refund: Refund
    amount: str
    reason: str
    way: str
    steps: list[Moment]
    expectation: str
    """What may be expected, in a sentence; empty once there is nothing more."""
    serials: list[str]
    account: str
    """Where the money goes, masked; empty where no account is known."""
    needs_account: bool
    may_correct: bool
    """The account can still be changed."""


def told(order: Order, *, at: datetime) -> list[Told]:
    """Every refund of the order, newest first."""
    refunds = Refund.objects.filter(payment__order=order).select_related("payment").prefetch_related("stamps")
    given = _given(refunds)
    return [_told(refund, given.get(str(refund.pk)), at) for refund in refunds.order_by("-pk")]


def quote_lines(found: Quote) -> list[Amount]:
    """The lines of what would go back; with its total nothing is left out."""
    each = ngettext("%(n)s keping", "%(n)s keping", found.count) % {"n": found.count}
    lines = [Amount(_("Bea meterai"), rupiah(found.duty), each)]
    if found.service_fee:
        lines.append(Amount(_("Biaya layanan"), rupiah(found.service_fee)))
    if found.payment_fee:
        lines.append(Amount(_("Biaya pembayaran"), rupiah(found.payment_fee), _("seluruh pesanan kembali")))
    return lines


def way_ahead(*, by_gateway: bool) -> str:
    """By which way money would come back, before anything is asked for."""
    if by_gateway:
        return _(
            "Uang kembali lewat cara Anda membayar. Kami mengirimnya segera; bank atau dompet Anda biasanya "
            "menampilkannya dalam %(days)s hari kerja."
        ) % {"days": GATEWAY_DAYS}
    return _(
        "Cara Anda membayar tidak dapat dibalik, jadi uang kembali lewat transfer bank. Sesudah ini kami meminta "
        "nomor rekening; transfer kami kirim paling lambat %(days)s hari sesudah rekening kami terima."
    ) % {"days": settings.PAYOUT_DAYS}


def account_masked(refund: Refund) -> str:
    """BCA, ••••7890, Siti Aminah: enough to recognise one's own account."""
    if not refund.account_number:
        return ""
    return f"{refund.bank}, ••••{refund.account_number[-ACCOUNT_SHOWN:]}, {refund.account_holder}"


def _given(refunds: "QuerySet[Refund]") -> dict[str, datetime]:
    """When each of these refunds got its account, the last time."""
    keys = [str(refund.pk) for refund in refunds]
    flips = Flip.objects.filter(noun=Refund._meta.label_lower, row__in=keys, old="account", new="requested")
    return dict(flips.order_by("at").values_list("row", "at"))


def _told(refund: Refund, given_at: datetime | None, at: datetime) -> Told:
    is_transfer = refund.way == Refund.Way.TRANSFER
    return Told(
        refund=refund,
        amount=rupiah(refund.amount),
        reason=refund.get_reason_display(),
        way=refund.get_way_display(),
        steps=_steps(refund, given_at),
        expectation=_expectation(refund, given_at, at),
        serials=sorted(stamp.serial_id for stamp in refund.stamps.all()),
        account=account_masked(refund),
        needs_account=refund.state == Refund.State.ACCOUNT,
        may_correct=is_transfer and refund.state == Refund.State.REQUESTED,
    )


def _steps(refund: Refund, given_at: datetime | None) -> list[Moment]:
    asked = Moment(_("Diajukan"), "done", refund.requested_at)
    if refund.state == Refund.State.CANCELLED:
        return [asked, Moment(_("Batal"), "bad", note=_("bank sudah menarik uang ini kembali"))]
    steps = [asked]
    has_account = refund.state != Refund.State.ACCOUNT
    if refund.way == Refund.Way.TRANSFER:
        steps.append(
            Moment(_("Rekening diterima"), "done" if has_account else "now", given_at if has_account else None)
        )
    is_sent, is_done = refund.sent_at is not None, refund.state == Refund.State.DONE
    note = _("bukti %(number)s") % {"number": refund.transfer_reference} if refund.transfer_reference else ""
    steps.append(Moment(_("Dikirim"), "done" if is_sent else "now" if has_account else "todo", refund.sent_at, note))
    steps.append(Moment(_("Selesai"), "done" if is_done else "now" if is_sent else "todo", refund.done_at))
    return steps


def _expectation(refund: Refund, given_at: datetime | None, at: datetime) -> str:
    match refund.state:
        case Refund.State.ACCOUNT:
            return _("Kami menunggu nomor rekening Anda. Tanpa itu uang tidak dapat kami kirim.")
        case Refund.State.REQUESTED | Refund.State.SENT if refund.way == Refund.Way.TRANSFER:
            return _transfer_expected(refund, given_at or refund.requested_at, at)
        case Refund.State.REQUESTED | Refund.State.SENT:
            return _gateway_expected(refund, at)
        case Refund.State.DONE if refund.way == Refund.Way.GATEWAY:
            return _(
                "Gerbang pembayaran sudah mengirimnya. Belum terlihat sesudah %(days)s hari kerja? Tanyakan kepada "
                "bank atau dompet Anda, atau buat aduan dari pesanan ini."
            ) % {"days": GATEWAY_DAYS}
        case _over:
            return ""


def _transfer_expected(refund: Refund, given_at: datetime, at: datetime) -> str:
    if refund.sent_at:
        return _(
            "Bank sudah menerima transfer kami. Uang biasanya masuk hari itu juga, paling lambat hari kerja berikut."
        )
    last = given_at + timedelta(days=settings.PAYOUT_DAYS)
    if at > last:
        return _(
            "Kami terlambat: transfer seharusnya sudah dikirim pada %(day)s. Uang Anda tidak hilang; buat aduan dari "
            "pesanan ini bila perlu."
        ) % {"day": _day(last)}
    return _("Petugas mengirim transfer paling lambat %(day)s.") % {"day": _day(last)}


def _gateway_expected(refund: Refund, at: datetime) -> str:
    if refund.sent_at:
        words = _("Gerbang pembayaran sudah menerima permintaan kami. Uang biasanya kembali dalam %(days)s hari kerja.")
        return words % {"days": GATEWAY_DAYS}
    if at > refund.requested_at + timedelta(hours=1):
        return _("Gerbang pembayaran belum menjawab. Kami terus mencoba sampai uang Anda terkirim.")
    return _("Kami mengirimnya sekarang; biasanya selesai dalam beberapa menit.")


def _day(moment: datetime) -> str:
    return date_format(localtime(moment), "DATE_FORMAT")

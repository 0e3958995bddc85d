"""The staff room's door to the waiting rooms: live figures, why the line moves so, and every step with a reason."""

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.cache import get_conditional_response
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from meterai import states
from meterai.desk import Button, ReasonForm, Refused, Steps, history, person

from . import arranging, room_showing
from .models import Mark, Outcome, Room

MANAGE = "orders.manage_room"
LIVE_EVERY = 3  # seconds
HOURS = (1, 3, 12, 48)
SIGNALS = ("reserve", "pay", "errors", "pool", "seal")
_WHEN = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
_CHANGED = gettext_lazy("Ruang ini sudah berubah sementara itu. Muat ulang dan periksa lagi.")


class PrequeueForm(ReasonForm):
    """When the doors open."""

    opens_at = forms.DateTimeField(label=gettext_lazy("Toko dibuka pada"), widget=_WHEN)
    field_order = ("opens_at", "reason")

    def __init__(self, *arguments: Any, room: Room, **options: Any) -> None:
        super().__init__(*arguments, **options)

    def clean_opens_at(self) -> datetime:
        """A time to come, and near enough for tickets to live until then."""
        at: datetime = self.cleaned_data["opens_at"]
        if not timezone.now() < at < timezone.now() + timedelta(hours=40):
            raise forms.ValidationError(_("Pilih waktu dalam 40 jam ke depan: nomor berlaku dua hari."))
        return at


class AdjustForm(ReasonForm):
    """What a person may set. Every change is kept with its reason."""

    name = forms.CharField(label=gettext_lazy("Nama"), max_length=80)
    mode = forms.ChoiceField(
        label=gettext_lazy("Pengaturan"),
        choices=Room.Mode,
        help_text=gettext_lazy("Otomatis: antrean menyala dan padam sendiri menurut keramaian dan kesehatan toko."),
    )
    target = forms.IntegerField(label=gettext_lazy("Sasaran pengunjung di toko"), min_value=1, max_value=1_000_000)
    share = forms.IntegerField(label=gettext_lazy("Bagian sasaran yang dibuka (%)"), min_value=0, max_value=100)
    override = forms.IntegerField(
        label=gettext_lazy("Panggilan per menit, ditetapkan petugas"),
        min_value=0,
        max_value=1_000_000,
        required=False,
        help_text=gettext_lazy("Kosong: menurut kesehatan. 0: tidak ada yang dipanggil. Ini mengalahkan semua sinyal."),
    )
    grace_minutes = forms.IntegerField(label=gettext_lazy("Menit untuk masuk"), min_value=1, max_value=120)
    pass_minutes = forms.IntegerField(label=gettext_lazy("Menit berbelanja"), min_value=1, max_value=60)
    reentry_percent = forms.IntegerField(
        label=gettext_lazy("Bagian untuk yang terlewat (%)"), min_value=0, max_value=100
    )
    is_door = forms.BooleanField(label=gettext_lazy("Menjaga pintu toko"), required=False)

    def __init__(self, data: Any = None, *, room: Room) -> None:
        kept = {name: getattr(room, name) for name in self.base_fields if hasattr(room, name)}
        limits = {f"limit_{name}": room.limits.get(name) for name in SIGNALS}
        super().__init__(data, initial=kept | limits)
        for name in SIGNALS:
            label = _("Ambang: %(signal)s") % {"signal": room_showing.SIGNALS[name][0]}
            self.fields[f"limit_{name}"] = forms.FloatField(label=label, min_value=0)
        self.order_fields([*(name for name in self.fields if name != "reason"), "reason"])
        self._limits = dict(room.limits)

    def changes(self) -> dict[str, Any]:
        """What the step wants."""
        sent = dict(self.cleaned_data)
        sent.pop("reason")
        limits = {name: sent.pop(f"limit_{name}") for name in SIGNALS}
        return sent | {"limits": self._limits | limits}


class RoomForm(forms.ModelForm):  # type: ignore[type-arg]
    """A new room. It begins open: nobody waits before a person or the ticker says so."""

    reason = ReasonForm.base_fields["reason"]

    class Meta:
        model = Room
        fields = ("slug", "name", "reseller", "is_door", "mode", "target")


FORMS: dict[str, Any] = {"pra-antrean": PrequeueForm, "atur": AdjustForm}


def _prequeued(request: HttpRequest, room: Room, form: PrequeueForm) -> str:
    sent, at = form.cleaned_data, timezone.now()
    by = person(request).get_username()
    try:
        arranging.begin_prequeue(room=room, opens_at=sent["opens_at"], by=by, reason=sent["reason"], at=at)
    except arranging.NotYetCalled:
        said = _("Masih ada yang menunggu dari antrean sebelumnya. Pra-antrean dimulai setelah mereka dipanggil.")
        raise Refused(said) from None
    except (states.NoSuchArrow, states.MovedMeanwhile):
        raise Refused(_CHANGED) from None
    return _("Pra-antrean dimulai. Janji undian sudah diumumkan.")


def _adjusted(request: HttpRequest, room: Room, form: AdjustForm) -> str:
    by, reason = person(request).get_username(), form.cleaned_data["reason"]
    try:
        arranging.adjust(room=room, by=by, reason=reason, at=timezone.now(), **form.changes())
    except IntegrityError:
        raise Refused(_("Satu toko hanya punya satu ruang yang menjaga pintunya.")) from None
    return _("Pengaturan disimpan.")


def _moved(step: Callable[..., None], said: Any) -> Callable[[HttpRequest, Room, str], str]:
    """A button that moves the room, with the reason that was written."""

    def press(request: HttpRequest, room: Room, reason: str) -> str:
        try:
            step(room=room, by=person(request).get_username(), reason=reason, at=timezone.now())
        except (states.NoSuchArrow, states.MovedMeanwhile):
            raise Refused(_CHANGED) from None
        return str(said)

    return press


def _may(to: str) -> Callable[[Room], bool]:
    return lambda room: states.may(room, to)


def _button(name: str, label: Any, press: Any, hint: Any, *, to: str = "") -> Button:
    shown = _may(to) if to else lambda room: True
    return Button(name, label, MANAGE, press, is_shown=shown, asks_reason=True, hint=hint, leaves_row=True)


BUTTONS = (
    _button("atur", gettext_lazy("Atur"), _adjusted, gettext_lazy("Setiap perubahan tercatat dengan alasannya.")),
    _button(
        "pra-antrean",
        gettext_lazy("Mulai pra-antrean"),
        _prequeued,
        gettext_lazy("Nomor dibagikan sebelum toko dibuka, lalu urutannya diundi. Janji undian diumumkan sekarang."),
        to=Room.State.PREQUEUE,
    ),
    _button(
        "antre",
        gettext_lazy("Nyalakan antrean"),
        _moved(arranging.begin_queue, gettext_lazy("Antrean menyala.")),
        gettext_lazy("Mulai sekarang pembeli mengambil nomor dan dipanggil. Sesudah pra-antrean: undian ditutup."),
        to=Room.State.QUEUEING,
    ),
    _button(
        "buka",
        gettext_lazy("Buka pintu"),
        _moved(arranging.open_doors, gettext_lazy("Pintu terbuka untuk semua.")),
        gettext_lazy("Antrean berakhir: semua yang menunggu boleh masuk sekaligus."),
        to=Room.State.OPEN,
    ),
    _button(
        "tutup",
        gettext_lazy("Tutup sementara"),
        _moved(arranging.close, gettext_lazy("Toko ditutup. Yang menunggu tetap memegang tempatnya.")),
        gettext_lazy("Tidak ada yang mengambil nomor dan tidak ada yang masuk. Tempat yang menunggu tetap."),
        to=Room.State.CLOSED,
    ),
    _button(
        "habis",
        gettext_lazy("Nyatakan habis"),
        _moved(arranging.drain, gettext_lazy("Yang menunggu diberi tahu bahwa stok habis.")),
        gettext_lazy("Yang menunggu diberi tahu bahwa stok habis, dan ditunjukkan penjual lain."),
        to=Room.State.DRAINED,
    ),
)


@admin.register(Room)
class RoomAdmin(Steps):
    """The lines before the shops."""

    change_form_template = "admin/orders/room/change_form.html"
    change_list_template = "admin/orders/room/change_list.html"
    list_display = ("name", "reseller", "state", "mode", "waiting", "in_shop", "velocity", "heard")
    list_select_related = ("reseller",)
    fields = ("slug", "name", "reseller", "is_door", "mode", "target", "share", "override", "grace_minutes",
              "pass_minutes", "reentry_percent", "opens_at", "changes")  # fmt: skip
    readonly_fields = ("changes",)
    buttons = BUTTONS

    @admin.display(description=gettext_lazy("menunggu"))
    def waiting(self, room: Room) -> str:
        """People not called yet."""
        return room_showing.number(room.figures.get("waiting"))

    @admin.display(description=gettext_lazy("di toko"))
    def in_shop(self, room: Room) -> str:
        """People in the shop, of how many there may be."""
        return f"{room_showing.number(room.figures.get('in_shop'))} / {room_showing.number(room.target)}"

    @admin.display(description=gettext_lazy("dipanggil per menit"))
    def velocity(self, room: Room) -> str:
        """Slow and fast."""
        return room_showing.velocity(room)

    @admin.display(description=gettext_lazy("kabar"))
    def heard(self, room: Room) -> str:
        """When it was last ticked, and whether that is too long ago."""
        return room_showing.heard(room, at=timezone.now())

    @admin.display(description=gettext_lazy("riwayat"))
    def changes(self, room: Room) -> SafeString:
        """Who did what, and why."""
        return history(room)

    def get_urls(self) -> list[URLPattern]:
        live = path("<int:pk>/kabar/", self.admin_site.admin_view(self.live), name="orders_room_live")
        return [live, *super().get_urls()]

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(MANAGE)

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """A new room: 303 to its page, or the form again with what is wrong."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = RoomForm(request.POST if request.method == "POST" else None)
        if form.is_valid():
            with transaction.atomic():
                room = form.save()
                who, why = person(request).get_username(), form.cleaned_data["reason"]
                states.note(room, old="", new=room.state, at=timezone.now(), reason=why, actor=who)
            self.log_addition(request, room, why)
            return HttpResponseRedirect(self._address(room), status=303)
        back = reverse("admin:orders_room_changelist")
        return self._form(request, form, title=_("Ruang tunggu baru"), back=back, row=_("Ruang tunggu"))

    def change_view(self, request: HttpRequest, object_id: str, *arguments: Any, **more: Any) -> HttpResponse:
        room = self.get_object(request, object_id)
        if isinstance(room, Room):
            more["extra_context"] = (more.get("extra_context") or {}) | self._live(request, room)
        return super().change_view(request, object_id, *arguments, **more)

    def live(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The moving part of a room's page; 304 while it says what the asker has."""
        room = self.get_object(request, str(pk))
        if not isinstance(room, Room):
            raise Http404
        if not self.has_view_permission(request, room):
            raise PermissionDenied
        etag = f'"{_version(room, request)}"'
        response = get_conditional_response(request, etag=etag)
        if response is None:
            response = render(request, "admin/orders/room/live.html", self._live(request, room))
        response["ETag"] = etag
        response["Cache-Control"] = "private, no-cache"
        return response  # type: ignore[return-value]

    def press(self, request: HttpRequest, pk: str, step: str) -> HttpResponse:
        """As every step; two of them ask for more than a reason."""
        if step not in FORMS:
            return super().press(request, pk, step)
        button = next(one for one in self.buttons if one.name == step)
        room = self.get_object(request, pk)
        if not isinstance(room, Room):
            raise Http404
        if not (request.user.has_perm(button.permission) and self.has_view_permission(request, room)):
            raise PermissionDenied
        form = FORMS[step](request.POST if request.method == "POST" else None, room=room)
        if not form.is_valid():
            return self._ask_why(request, room, button, form)
        try:
            said = str(button.press(request, room, form))
        except Refused as refusal:
            messages.error(request, str(refusal))
        else:
            self.log_change(request, room, f"{button.label}: {form.cleaned_data['reason']}")
            messages.success(request, said)
        return HttpResponseRedirect(self._address(room), status=303)

    def _form(self, request: HttpRequest, form: Any, **words: Any) -> HttpResponse:
        context = self.admin_site.each_context(request) | {"form": form, "opts": self.opts, "is_shown": True} | words
        return render(request, "admin/step_reason.html", context, status=422 if form.errors else 200)

    def _live(self, request: HttpRequest, room: Room) -> dict[str, Any]:
        at = timezone.now()
        return room_showing.live(room, at=at, hours=_hours(request)) | {
            "live_url": f"{reverse('admin:orders_room_live', args=[room.pk])}?jam={_hours(request)}",
            "version": _version(room, request),
            "every": LIVE_EVERY,
            "choices": HOURS,
            "hours": _hours(request),
        }


def _hours(request: HttpRequest) -> int:
    """How much of the past the chart shows."""
    asked = request.GET.get("jam", "")
    return int(asked) if asked.isdigit() and int(asked) in HOURS else HOURS[1]


def _version(room: Room, request: HttpRequest) -> str:
    """Another text as soon as the moving part would say something else. Three short queries."""
    newest = [
        model.objects.filter(room=room).order_by("-pk").values_list("pk", flat=True).first()
        for model in (Mark, Outcome)
    ]
    told = (newest, room.state, room.serving, room.next_number, room.figures, get_language(), _hours(request))
    is_old = room_showing.is_old(room, at=timezone.now())
    return hashlib.sha256(repr((told, is_old, room.share, room.override)).encode()).hexdigest()[:24]

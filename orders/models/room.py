"""Waiting rooms: the line before a shop's door, and who was let in. Who waits has no row here."""

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import BigIntegerRangeField, RangeOperators
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Func, Q, Value
from django.utils.translation import gettext_lazy as _


def limits() -> dict[str, float]:
    """The settings of the signals: above them the shop is not well. Seconds; errors as a share of the answers."""
    return {"reserve": 1.5, "pay": 10.0, "errors": 0.05, "pool": 0.5, "seal": 600.0}


class Room(models.Model):
    """The line before one shop. Numbers below `next_number` were given out, ranks up to `serving` were called."""

    class State(models.TextChoices):
        OPEN = "open", _("terbuka, tanpa antrean")
        PREQUEUE = "prequeue", _("pra-antrean")
        QUEUEING = "queueing", _("antre")
        CLOSED = "closed", _("ditutup")
        DRAINED = "drained", _("habis")

    class Mode(models.TextChoices):
        AUTOMATIC = "automatic", _("otomatis")
        BY_HAND = "by_hand", _("diatur petugas")

    # open -> prequeue, queueing, closed; prequeue -> queueing (the draw), closed; queueing -> open, closed, drained;
    # closed -> open, prequeue, queueing; drained -> open, queueing, closed
    ARROWS = {
        State.OPEN: frozenset({State.PREQUEUE, State.QUEUEING, State.CLOSED}),
        State.PREQUEUE: frozenset({State.QUEUEING, State.CLOSED}),
        State.QUEUEING: frozenset({State.OPEN, State.CLOSED, State.DRAINED}),
        State.CLOSED: frozenset({State.OPEN, State.PREQUEUE, State.QUEUEING}),
        State.DRAINED: frozenset({State.OPEN, State.QUEUEING, State.CLOSED}),
    }
    # Numbers are given out in these.
    TAKES_PEOPLE = (State.PREQUEUE, State.QUEUEING)

    slug = models.SlugField(_("alamat"), max_length=40, unique=True)
    name = models.CharField(_("nama"), max_length=80)
    reseller = models.ForeignKey(
        "meterai.Reseller",
        verbose_name=_("toko reseller"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="rooms",
        help_text=_("Kosong: toko resmi."),
    )
    is_door = models.BooleanField(
        _("menjaga pintu toko"), default=True, help_text=_("Satu ruang untuk satu toko menjaga pintunya.")
    )
    state = models.CharField(_("status"), max_length=10, choices=State, default=State.OPEN)
    mode = models.CharField(_("pengaturan"), max_length=10, choices=Mode, default=Mode.AUTOMATIC)
    target = models.PositiveIntegerField(_("sasaran pengunjung di toko"), default=500)
    share = models.PositiveSmallIntegerField(
        _("bagian sasaran yang dibuka (%)"),
        default=100,
        validators=[MinValueValidator(0), MaxValueValidator(100)],
    )
    override = models.PositiveIntegerField(
        _("panggilan per menit, ditetapkan petugas"),
        null=True,
        blank=True,
        help_text=_("Kosong: menurut kesehatan. 0: tidak ada yang dipanggil."),
    )
    limits = models.JSONField(_("ambang sinyal"), default=limits)
    grace_minutes = models.PositiveSmallIntegerField(_("menit untuk masuk setelah dipanggil"), default=10)
    pass_minutes = models.PositiveSmallIntegerField(_("menit berbelanja"), default=10)
    reentry_percent = models.PositiveSmallIntegerField(_("bagian untuk yang terlewat (%)"), default=10)
    opens_at = models.DateTimeField(_("dibuka pada"), null=True, blank=True)
    serving = models.BigIntegerField(_("dipanggil sampai"), default=0, editable=False)
    next_number = models.BigIntegerField(_("nomor berikut"), default=1, editable=False)
    # What the ticker measured last, for the status file, the pages and the staff; see orders/room_files.py.
    figures = models.JSONField(default=dict, editable=False)
    ticked_at = models.DateTimeField(null=True, blank=True, editable=False)
    # Nobody's time to come runs while the shop is not well: it counts from here, if called earlier.
    grace_from = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("ruang tunggu")
        verbose_name_plural = _("ruang tunggu")
        ordering = ["slug"]
        default_permissions = ("view",)
        permissions = [("manage_room", "Can open, close and adjust waiting rooms")]
        constraints = [
            models.UniqueConstraint(
                name="room_one_door_a_shop", fields=["reseller"], condition=Q(is_door=True), nulls_distinct=False
            ),
            models.CheckConstraint(name="room_calls_given_numbers", condition=Q(serving__lt=F("next_number"))),
            models.CheckConstraint(name="room_numbers_from_one", condition=Q(serving__gte=0, next_number__gte=1)),
            models.CheckConstraint(name="room_has_target", condition=Q(target__gt=0)),
            models.CheckConstraint(name="room_share_is_percent", condition=Q(share__lte=100, reentry_percent__lte=100)),
            models.CheckConstraint(
                name="room_gives_time", condition=Q(grace_minutes__gt=0, pass_minutes__gt=0, pass_minutes__lte=60)
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Draw(models.Model):
    """The draw among those who joined before an opening. The seed is secret until `drawn_at`; docs/waiting-room.md."""

    room = models.ForeignKey(Room, verbose_name=_("ruang tunggu"), on_delete=models.PROTECT, related_name="draws")
    commitment = models.CharField(_("janji (SHA-256)"), max_length=64)
    seed = models.CharField(max_length=64, editable=False)
    first = models.BigIntegerField(_("nomor pertama"))
    count = models.BigIntegerField(_("jumlah nomor"), null=True, blank=True)
    begun_at = models.DateTimeField(_("dimulai pada"))
    closed_at = models.DateTimeField(_("ditutup pada"), null=True, blank=True)
    drawn_at = models.DateTimeField(_("diundi pada"), null=True, blank=True)

    class Meta:
        verbose_name = _("undian antrean")
        verbose_name_plural = _("undian antrean")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(name="draw_first_is_new", fields=["room", "first"]),
            models.UniqueConstraint(name="draw_one_open_a_room", fields=["room"], condition=Q(closed_at=None)),
            models.CheckConstraint(
                name="draw_closed_whole",
                condition=Q(closed_at=None, count=None, drawn_at=None)
                | Q(closed_at__isnull=False, count__isnull=False, count__gte=0, drawn_at__gt=F("closed_at")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.room_id}: {self.first} + {self.count}"


class Strip(models.Model):
    """Numbers that one worker may give out for a few seconds; `used` of them were. See orders/rooms/strips.py."""

    room = models.ForeignKey(Room, on_delete=models.PROTECT, related_name="strips")
    first = models.BigIntegerField()
    size = models.PositiveIntegerField()
    used = models.PositiveIntegerField(null=True)
    holder = models.CharField(max_length=32)
    taken_at = models.DateTimeField()
    until = models.DateTimeField()

    class Meta:
        default_permissions = ()
        indexes = [models.Index(name="strip_in_line", fields=["room", "first"])]
        constraints = [
            ExclusionConstraint(
                name="strip_numbers_once",
                expressions=[
                    ("room", RangeOperators.EQUAL),
                    (
                        Func(
                            F("first"),
                            F("first") + F("size"),
                            Value("[)"),
                            function="int8range",
                            output_field=BigIntegerRangeField(),
                        ),
                        RangeOperators.OVERLAPS,
                    ),
                ],
            ),
            models.CheckConstraint(name="strip_not_empty", condition=Q(size__gt=0, first__gt=0)),
            models.CheckConstraint(name="strip_used_fits", condition=Q(used=None) | Q(used__lte=F("size"))),
        ]

    def __str__(self) -> str:
        return f"{self.room_id}: {self.first} + {self.size}"


class ShopPass(models.Model):
    """Somebody's minutes in the shop, for one order. A guest was in the shop before the room was switched on."""

    room = models.ForeignKey(Room, verbose_name=_("ruang tunggu"), on_delete=models.PROTECT, related_name="passes")
    number = models.BigIntegerField(_("nomor antrean"), null=True, blank=True)
    rank = models.BigIntegerField(_("urutan"), null=True, blank=True)
    guest = models.UUIDField(null=True, blank=True)
    turn = models.PositiveSmallIntegerField(_("giliran"), default=1)
    joined_at = models.DateTimeField(_("mulai antre"), null=True, blank=True)
    called_at = models.DateTimeField(_("dipanggil pada"), null=True, blank=True)
    entered_at = models.DateTimeField(_("masuk pada"))
    expires_at = models.DateTimeField(_("berlaku sampai"))
    promised_low = models.PositiveIntegerField(_("dijanjikan dari (menit)"), null=True, blank=True)
    promised_high = models.PositiveIntegerField(_("dijanjikan sampai (menit)"), null=True, blank=True)
    used_at = models.DateTimeField(_("dipakai pada"), null=True, blank=True)
    # The idempotency key of the order it was used for: the same request again is no second use.
    used_for = models.CharField(max_length=80, blank=True, editable=False)

    class Meta:
        verbose_name = _("izin masuk toko")
        verbose_name_plural = _("izin masuk toko")
        ordering = ["-id"]
        default_permissions = ("view",)
        indexes = [
            models.Index(name="pass_in_shop", fields=["room", "expires_at"], condition=Q(used_at=None)),
            models.Index(name="pass_entered", fields=["room", "entered_at"]),
        ]
        constraints = [
            models.UniqueConstraint(name="pass_once_a_turn", fields=["room", "number", "turn"]),
            models.UniqueConstraint(name="pass_once_a_guest", fields=["room", "guest"]),
            models.CheckConstraint(name="pass_turn_is_first_or_second", condition=Q(turn__in=[1, 2])),
            models.CheckConstraint(
                name="pass_of_number_or_guest",
                condition=Q(number=None, rank=None, guest__isnull=False, turn=1)
                | Q(number__gt=0, rank__gt=0, number__isnull=False, rank__isnull=False, guest=None),
            ),
            models.CheckConstraint(
                name="pass_used_paired",
                condition=Q(used_at=None, used_for="") | Q(used_at__isnull=False) & ~Q(used_for=""),
            ),
            models.CheckConstraint(name="pass_ends_after_it_begins", condition=Q(expires_at__gt=F("entered_at"))),
        ]

    def __str__(self) -> str:
        return f"{self.room_id}: {self.number or 'guest'}/{self.turn}"


class Mark(models.Model):
    """A room every few seconds: for the chart, and to say when a number was called. Old ones are thinned out."""

    room = models.ForeignKey(Room, on_delete=models.PROTECT, related_name="marks")
    at = models.DateTimeField(_("waktu"))
    state = models.CharField(_("status"), max_length=10, choices=Room.State)
    serving = models.BigIntegerField(_("dipanggil sampai"))
    called = models.BigIntegerField(_("orang yang dipanggil, seluruhnya"))
    given = models.BigIntegerField(_("nomor yang diberikan"))
    waiting = models.PositiveIntegerField(_("menunggu"))
    in_shop = models.PositiveIntegerField(_("di toko"))
    ceiling = models.PositiveIntegerField(_("batas saat ini"))
    show_rate = models.FloatField(_("bagian yang datang"))
    low = models.FloatField(_("panggilan per menit, pelan"), null=True)
    high = models.FloatField(_("panggilan per menit, cepat"), null=True)
    why = models.CharField(_("sebab"), max_length=40)
    signals = models.JSONField(_("sinyal"), default=dict)

    class Meta:
        verbose_name = _("catatan antrean")
        verbose_name_plural = _("catatan antrean")
        default_permissions = ("view",)
        constraints = [models.UniqueConstraint(name="mark_once_a_moment", fields=["room", "at"])]
        indexes = [models.Index(name="mark_of_call", fields=["room", "serving", "at"])]

    def __str__(self) -> str:
        return f"{self.room_id} {self.at:%H:%M:%S}: {self.serving}"


class Outcome(models.Model):
    """Of those who entered in one minute: how many were called within what the page had promised when they joined."""

    room = models.ForeignKey(Room, on_delete=models.PROTECT, related_name="outcomes")
    minute = models.DateTimeField(_("menit"))
    inside = models.PositiveIntegerField(_("tepat"), default=0)
    early = models.PositiveIntegerField(_("lebih cepat"), default=0)
    late = models.PositiveIntegerField(_("lebih lambat"), default=0)
    unpromised = models.PositiveIntegerField(_("tanpa janji"), default=0)

    class Meta:
        verbose_name = _("janji dan kenyataan")
        verbose_name_plural = _("janji dan kenyataan")
        default_permissions = ("view",)
        constraints = [models.UniqueConstraint(name="outcome_once_a_minute", fields=["room", "minute"])]

    def __str__(self) -> str:
        return f"{self.room_id} {self.minute:%H:%M}"

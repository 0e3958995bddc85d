"""Waiting rooms, and what the database itself refuses about them."""

import django.contrib.postgres.constraints
import django.contrib.postgres.fields.ranges
import django.core.validators
import django.db.models.deletion
import django.db.models.expressions
from django.db import migrations, models

import orders.models.room
from meterai.arrows import enforce_arrows

ARROWS = [
    *[("open", new) for new in ("prequeue", "queueing", "closed")],
    *[("prequeue", new) for new in ("queueing", "closed")],
    *[("queueing", new) for new in ("open", "closed", "drained")],
    *[("closed", new) for new in ("open", "prequeue", "queueing")],
    *[("drained", new) for new in ("open", "queueing", "closed")],
]
# A number once called stays called, and a number once given is given to nobody else.
ONLY_RISES = """
CREATE FUNCTION orders_room_only_rises() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'orders_room: numbers only rise'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'room_only_rises';
END $$;
CREATE TRIGGER room_only_rises BEFORE UPDATE OF serving, next_number ON orders_room
    FOR EACH ROW WHEN (NEW.serving < OLD.serving OR NEW.next_number < OLD.next_number)
    EXECUTE FUNCTION orders_room_only_rises();
"""
MAY_FALL = "DROP TRIGGER room_only_rises ON orders_room; DROP FUNCTION orders_room_only_rises();"
# What was promised before a draw is what is drawn with; and a draw is closed once.
DRAWN_ONCE = """
CREATE FUNCTION orders_draw_drawn_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.closed_at IS NOT NULL
       OR (OLD.room_id, OLD.commitment, OLD.seed, OLD.first) IS DISTINCT FROM
          (NEW.room_id, NEW.commitment, NEW.seed, NEW.first) THEN
        RAISE EXCEPTION 'orders_draw: a draw is drawn once, as promised'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'draw_drawn_once';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER draw_drawn_once BEFORE UPDATE OR DELETE ON orders_draw
    FOR EACH ROW EXECUTE FUNCTION orders_draw_drawn_once();
"""
DRAWN_AGAIN = "DROP TRIGGER draw_drawn_once ON orders_draw; DROP FUNCTION orders_draw_drawn_once();"
# Nobody enters before being called, whatever a process believes.
NUMBER_WAS_CALLED = """
CREATE FUNCTION orders_shoppass_number_was_called() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.rank > (SELECT serving FROM orders_room WHERE id = NEW.room_id) THEN
        RAISE EXCEPTION 'orders_shoppass: % has not been called', NEW.rank
            USING ERRCODE = 'check_violation', CONSTRAINT = 'pass_number_was_called';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER pass_number_was_called BEFORE INSERT OR UPDATE OF rank ON orders_shoppass
    FOR EACH ROW WHEN (NEW.rank IS NOT NULL) EXECUTE FUNCTION orders_shoppass_number_was_called();
CREATE FUNCTION orders_shoppass_used_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'orders_shoppass: a pass is used once'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'pass_used_once';
END $$;
CREATE TRIGGER pass_used_once BEFORE UPDATE ON orders_shoppass
    FOR EACH ROW WHEN (OLD.used_at IS NOT NULL) EXECUTE FUNCTION orders_shoppass_used_once();
"""
NUMBER_UNKNOWN = """
DROP TRIGGER pass_number_was_called ON orders_shoppass; DROP FUNCTION orders_shoppass_number_was_called();
DROP TRIGGER pass_used_once ON orders_shoppass; DROP FUNCTION orders_shoppass_used_once();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("meterai", "0007_taking_extents_first"),
        ("orders", "0007_seen_too_late"),
    ]

    operations = [
        migrations.CreateModel(
            name="Room",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("slug", models.SlugField(max_length=40, unique=True, verbose_name="alamat")),
                ("name", models.CharField(max_length=80, verbose_name="nama")),
                (
                    "is_door",
                    models.BooleanField(
                        default=True,
                        help_text="Satu ruang untuk satu toko menjaga pintunya.",
                        verbose_name="menjaga pintu toko",
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("open", "terbuka, tanpa antrean"),
                            ("prequeue", "pra-antrean"),
                            ("queueing", "antre"),
                            ("closed", "ditutup"),
                            ("drained", "habis"),
                        ],
                        default="open",
                        max_length=10,
                        verbose_name="status",
                    ),
                ),
                (
                    "mode",
                    models.CharField(
                        choices=[("automatic", "otomatis"), ("by_hand", "diatur petugas")],
                        default="automatic",
                        max_length=10,
                        verbose_name="pengaturan",
                    ),
                ),
                ("target", models.PositiveIntegerField(default=500, verbose_name="sasaran pengunjung di toko")),
                (
                    "share",
                    models.PositiveSmallIntegerField(
                        default=100,
                        validators=[
                            django.core.validators.MinValueValidator(0),
                            django.core.validators.MaxValueValidator(100),
                        ],
                        verbose_name="bagian sasaran yang dibuka (%)",
                    ),
                ),
                (
                    "override",
                    models.PositiveIntegerField(
                        blank=True,
                        help_text="Kosong: menurut kesehatan. 0: tidak ada yang dipanggil.",
                        null=True,
                        verbose_name="panggilan per menit, ditetapkan petugas",
                    ),
                ),
                ("limits", models.JSONField(default=orders.models.room.limits, verbose_name="ambang sinyal")),
                (
                    "grace_minutes",
                    models.PositiveSmallIntegerField(default=10, verbose_name="menit untuk masuk setelah dipanggil"),
                ),
                ("pass_minutes", models.PositiveSmallIntegerField(default=10, verbose_name="menit berbelanja")),
                (
                    "reentry_percent",
                    models.PositiveSmallIntegerField(default=10, verbose_name="bagian untuk yang terlewat (%)"),
                ),
                ("opens_at", models.DateTimeField(blank=True, null=True, verbose_name="dibuka pada")),
                ("serving", models.BigIntegerField(default=0, editable=False, verbose_name="dipanggil sampai")),
                ("next_number", models.BigIntegerField(default=1, editable=False, verbose_name="nomor berikut")),
                ("figures", models.JSONField(default=dict, editable=False)),
                ("ticked_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("grace_from", models.DateTimeField(blank=True, editable=False, null=True)),
                (
                    "reseller",
                    models.ForeignKey(
                        blank=True,
                        help_text="Kosong: toko resmi.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="rooms",
                        to="meterai.reseller",
                        verbose_name="toko reseller",
                    ),
                ),
            ],
            options={
                "verbose_name": "ruang tunggu",
                "verbose_name_plural": "ruang tunggu",
                "ordering": ["slug"],
            },
        ),
        migrations.CreateModel(
            name="Outcome",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("minute", models.DateTimeField(verbose_name="menit")),
                ("inside", models.PositiveIntegerField(default=0, verbose_name="tepat")),
                ("early", models.PositiveIntegerField(default=0, verbose_name="lebih cepat")),
                ("late", models.PositiveIntegerField(default=0, verbose_name="lebih lambat")),
                ("unpromised", models.PositiveIntegerField(default=0, verbose_name="tanpa janji")),
                (
                    "room",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="outcomes", to="orders.room"
                    ),
                ),
            ],
            options={
                "verbose_name": "janji dan kenyataan",
                "verbose_name_plural": "janji dan kenyataan",
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="Mark",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(verbose_name="waktu")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("open", "terbuka, tanpa antrean"),
                            ("prequeue", "pra-antrean"),
                            ("queueing", "antre"),
                            ("closed", "ditutup"),
                            ("drained", "habis"),
                        ],
                        max_length=10,
                        verbose_name="status",
                    ),
                ),
                ("serving", models.BigIntegerField(verbose_name="dipanggil sampai")),
                ("called", models.BigIntegerField(verbose_name="orang yang dipanggil, seluruhnya")),
                ("given", models.BigIntegerField(verbose_name="nomor yang diberikan")),
                ("waiting", models.PositiveIntegerField(verbose_name="menunggu")),
                ("in_shop", models.PositiveIntegerField(verbose_name="di toko")),
                ("ceiling", models.PositiveIntegerField(verbose_name="batas saat ini")),
                ("show_rate", models.FloatField(verbose_name="bagian yang datang")),
                ("low", models.FloatField(null=True, verbose_name="panggilan per menit, pelan")),
                ("high", models.FloatField(null=True, verbose_name="panggilan per menit, cepat")),
                ("why", models.CharField(max_length=40, verbose_name="sebab")),
                ("signals", models.JSONField(default=dict, verbose_name="sinyal")),
                (
                    "room",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="marks", to="orders.room"
                    ),
                ),
            ],
            options={
                "verbose_name": "catatan antrean",
                "verbose_name_plural": "catatan antrean",
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="Draw",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("commitment", models.CharField(max_length=64, verbose_name="janji (SHA-256)")),
                ("seed", models.CharField(editable=False, max_length=64)),
                ("first", models.BigIntegerField(verbose_name="nomor pertama")),
                ("count", models.BigIntegerField(blank=True, null=True, verbose_name="jumlah nomor")),
                ("begun_at", models.DateTimeField(verbose_name="dimulai pada")),
                ("closed_at", models.DateTimeField(blank=True, null=True, verbose_name="ditutup pada")),
                ("drawn_at", models.DateTimeField(blank=True, null=True, verbose_name="diundi pada")),
                (
                    "room",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="draws",
                        to="orders.room",
                        verbose_name="ruang tunggu",
                    ),
                ),
            ],
            options={
                "verbose_name": "undian antrean",
                "verbose_name_plural": "undian antrean",
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="ShopPass",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.BigIntegerField(blank=True, null=True, verbose_name="nomor antrean")),
                ("rank", models.BigIntegerField(blank=True, null=True, verbose_name="urutan")),
                ("guest", models.UUIDField(blank=True, null=True)),
                ("turn", models.PositiveSmallIntegerField(default=1, verbose_name="giliran")),
                ("joined_at", models.DateTimeField(blank=True, null=True, verbose_name="mulai antre")),
                ("called_at", models.DateTimeField(blank=True, null=True, verbose_name="dipanggil pada")),
                ("entered_at", models.DateTimeField(verbose_name="masuk pada")),
                ("expires_at", models.DateTimeField(verbose_name="berlaku sampai")),
                (
                    "promised_low",
                    models.PositiveIntegerField(blank=True, null=True, verbose_name="dijanjikan dari (menit)"),
                ),
                (
                    "promised_high",
                    models.PositiveIntegerField(blank=True, null=True, verbose_name="dijanjikan sampai (menit)"),
                ),
                ("used_at", models.DateTimeField(blank=True, null=True, verbose_name="dipakai pada")),
                ("used_for", models.CharField(blank=True, editable=False, max_length=80)),
                (
                    "room",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="passes",
                        to="orders.room",
                        verbose_name="ruang tunggu",
                    ),
                ),
            ],
            options={
                "verbose_name": "izin masuk toko",
                "verbose_name_plural": "izin masuk toko",
                "ordering": ["-id"],
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="Strip",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("first", models.BigIntegerField()),
                ("size", models.PositiveIntegerField()),
                ("used", models.PositiveIntegerField(null=True)),
                ("holder", models.CharField(max_length=32)),
                ("taken_at", models.DateTimeField()),
                ("until", models.DateTimeField()),
                (
                    "room",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="strips", to="orders.room"
                    ),
                ),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.AddConstraint(
            model_name="room",
            constraint=models.UniqueConstraint(
                condition=models.Q(("is_door", True)),
                fields=("reseller",),
                name="room_one_door_a_shop",
                nulls_distinct=False,
            ),
        ),
        migrations.AddConstraint(
            model_name="room",
            constraint=models.CheckConstraint(
                condition=models.Q(("serving__lt", models.F("next_number"))), name="room_calls_given_numbers"
            ),
        ),
        migrations.AddConstraint(
            model_name="room",
            constraint=models.CheckConstraint(
                condition=models.Q(("next_number__gte", 1), ("serving__gte", 0)), name="room_numbers_from_one"
            ),
        ),
        migrations.AddConstraint(
            model_name="room",
            constraint=models.CheckConstraint(condition=models.Q(("target__gt", 0)), name="room_has_target"),
        ),
        migrations.AddConstraint(
            model_name="room",
            constraint=models.CheckConstraint(
                condition=models.Q(("reentry_percent__lte", 100), ("share__lte", 100)), name="room_share_is_percent"
            ),
        ),
        migrations.AddConstraint(
            model_name="room",
            constraint=models.CheckConstraint(
                condition=models.Q(("grace_minutes__gt", 0), ("pass_minutes__gt", 0), ("pass_minutes__lte", 60)),
                name="room_gives_time",
            ),
        ),
        migrations.AddConstraint(
            model_name="outcome",
            constraint=models.UniqueConstraint(fields=("room", "minute"), name="outcome_once_a_minute"),
        ),
        migrations.AddIndex(
            model_name="mark",
            index=models.Index(fields=["room", "serving", "at"], name="mark_of_call"),
        ),
        migrations.AddConstraint(
            model_name="mark",
            constraint=models.UniqueConstraint(fields=("room", "at"), name="mark_once_a_moment"),
        ),
        migrations.AddConstraint(
            model_name="draw",
            constraint=models.UniqueConstraint(fields=("room", "first"), name="draw_first_is_new"),
        ),
        migrations.AddConstraint(
            model_name="draw",
            constraint=models.UniqueConstraint(
                condition=models.Q(("closed_at", None)), fields=("room",), name="draw_one_open_a_room"
            ),
        ),
        migrations.AddConstraint(
            model_name="draw",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("closed_at", None), ("count", None), ("drawn_at", None)),
                    models.Q(
                        ("closed_at__isnull", False),
                        ("count__gte", 0),
                        ("count__isnull", False),
                        ("drawn_at__gt", models.F("closed_at")),
                    ),
                    _connector="OR",
                ),
                name="draw_closed_whole",
            ),
        ),
        migrations.AddIndex(
            model_name="shoppass",
            index=models.Index(
                condition=models.Q(("used_at", None)), fields=["room", "expires_at"], name="pass_in_shop"
            ),
        ),
        migrations.AddIndex(
            model_name="shoppass",
            index=models.Index(fields=["room", "entered_at"], name="pass_entered"),
        ),
        migrations.AddConstraint(
            model_name="shoppass",
            constraint=models.UniqueConstraint(fields=("room", "number", "turn"), name="pass_once_a_turn"),
        ),
        migrations.AddConstraint(
            model_name="shoppass",
            constraint=models.UniqueConstraint(fields=("room", "guest"), name="pass_once_a_guest"),
        ),
        migrations.AddConstraint(
            model_name="shoppass",
            constraint=models.CheckConstraint(
                condition=models.Q(("turn__in", [1, 2])), name="pass_turn_is_first_or_second"
            ),
        ),
        migrations.AddConstraint(
            model_name="shoppass",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("guest__isnull", False), ("number", None), ("rank", None), ("turn", 1)),
                    models.Q(
                        ("guest", None),
                        ("number__gt", 0),
                        ("number__isnull", False),
                        ("rank__gt", 0),
                        ("rank__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="pass_of_number_or_guest",
            ),
        ),
        migrations.AddConstraint(
            model_name="shoppass",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("used_at", None), ("used_for", "")),
                    models.Q(("used_at__isnull", False), models.Q(("used_for", ""), _negated=True)),
                    _connector="OR",
                ),
                name="pass_used_paired",
            ),
        ),
        migrations.AddConstraint(
            model_name="shoppass",
            constraint=models.CheckConstraint(
                condition=models.Q(("expires_at__gt", models.F("entered_at"))), name="pass_ends_after_it_begins"
            ),
        ),
        migrations.AddConstraint(
            model_name="strip",
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(
                expressions=[
                    ("room", "="),
                    (
                        models.Func(
                            models.F("first"),
                            django.db.models.expressions.CombinedExpression(models.F("first"), "+", models.F("size")),
                            models.Value("[)"),
                            function="int8range",
                            output_field=django.contrib.postgres.fields.ranges.BigIntegerRangeField(),
                        ),
                        "&&",
                    ),
                ],
                name="strip_numbers_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="strip",
            constraint=models.CheckConstraint(
                condition=models.Q(("first__gt", 0), ("size__gt", 0)), name="strip_not_empty"
            ),
        ),
        migrations.AddConstraint(
            model_name="strip",
            constraint=models.CheckConstraint(
                condition=models.Q(("used", None), ("used__lte", models.F("size")), _connector="OR"),
                name="strip_used_fits",
            ),
        ),
        migrations.AddIndex(
            model_name="strip",
            index=models.Index(fields=["room", "first"], name="strip_in_line"),
        ),
        enforce_arrows(table="orders_room", arrows=ARROWS),
        migrations.RunSQL(ONLY_RISES, MAY_FALL),
        migrations.RunSQL(DRAWN_ONCE, DRAWN_AGAIN),
        migrations.RunSQL(NUMBER_WAS_CALLED, NUMBER_UNKNOWN),
    ]

"""Incidents, what is measured of the service, and recoveries."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from meterai.arrows import enforce_arrows, forbid_changes


class Migration(migrations.Migration):
    dependencies = [
        ("meterai", "0007_taking_extents_first"),
        ("support", "0002_refusals"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Day",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("day", models.DateField(verbose_name="hari")),
                (
                    "component",
                    models.CharField(
                        choices=[
                            ("buying", "Membeli"),
                            ("paying", "Membayar"),
                            ("affixing", "Membubuhkan"),
                            ("verifying", "Memeriksa keaslian"),
                            ("complaining", "Mengadu"),
                        ],
                        max_length=12,
                        verbose_name="layanan",
                    ),
                ),
                ("normal", models.PositiveIntegerField(default=0, verbose_name="normal")),
                ("slow", models.PositiveIntegerField(default=0, verbose_name="lambat")),
                ("disturbed", models.PositiveIntegerField(default=0, verbose_name="terganggu")),
                ("down", models.PositiveIntegerField(default=0, verbose_name="tidak berjalan")),
                ("unknown", models.PositiveIntegerField(default=0, verbose_name="belum ada data")),
            ],
            options={
                "verbose_name": "hari layanan",
                "verbose_name_plural": "hari layanan",
                "constraints": [models.UniqueConstraint(fields=("day", "component"), name="day_of_component_once")],
            },
        ),
        migrations.CreateModel(
            name="Incident",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("code", models.CharField(max_length=12, unique=True, verbose_name="nomor gangguan")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("investigating", "diselidiki"),
                            ("identified", "sebabnya ditemukan"),
                            ("watching", "diperbaiki, diawasi"),
                            ("resolved", "selesai"),
                        ],
                        default="investigating",
                        max_length=14,
                        verbose_name="status",
                    ),
                ),
                ("title_id", models.CharField(max_length=120, verbose_name="judul (Indonesia)")),
                ("title_en", models.CharField(max_length=120, verbose_name="judul (Inggris)")),
                ("text_id", models.TextField(verbose_name="yang terjadi (Indonesia)")),
                ("text_en", models.TextField(verbose_name="yang terjadi (Inggris)")),
                (
                    "components",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(
                            choices=[
                                ("buying", "Membeli"),
                                ("paying", "Membayar"),
                                ("affixing", "Membubuhkan"),
                                ("verifying", "Memeriksa keaslian"),
                                ("complaining", "Mengadu"),
                            ],
                            max_length=12,
                        ),
                        size=None,
                        verbose_name="layanan yang terkena",
                    ),
                ),
                (
                    "cause",
                    models.CharField(
                        choices=[
                            ("issuer", "penerbit"),
                            ("us", "layanan ini"),
                            ("gateway", "gerbang pembayaran"),
                            ("reseller", "reseller"),
                        ],
                        max_length=10,
                        verbose_name="penyebab",
                    ),
                ),
                (
                    "severity",
                    models.CharField(
                        choices=[
                            ("minor", "ringan: berjalan, tetapi lambat"),
                            ("major", "berat: banyak yang gagal"),
                            ("critical", "mati: tidak berjalan"),
                        ],
                        max_length=10,
                        verbose_name="beratnya",
                    ),
                ),
                ("begun_at", models.DateTimeField(verbose_name="mulai")),
                ("ended_at", models.DateTimeField(blank=True, null=True, verbose_name="berakhir")),
                (
                    "opened_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="dibuka oleh",
                    ),
                ),
                (
                    "reseller",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="meterai.reseller",
                        verbose_name="reseller",
                    ),
                ),
            ],
            options={
                "verbose_name": "gangguan",
                "verbose_name_plural": "gangguan",
                "ordering": ["-begun_at", "-id"],
                "permissions": [("manage_incident", "Can open, update and end public incidents")],
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="IncidentUpdate",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(verbose_name="waktu")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("investigating", "diselidiki"),
                            ("identified", "sebabnya ditemukan"),
                            ("watching", "diperbaiki, diawasi"),
                            ("resolved", "selesai"),
                        ],
                        max_length=14,
                        verbose_name="status",
                    ),
                ),
                (
                    "severity",
                    models.CharField(
                        choices=[
                            ("minor", "ringan: berjalan, tetapi lambat"),
                            ("major", "berat: banyak yang gagal"),
                            ("critical", "mati: tidak berjalan"),
                        ],
                        max_length=10,
                        verbose_name="beratnya",
                    ),
                ),
                ("text_id", models.TextField(verbose_name="kabar (Indonesia)")),
                ("text_en", models.TextField(verbose_name="kabar (Inggris)")),
                ("token", models.UUIDField(blank=True, editable=False, null=True, unique=True)),
                (
                    "by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="ditulis oleh",
                    ),
                ),
                (
                    "incident",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="updates",
                        to="support.incident",
                        verbose_name="gangguan",
                    ),
                ),
            ],
            options={
                "verbose_name": "kabar gangguan",
                "verbose_name_plural": "kabar gangguan",
                "ordering": ["at", "id"],
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="Measurement",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(unique=True, verbose_name="waktu")),
                ("mark", models.BigIntegerField(editable=False)),
                ("seen", models.BigIntegerField(editable=False)),
                ("counts", models.JSONField(default=dict, verbose_name="hitungan")),
                ("verdict", models.JSONField(default=dict, verbose_name="keadaan")),
            ],
            options={
                "verbose_name": "pengukuran layanan",
                "verbose_name_plural": "pengukuran layanan",
                "get_latest_by": "at",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("seen__gte", models.F("mark"))), name="measurement_reads_on"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Recovery",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("affixing", "1. menyelesaikan pembubuhan"),
                            ("crediting", "2. menyerahkan yang sudah dibayar"),
                            ("reopening", "3. membuka penjualan bertahap"),
                            ("done", "selesai"),
                        ],
                        default="affixing",
                        max_length=10,
                        verbose_name="tahap",
                    ),
                ),
                ("share", models.PositiveSmallIntegerField(default=0, verbose_name="bagian penjualan (persen)")),
                ("begun_at", models.DateTimeField(verbose_name="mulai")),
                ("ended_at", models.DateTimeField(blank=True, null=True, verbose_name="berakhir")),
            ],
            options={
                "verbose_name": "pemulihan",
                "verbose_name_plural": "pemulihan",
                "ordering": ["-begun_at"],
                "permissions": [("lead_recovery", "Can begin a recovery and take its steps")],
                "default_permissions": ("view",),
                "constraints": [
                    models.UniqueConstraint(
                        models.Value(1), condition=models.Q(("ended_at", None)), name="recovery_one_at_a_time"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("share", 0), ("state__in", ["affixing", "crediting"])),
                            models.Q(("share__lte", 100), ("state", "reopening")),
                            models.Q(("share", 100), ("state", "done")),
                            _connector="OR",
                        ),
                        name="recovery_sells_last",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("ended_at__isnull", False), ("state", "done")),
                            models.Q(models.Q(("state", "done"), _negated=True), ("ended_at", None)),
                            _connector="OR",
                        ),
                        name="recovery_ended_paired",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="RecoveryStep",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(verbose_name="waktu")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("begin", "pemulihan dimulai"),
                            ("advance", "tahap berikutnya"),
                            ("override", "tahap berikutnya walau belum tuntas"),
                            ("share", "bagian penjualan diubah"),
                            ("back", "kembali ke tahap 1"),
                            ("end", "pemulihan selesai"),
                        ],
                        max_length=10,
                        verbose_name="langkah",
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("affixing", "1. menyelesaikan pembubuhan"),
                            ("crediting", "2. menyerahkan yang sudah dibayar"),
                            ("reopening", "3. membuka penjualan bertahap"),
                            ("done", "selesai"),
                        ],
                        max_length=10,
                        verbose_name="tahap",
                    ),
                ),
                ("share", models.PositiveSmallIntegerField(verbose_name="bagian penjualan (persen)")),
                ("reason", models.CharField(max_length=160, verbose_name="alasan")),
                ("figures", models.JSONField(default=dict, verbose_name="angka saat itu")),
                (
                    "by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, to=settings.AUTH_USER_MODEL, verbose_name="oleh"
                    ),
                ),
                (
                    "recovery",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="steps",
                        to="support.recovery",
                        verbose_name="pemulihan",
                    ),
                ),
            ],
            options={
                "verbose_name": "langkah pemulihan",
                "verbose_name_plural": "langkah pemulihan",
                "ordering": ["at", "id"],
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="Tally",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("minute", models.DateTimeField(verbose_name="menit")),
                (
                    "component",
                    models.CharField(
                        choices=[
                            ("buying", "Membeli"),
                            ("paying", "Membayar"),
                            ("affixing", "Membubuhkan"),
                            ("verifying", "Memeriksa keaslian"),
                            ("complaining", "Mengadu"),
                        ],
                        max_length=12,
                        verbose_name="layanan",
                    ),
                ),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("done", "berhasil"),
                            ("slow", "berhasil, tetapi lama"),
                            ("failed", "gagal di pihak kami"),
                        ],
                        max_length=8,
                        verbose_name="hasil",
                    ),
                ),
                ("n", models.PositiveIntegerField(verbose_name="banyaknya")),
            ],
            options={
                "verbose_name": "hitungan percobaan",
                "verbose_name_plural": "hitungan percobaan",
                "constraints": [
                    models.UniqueConstraint(fields=("minute", "component", "outcome"), name="tally_once"),
                    models.CheckConstraint(condition=models.Q(("n__gt", 0)), name="tally_counts_something"),
                ],
            },
        ),
        migrations.AddIndex(
            model_name="incident",
            index=models.Index(condition=models.Q(("ended_at", None)), fields=["begun_at"], name="incident_open"),
        ),
        migrations.AddIndex(
            model_name="incident",
            index=models.Index(
                condition=models.Q(("ended_at__isnull", False)), fields=["-ended_at"], name="incident_ended"
            ),
        ),
        migrations.AddConstraint(
            model_name="incident",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("ended_at__isnull", False), ("state", "resolved")),
                    models.Q(models.Q(("state", "resolved"), _negated=True), ("ended_at", None)),
                    _connector="OR",
                ),
                name="incident_ended_paired",
            ),
        ),
        migrations.AddConstraint(
            model_name="incident",
            constraint=models.CheckConstraint(
                condition=models.Q(("ended_at", None), ("ended_at__gte", models.F("begun_at")), _connector="OR"),
                name="incident_in_order",
            ),
        ),
        migrations.AddConstraint(
            model_name="incident",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["investigating", "identified", "watching", "resolved"])),
                name="incident_known_state",
            ),
        ),
        migrations.AddConstraint(
            model_name="incident",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("title_id", ""), _negated=True),
                    models.Q(("title_en", ""), _negated=True),
                    models.Q(("text_id", ""), _negated=True),
                    models.Q(("text_en", ""), _negated=True),
                ),
                name="incident_in_two_languages",
            ),
        ),
        migrations.AddConstraint(
            model_name="incident",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("components__len__gt", 0),
                    ("components__contained_by", ["buying", "paying", "affixing", "verifying", "complaining"]),
                ),
                name="incident_hits_something",
            ),
        ),
        migrations.AddConstraint(
            model_name="incident",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("cause", "reseller"), ("reseller__isnull", False)),
                    models.Q(models.Q(("cause", "reseller"), _negated=True), ("reseller", None)),
                    _connector="OR",
                ),
                name="incident_cause_paired",
            ),
        ),
        migrations.AddConstraint(
            model_name="incidentupdate",
            constraint=models.CheckConstraint(
                condition=models.Q(models.Q(("text_id", ""), _negated=True), models.Q(("text_en", ""), _negated=True)),
                name="incident_update_in_two_languages",
            ),
        ),
        migrations.AddConstraint(
            model_name="recoverystep",
            constraint=models.CheckConstraint(
                condition=models.Q(("reason", ""), _negated=True), name="recovery_step_has_reason"
            ),
        ),
        enforce_arrows(
            table="support_incident",
            arrows=[
                ("investigating", "identified"),
                ("investigating", "watching"),
                ("investigating", "resolved"),
                ("identified", "watching"),
                ("identified", "resolved"),
                ("identified", "investigating"),
                ("watching", "resolved"),
                ("watching", "investigating"),
                ("resolved", "investigating"),
            ],
        ),
        enforce_arrows(
            table="support_recovery",
            arrows=[
                ("affixing", "crediting"),
                ("crediting", "reopening"),
                ("reopening", "done"),
                ("reopening", "affixing"),
            ],
        ),
        forbid_changes(table="support_incidentupdate"),
        forbid_changes(table="support_recoverystep"),
    ]

"""A ZIP of documents under an order, and a row for each file in it."""

import django.db.models.deletion
from django.db import migrations, models

from meterai.arrows import enforce_arrows


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0007_seen_too_late"),
        ("stamping", "0007_repairs"),
    ]

    operations = [
        migrations.CreateModel(
            name="Bundle",
            fields=[
                ("id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("sent", "sedang diperiksa"),
                            ("checked", "menunggu persetujuan"),
                            ("refused", "ditolak"),
                            ("confirmed", "disetujui"),
                            ("erased", "dihapus"),
                        ],
                        default="sent",
                        max_length=10,
                        verbose_name="status",
                    ),
                ),
                ("source", models.CharField(blank=True, editable=False, max_length=200)),
                ("list_beside", models.TextField(blank=True, editable=False)),
                ("length", models.PositiveBigIntegerField(default=0, verbose_name="besar berkas")),
                ("mistakes", models.JSONField(default=list, editable=False, verbose_name="baris yang salah")),
                ("has_list", models.BooleanField(default=False, verbose_name="dengan daftar tempat")),
                ("failure", models.CharField(blank=True, max_length=40, verbose_name="sebab ditolak")),
                ("created_at", models.DateTimeField(verbose_name="diunggah pada")),
                ("listed_at", models.DateTimeField(blank=True, null=True, verbose_name="dibongkar pada")),
                ("checked_at", models.DateTimeField(blank=True, null=True, verbose_name="selesai diperiksa pada")),
                ("confirmed_at", models.DateTimeField(blank=True, null=True, verbose_name="disetujui pada")),
                ("claimed_until", models.DateTimeField(blank=True, editable=False, null=True)),
                ("attempts", models.PositiveIntegerField(default=0, verbose_name="giliran pekerja")),
                ("idempotency_key", models.CharField(editable=False, max_length=80, unique=True)),
                ("idempotency_digest", models.CharField(editable=False, max_length=64)),
                (
                    "order",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="bundles",
                        to="orders.order",
                        verbose_name="pesanan",
                    ),
                ),
            ],
            options={
                "verbose_name": "kumpulan dokumen",
                "verbose_name_plural": "kumpulan dokumen",
                "ordering": ["-created_at"],
            },
        ),
        migrations.CreateModel(
            name="BundleFile",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "belum diperiksa"),
                            ("ready", "siap"),
                            ("refused", "ditolak"),
                            ("taken", "disetujui"),
                            ("left", "meterainya kurang"),
                        ],
                        default="waiting",
                        max_length=10,
                        verbose_name="status",
                    ),
                ),
                ("ordinal", models.PositiveIntegerField(verbose_name="urutan")),
                ("position", models.PositiveIntegerField(editable=False)),
                ("name", models.CharField(max_length=220, verbose_name="nama berkas")),
                ("code", models.CharField(blank=True, max_length=40, verbose_name="sebab ditolak")),
                ("line", models.PositiveIntegerField(default=0, verbose_name="baris daftar")),
                ("asked", models.JSONField(default=dict, editable=False)),
                ("sha256", models.CharField(blank=True, max_length=64, verbose_name="SHA-256")),
                ("how", models.CharField(blank=True, max_length=20)),
                ("covers", models.BooleanField(default=False)),
                ("attempts", models.PositiveIntegerField(default=0, editable=False)),
                (
                    "bundle",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="files", to="stamping.bundle"
                    ),
                ),
                (
                    "document",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="bundle_files",
                        to="stamping.document",
                    ),
                ),
            ],
            options={
                "verbose_name": "berkas dalam kumpulan",
                "verbose_name_plural": "berkas dalam kumpulan",
                "ordering": ["bundle", "ordinal"],
            },
        ),
        migrations.AddIndex(
            model_name="bundle",
            index=models.Index(condition=models.Q(("state", "sent")), fields=["claimed_until"], name="bundle_to_check"),
        ),
        migrations.AddIndex(
            model_name="bundle",
            index=models.Index(
                condition=models.Q(("state", "erased"), _negated=True), fields=["created_at"], name="bundle_to_erase"
            ),
        ),
        migrations.AddConstraint(
            model_name="bundle",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["sent", "checked", "refused", "confirmed", "erased"])),
                name="bundle_known_state",
            ),
        ),
        migrations.AddConstraint(
            model_name="bundle",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "sent"), _negated=True),
                    models.Q(models.Q(("source", ""), _negated=True), ("claimed_until__isnull", False)),
                    _connector="OR",
                ),
                name="bundle_sent_has_source",
            ),
        ),
        migrations.AddConstraint(
            model_name="bundle",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "refused"), _negated=True),
                    models.Q(("failure", ""), _negated=True),
                    _connector="OR",
                ),
                name="bundle_refused_says_why",
            ),
        ),
        migrations.AddConstraint(
            model_name="bundle",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state__in", ["checked", "confirmed"]), _negated=True),
                    models.Q(("checked_at__isnull", False), ("listed_at__isnull", False)),
                    _connector="OR",
                ),
                name="bundle_checked_is_dated",
            ),
        ),
        migrations.AddConstraint(
            model_name="bundle",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "confirmed"), _negated=True), ("confirmed_at__isnull", False), _connector="OR"
                ),
                name="bundle_confirmed_is_dated",
            ),
        ),
        migrations.AddConstraint(
            model_name="bundlefile",
            constraint=models.UniqueConstraint(fields=("bundle", "name"), name="bundlefile_one_a_name"),
        ),
        migrations.AddConstraint(
            model_name="bundlefile",
            constraint=models.UniqueConstraint(fields=("bundle", "ordinal"), name="bundlefile_one_an_ordinal"),
        ),
        migrations.AddConstraint(
            model_name="bundlefile",
            constraint=models.UniqueConstraint(fields=("document",), name="bundlefile_one_a_document"),
        ),
        migrations.AddConstraint(
            model_name="bundlefile",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state__in", ("ready", "taken", "left"))),
                fields=("bundle", "sha256"),
                name="bundlefile_same_bytes_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="bundlefile",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["waiting", "ready", "refused", "taken", "left"])),
                name="bundlefile_known_state",
            ),
        ),
        migrations.AddConstraint(
            model_name="bundlefile",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state__in", ("ready", "taken", "left")), _negated=True),
                    models.Q(("document__isnull", False), models.Q(("sha256", ""), _negated=True)),
                    _connector="OR",
                ),
                name="bundlefile_ready_has_document",
            ),
        ),
        migrations.AddConstraint(
            model_name="bundlefile",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "refused"), models.Q(("code", ""), _negated=True)),
                    models.Q(models.Q(("state", "refused"), _negated=True), ("code", "")),
                    _connector="OR",
                ),
                name="bundlefile_refused_says_why",
            ),
        ),
        enforce_arrows(
            table="stamping_bundle",
            arrows=[
                ("sent", "checked"),
                ("sent", "refused"),
                ("checked", "confirmed"),
                ("checked", "erased"),
                ("refused", "erased"),
                ("confirmed", "erased"),
            ],
        ),
        enforce_arrows(
            table="stamping_bundlefile",
            arrows=[
                ("waiting", "ready"),
                ("waiting", "refused"),
                ("ready", "taken"),
                ("ready", "left"),
                ("ready", "refused"),
            ],
        ),
    ]

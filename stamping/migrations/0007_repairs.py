"""Repairs are offered and chosen; until then a document that needs one can be neither placed nor sealed."""

import django.db.models.deletion
from django.db import migrations, models

from meterai.arrows import enforce_arrows

BEFORE = [
    ("draft", "erased"),
    ("draft", "placed"),
    ("placed", "erased"),
    ("placed", "queued"),
    ("queued", "failed"),
    ("queued", "sealed"),
    ("failed", "erased"),
    ("sealed", "erased"),
]


class Migration(migrations.Migration):
    dependencies = [("stamping", "0006_unanswered")]

    operations = [
        migrations.AlterField(
            model_name="document",
            name="state",
            field=models.CharField(
                choices=[
                    ("unfit", "perlu diperbaiki"),
                    ("draft", "diunggah"),
                    ("placed", "tempat meterai dipilih"),
                    ("queued", "antre pembubuhan"),
                    ("sealed", "terbubuhkan"),
                    ("failed", "gagal, meterai dikembalikan ke pembeli"),
                    ("erased", "dihapus"),
                ],
                default="draft",
                max_length=10,
                verbose_name="status",
            ),
        ),
        enforce_arrows(
            table="stamping_document",
            arrows=[*BEFORE, ("placed", "draft"), ("unfit", "draft"), ("unfit", "erased")],
        ),
        migrations.CreateModel(
            name="Repair",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("structure", "susunan berkas"),
                            ("size", "ukuran berkas"),
                            ("page_size", "ukuran halaman"),
                            ("version", "versi PDF"),
                        ],
                        max_length=10,
                        verbose_name="jenis",
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[("offered", "ditawarkan"), ("chosen", "dipakai"), ("dropped", "tidak dipakai")],
                        default="offered",
                        max_length=10,
                        verbose_name="status",
                    ),
                ),
                ("before_sha256", models.CharField(max_length=64, verbose_name="SHA-256 sebelum")),
                ("before_bytes", models.PositiveIntegerField(verbose_name="ukuran sebelum")),
                ("after_sha256", models.CharField(max_length=64, verbose_name="SHA-256 sesudah")),
                ("after_bytes", models.PositiveIntegerField(verbose_name="ukuran sesudah")),
                ("file", models.CharField(blank=True, editable=False, max_length=200)),
                ("measures", models.JSONField(default=dict, verbose_name="hasil ukur")),
                ("made_at", models.DateTimeField(verbose_name="dibuat pada")),
                ("decided_at", models.DateTimeField(blank=True, null=True, verbose_name="diputuskan pada")),
                (
                    "document",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="repairs",
                        to="stamping.document",
                        verbose_name="dokumen",
                    ),
                ),
            ],
            options={
                "verbose_name": "perbaikan",
                "verbose_name_plural": "perbaikan",
                "ordering": ["made_at"],
                "indexes": [
                    models.Index(
                        condition=models.Q(
                            models.Q(("state", "offered"), _negated=True), models.Q(("file", ""), _negated=True)
                        ),
                        fields=["decided_at"],
                        name="repair_to_tidy",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "offered")),
                        fields=("document", "kind"),
                        name="repair_one_offer_a_kind",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["structure", "size", "page_size", "version"])),
                        name="repair_known_kind",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(models.Q(("file", ""), _negated=True), ("decided_at", None), ("state", "offered")),
                            models.Q(("decided_at__isnull", False), ("state__in", ["chosen", "dropped"])),
                            _connector="OR",
                        ),
                        name="repair_offer_has_file",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("after_sha256", models.F("before_sha256")), _negated=True),
                        name="repair_changes_the_file",
                    ),
                ],
            },
        ),
        enforce_arrows(table="stamping_repair", arrows=[("offered", "chosen"), ("offered", "dropped")]),
    ]

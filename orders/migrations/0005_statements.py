"""Statements of our own bank account."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from meterai.arrows import enforce_arrows, forbid_changes


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0004_checkout"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="BankStatement",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("bank", models.CharField(max_length=60, verbose_name="rekening")),
                ("layout", models.CharField(max_length=20, verbose_name="bentuk berkas")),
                ("digest", models.CharField(max_length=64, verbose_name="SHA-256 berkas")),
                ("name", models.CharField(blank=True, max_length=100, verbose_name="nama berkas")),
                ("uploaded_at", models.DateTimeField(verbose_name="diunggah pada")),
                ("new_credits", models.PositiveIntegerField(default=0, verbose_name="uang masuk baru")),
                ("known_credits", models.PositiveIntegerField(default=0, verbose_name="uang masuk yang sudah dikenal")),
                ("debits", models.PositiveIntegerField(default=0, verbose_name="uang keluar, dilewati")),
                ("refused_lines", models.JSONField(blank=True, default=list, verbose_name="baris ditolak")),
                (
                    "uploaded_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="diunggah oleh",
                    ),
                ),
            ],
            options={
                "verbose_name": "mutasi rekening",
                "verbose_name_plural": "mutasi rekening",
                "ordering": ["-id"],
                "default_permissions": ("add", "view"),
            },
        ),
        migrations.CreateModel(
            name="BankEntry",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("line", models.PositiveIntegerField(verbose_name="baris")),
                ("bank", models.CharField(max_length=60, verbose_name="rekening")),
                ("date", models.DateField(verbose_name="tanggal")),
                ("amount", models.PositiveBigIntegerField(verbose_name="jumlah")),
                ("description", models.CharField(blank=True, max_length=500, verbose_name="keterangan bank")),
                ("reference", models.CharField(blank=True, max_length=80, verbose_name="nomor di bank")),
                ("digest", models.CharField(editable=False, max_length=64)),
                ("ordinal", models.PositiveIntegerField(default=1, verbose_name="ke berapa dari yang sama")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("new", "menunggu dicocokkan"),
                            ("matched", "cocok"),
                            ("unmatched", "belum cocok"),
                            ("aside", "bukan untuk pesanan"),
                        ],
                        default="new",
                        max_length=10,
                        verbose_name="status",
                    ),
                ),
                (
                    "cause",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("no_code", "tidak menyebut kode pesanan yang ada"),
                            ("several", "menyebut lebih dari satu pesanan"),
                            ("no_transfer", "pesanan ini tidak memilih transfer"),
                            ("ended", "pembayarannya sudah dikembalikan atau ditarik"),
                            ("unsettled", "uang lebih ini belum tercatat untuk dikembalikan"),
                        ],
                        max_length=12,
                        verbose_name="sebab belum cocok",
                    ),
                ),
                ("decided_at", models.DateTimeField(blank=True, null=True, verbose_name="diputuskan pada")),
                ("reason", models.CharField(blank=True, max_length=500, verbose_name="alasan")),
                ("next_try_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("attempts", models.PositiveIntegerField(default=0, editable=False)),
                (
                    "decided_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="diputuskan oleh",
                    ),
                ),
                (
                    "payment",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="bank_entries",
                        to="orders.payment",
                        verbose_name="pembayaran",
                    ),
                ),
                (
                    "statement",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="entries",
                        to="orders.bankstatement",
                        verbose_name="mutasi rekening",
                    ),
                ),
            ],
            options={
                "verbose_name": "uang masuk",
                "verbose_name_plural": "uang masuk",
                "ordering": ["-date", "-id"],
                "permissions": [("match_bankentry", "Can decide by hand what a transfer was for")],
                "default_permissions": ("view",),
            },
        ),
        migrations.AddConstraint(
            model_name="bankstatement",
            constraint=models.UniqueConstraint(fields=("digest",), name="statement_file_once"),
        ),
        migrations.AddIndex(
            model_name="bankentry",
            index=models.Index(condition=models.Q(("state", "new")), fields=["next_try_at"], name="entry_to_match"),
        ),
        migrations.AddIndex(
            model_name="bankentry",
            index=models.Index(condition=models.Q(("state", "unmatched")), fields=["date"], name="entry_for_a_person"),
        ),
        migrations.AddConstraint(
            model_name="bankentry",
            constraint=models.UniqueConstraint(fields=("bank", "digest", "ordinal"), name="entry_once_a_bank"),
        ),
        migrations.AddConstraint(
            model_name="bankentry",
            constraint=models.CheckConstraint(condition=models.Q(("amount__gt", 0)), name="entry_has_amount"),
        ),
        migrations.AddConstraint(
            model_name="bankentry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("payment__isnull", False), ("state", "matched")),
                    models.Q(models.Q(("state", "matched"), _negated=True), ("payment", None)),
                    _connector="OR",
                ),
                name="entry_matched_has_payment",
            ),
        ),
        migrations.AddConstraint(
            model_name="bankentry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "unmatched"), _negated=True),
                    models.Q(("cause", ""), _negated=True),
                    _connector="OR",
                ),
                name="entry_unmatched_has_cause",
            ),
        ),
        migrations.AddConstraint(
            model_name="bankentry",
            constraint=models.CheckConstraint(
                condition=models.Q(("decided_by", None), models.Q(("reason", ""), _negated=True), _connector="OR"),
                name="entry_decided_has_reason",
            ),
        ),
        migrations.AddConstraint(
            model_name="bankentry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "aside"), _negated=True), ("decided_by__isnull", False), _connector="OR"
                ),
                name="entry_aside_by_a_person",
            ),
        ),
        enforce_arrows(
            table="orders_bankentry",
            arrows=[
                ("new", "matched"),
                ("new", "unmatched"),
                ("unmatched", "matched"),
                ("unmatched", "aside"),
                ("aside", "matched"),
            ],
        ),
        forbid_changes(table="orders_bankstatement"),
    ]

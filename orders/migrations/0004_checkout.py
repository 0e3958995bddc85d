"""The checkout whole: what came and went back, receipts, discrepancies, settlements, allowances."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from meterai.arrows import enforce_arrows

# Deferred checks first: a table with checks to come cannot be altered.
COUNT_WHAT_CAME = """
SET CONSTRAINTS ALL IMMEDIATE;
UPDATE orders_payment SET received = amount WHERE state IN ('paid', 'reversed', 'refunded');
UPDATE orders_payment payment SET refunded = least(refund.amount, payment.received)
FROM orders_refund refund WHERE refund.payment_id = payment.id;
UPDATE orders_notification SET next_try_at = received_at WHERE processed_at IS NULL;
SET CONSTRAINTS ALL DEFERRED;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("meterai", "0006_chaining"),
        ("orders", "0003_recalledstock"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Allowance",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("person", models.CharField(max_length=64)),
                ("first_day", models.DateField(verbose_name="dari tanggal")),
                ("taken", models.PositiveIntegerField(default=0, verbose_name="diambil")),
                ("most", models.PositiveIntegerField(verbose_name="paling banyak")),
            ],
            options={
                "verbose_name": "jatah pembelian",
                "verbose_name_plural": "jatah pembelian",
            },
        ),
        migrations.CreateModel(
            name="Discrepancy",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("amount", "uang masuk tidak sama dengan tagihan"),
                            ("reversed", "uang ditarik kembali, meterai sudah dipakai"),
                            ("refund", "pengembalian dana ditolak gerbang"),
                            ("unknown", "pemberitahuan tentang pembayaran yang tidak kita kenal"),
                            ("not_settled", "lunas di sini, tidak ada di laporan gerbang"),
                            ("not_paid", "ada di laporan gerbang, tidak lunas di sini"),
                            ("settled_amount", "jumlah di laporan gerbang berbeda"),
                        ],
                        max_length=16,
                        verbose_name="jenis",
                    ),
                ),
                ("subject", models.CharField(max_length=120, verbose_name="tentang")),
                (
                    "state",
                    models.CharField(
                        choices=[("open", "terbuka"), ("closed", "selesai")],
                        default="open",
                        max_length=10,
                        verbose_name="status",
                    ),
                ),
                ("expected", models.BigIntegerField(blank=True, null=True, verbose_name="seharusnya")),
                ("found", models.BigIntegerField(blank=True, null=True, verbose_name="ternyata")),
                ("note", models.CharField(blank=True, max_length=200, verbose_name="keterangan")),
                ("opened_at", models.DateTimeField(verbose_name="ditemukan pada")),
                ("closed_at", models.DateTimeField(blank=True, null=True, verbose_name="diselesaikan pada")),
                ("resolution", models.CharField(blank=True, max_length=400, verbose_name="penyelesaian")),
            ],
            options={
                "verbose_name": "selisih",
                "verbose_name_plural": "selisih",
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="Receipt",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[("payment", "kuitansi"), ("refund", "nota pengembalian")],
                        max_length=10,
                        verbose_name="jenis",
                    ),
                ),
                ("number", models.PositiveIntegerField(blank=True, null=True, verbose_name="nomor")),
                ("created_at", models.DateTimeField(verbose_name="dibuat pada")),
                ("issued_at", models.DateTimeField(blank=True, null=True, verbose_name="diberi nomor pada")),
                ("buyer_name", models.CharField(blank=True, max_length=80, verbose_name="nama pembeli")),
            ],
            options={
                "verbose_name": "kuitansi",
                "verbose_name_plural": "kuitansi",
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="RefundedStamp",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
            ],
            options={
                "verbose_name": "meterai yang dikembalikan",
                "verbose_name_plural": "meterai yang dikembalikan",
            },
        ),
        migrations.CreateModel(
            name="Series",
            fields=[
                ("name", models.CharField(max_length=12, primary_key=True, serialize=False, verbose_name="seri")),
                ("last", models.PositiveIntegerField(default=0, verbose_name="nomor terakhir")),
            ],
            options={
                "verbose_name": "seri nomor",
                "verbose_name_plural": "seri nomor",
            },
        ),
        migrations.CreateModel(
            name="Settlement",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("gateway", models.CharField(max_length=20, verbose_name="gerbang pembayaran")),
                ("name", models.CharField(max_length=120, verbose_name="nama berkas")),
                ("sha256", models.CharField(max_length=64, verbose_name="SHA-256 berkas")),
                ("taken_in_at", models.DateTimeField(verbose_name="dibaca pada")),
                ("first_day", models.DateField(blank=True, null=True, verbose_name="dari tanggal")),
                ("last_day", models.DateField(blank=True, null=True, verbose_name="sampai tanggal")),
            ],
            options={
                "verbose_name": "laporan penyelesaian",
                "verbose_name_plural": "laporan penyelesaian",
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="SettlementRow",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("line", models.PositiveIntegerField(verbose_name="baris")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("payment", "pembayaran"),
                            ("refund", "pengembalian"),
                            ("reversal", "penarikan kembali"),
                        ],
                        max_length=10,
                        verbose_name="jenis",
                    ),
                ),
                ("gateway_reference", models.CharField(db_index=True, max_length=80, verbose_name="nomor di gerbang")),
                ("reference", models.CharField(blank=True, max_length=80, verbose_name="nomor kita")),
                ("gross", models.PositiveIntegerField(verbose_name="jumlah")),
                ("fee", models.PositiveIntegerField(default=0, verbose_name="biaya gerbang")),
                ("happened_at", models.DateTimeField(blank=True, null=True, verbose_name="terjadi pada")),
            ],
            options={
                "verbose_name": "baris laporan penyelesaian",
                "verbose_name_plural": "baris laporan penyelesaian",
                "ordering": ["settlement", "line"],
            },
        ),
        migrations.RemoveConstraint(
            model_name="order",
            name="order_paid_paired",
        ),
        migrations.RemoveConstraint(
            model_name="refund",
            name="refund_done_paired",
        ),
        migrations.RemoveIndex(
            model_name="notification",
            name="notification_to_do",
        ),
        migrations.RenameField(
            model_name="notice",
            old_name="email",
            new_name="address",
        ),
        migrations.AlterField(
            model_name="notice",
            name="address",
            field=models.CharField(max_length=254, verbose_name="kepada"),
        ),
        migrations.AddField(
            model_name="notice",
            name="channel",
            field=models.CharField(default="email", max_length=12, verbose_name="saluran"),
        ),
        migrations.AddField(
            model_name="notification",
            name="attempts",
            field=models.PositiveIntegerField(default=0, editable=False),
        ),
        migrations.AddField(
            model_name="notification",
            name="next_try_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name="payment",
            name="received",
            field=models.PositiveIntegerField(default=0, verbose_name="uang masuk"),
        ),
        migrations.AddField(
            model_name="payment",
            name="refunded",
            field=models.PositiveIntegerField(default=0, verbose_name="uang kembali"),
        ),
        migrations.AddField(
            model_name="refund",
            name="account_holder",
            field=models.CharField(blank=True, max_length=80, verbose_name="nama pemilik rekening"),
        ),
        migrations.AddField(
            model_name="refund",
            name="account_number",
            field=models.CharField(blank=True, max_length=34, verbose_name="nomor rekening"),
        ),
        migrations.AddField(
            model_name="refund",
            name="bank",
            field=models.CharField(blank=True, max_length=40, verbose_name="bank"),
        ),
        migrations.AddField(
            model_name="refund",
            name="idempotency_key",
            field=models.CharField(blank=True, editable=False, max_length=80, null=True, unique=True),
        ),
        migrations.AddField(
            model_name="refund",
            name="sent_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="dikirim pada"),
        ),
        migrations.AddField(
            model_name="refund",
            name="transfer_reference",
            field=models.CharField(blank=True, max_length=80, verbose_name="nomor bukti transfer"),
        ),
        migrations.AddField(
            model_name="refund",
            name="way",
            field=models.CharField(
                choices=[("gateway", "lewat gerbang pembayaran"), ("transfer", "transfer ke rekening pembeli")],
                default="gateway",
                max_length=10,
                verbose_name="cara",
            ),
        ),
        migrations.AlterField(
            model_name="order",
            name="state",
            field=models.CharField(
                choices=[
                    ("pending", "menunggu pembayaran"),
                    ("paid", "dibayar"),
                    ("expired", "kedaluwarsa"),
                    ("cancelled", "dibatalkan"),
                    ("refunded", "dikembalikan seluruhnya"),
                    ("reversed", "uangnya ditarik kembali"),
                ],
                default="pending",
                max_length=10,
                verbose_name="status",
            ),
        ),
        migrations.AlterField(
            model_name="refund",
            name="payment",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="refunds",
                to="orders.payment",
                verbose_name="pembayaran",
            ),
        ),
        migrations.AlterField(
            model_name="refund",
            name="reason",
            field=models.CharField(
                choices=[
                    ("surplus", "pesanan sudah dibayar sebelumnya"),
                    ("overpaid", "dibayar lebih dari yang ditagih"),
                    ("sold_out", "pembayaran terlambat dan stok habis"),
                    ("recalled", "stok ditarik penerbit dan tidak ada gantinya"),
                    ("amount", "jumlah yang dibayar tidak sama dengan tagihan"),
                    ("wish", "permintaan pembeli"),
                ],
                max_length=10,
                verbose_name="alasan",
            ),
        ),
        migrations.AlterField(
            model_name="refund",
            name="state",
            field=models.CharField(
                choices=[
                    ("account", "menunggu nomor rekening pembeli"),
                    ("requested", "diajukan"),
                    ("sent", "dikirim, menunggu kabar"),
                    ("done", "dikembalikan"),
                    ("cancelled", "batal: uangnya sudah ditarik bank"),
                ],
                default="requested",
                max_length=10,
                verbose_name="status",
            ),
        ),
        migrations.RunSQL(COUNT_WHAT_CAME, migrations.RunSQL.noop),
        migrations.AddIndex(
            model_name="notification",
            index=models.Index(
                condition=models.Q(("processed_at", None)), fields=["next_try_at"], name="notification_to_do"
            ),
        ),
        migrations.AddIndex(
            model_name="refund",
            index=models.Index(
                condition=models.Q(("next_try_at__isnull", False)), fields=["next_try_at"], name="refund_to_send"
            ),
        ),
        migrations.AddConstraint(
            model_name="order",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("paid_at__isnull", False), ("state__in", ["paid", "refunded", "reversed"])),
                    models.Q(("paid_at", None), ("state__in", ["pending", "expired", "cancelled"])),
                    _connector="OR",
                ),
                name="order_paid_paired",
            ),
        ),
        migrations.AddConstraint(
            model_name="payment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "paid"), _negated=True), ("received__gte", models.F("amount")), _connector="OR"
                ),
                name="payment_paid_in_full",
            ),
        ),
        migrations.AddConstraint(
            model_name="payment",
            constraint=models.CheckConstraint(
                condition=models.Q(("refunded__lte", models.F("received"))), name="payment_gives_back_what_came"
            ),
        ),
        migrations.AddConstraint(
            model_name="refund",
            constraint=models.CheckConstraint(condition=models.Q(("amount__gt", 0)), name="refund_has_amount"),
        ),
        migrations.AddConstraint(
            model_name="refund",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("done_at__isnull", False), ("state", "done")),
                    models.Q(models.Q(("state", "done"), _negated=True), ("done_at", None)),
                    _connector="OR",
                ),
                name="refund_done_paired",
            ),
        ),
        migrations.AddConstraint(
            model_name="refund",
            constraint=models.UniqueConstraint(
                condition=models.Q(("reason__in", ["wish", "overpaid"]), _negated=True),
                fields=("payment", "reason"),
                name="refund_once_a_reason",
            ),
        ),
        migrations.AddConstraint(
            model_name="refund",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state__in", ["requested", "sent"]), ("way", "transfer"), _negated=True),
                    models.Q(
                        models.Q(("bank", ""), _negated=True),
                        models.Q(("account_number", ""), _negated=True),
                        models.Q(("account_holder", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="refund_transfer_has_account",
            ),
        ),
        migrations.AddConstraint(
            model_name="refund",
            constraint=models.CheckConstraint(
                condition=models.Q(models.Q(("state", "account"), _negated=True), ("way", "transfer"), _connector="OR"),
                name="refund_account_means_transfer",
            ),
        ),
        migrations.AddConstraint(
            model_name="allowance",
            constraint=models.UniqueConstraint(fields=("person", "first_day"), name="allowance_one_a_period"),
        ),
        migrations.AddConstraint(
            model_name="allowance",
            constraint=models.CheckConstraint(
                condition=models.Q(("taken__lte", models.F("most"))), name="allowance_not_exceeded"
            ),
        ),
        migrations.AddField(
            model_name="discrepancy",
            name="closed_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                to=settings.AUTH_USER_MODEL,
                verbose_name="diselesaikan oleh",
            ),
        ),
        migrations.AddField(
            model_name="discrepancy",
            name="order",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="discrepancies",
                to="orders.order",
                verbose_name="pesanan",
            ),
        ),
        migrations.AddField(
            model_name="discrepancy",
            name="payment",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="discrepancies",
                to="orders.payment",
                verbose_name="pembayaran",
            ),
        ),
        migrations.AddField(
            model_name="receipt",
            name="order",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="receipts",
                to="orders.order",
                verbose_name="pesanan",
            ),
        ),
        migrations.AddField(
            model_name="receipt",
            name="refund",
            field=models.OneToOneField(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="receipt",
                to="orders.refund",
                verbose_name="pengembalian dana",
            ),
        ),
        migrations.AddField(
            model_name="refundedstamp",
            name="refund",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="stamps",
                to="orders.refund",
                verbose_name="pengembalian dana",
            ),
        ),
        migrations.AddField(
            model_name="refundedstamp",
            name="serial",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="meterai.serial",
                verbose_name="nomor seri",
            ),
        ),
        migrations.AddField(
            model_name="receipt",
            name="series",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="orders.series",
                verbose_name="seri",
            ),
        ),
        migrations.AddField(
            model_name="settlement",
            name="by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="dibaca oleh",
            ),
        ),
        migrations.AddField(
            model_name="settlementrow",
            name="settlement",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="rows",
                to="orders.settlement",
                verbose_name="laporan penyelesaian",
            ),
        ),
        migrations.AddIndex(
            model_name="discrepancy",
            index=models.Index(condition=models.Q(("state", "open")), fields=["opened_at"], name="discrepancy_open"),
        ),
        migrations.AddConstraint(
            model_name="discrepancy",
            constraint=models.UniqueConstraint(fields=("kind", "subject"), name="discrepancy_listed_once"),
        ),
        migrations.AddConstraint(
            model_name="discrepancy",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("closed_at", None), ("closed_by", None), ("resolution", ""), ("state", "open")),
                    models.Q(
                        ("closed_at__isnull", False), ("state", "closed"), models.Q(("resolution", ""), _negated=True)
                    ),
                    _connector="OR",
                ),
                name="discrepancy_closed_whole",
            ),
        ),
        migrations.AddIndex(
            model_name="receipt",
            index=models.Index(condition=models.Q(("number", None)), fields=["id"], name="receipt_to_number"),
        ),
        migrations.AddConstraint(
            model_name="receipt",
            constraint=models.UniqueConstraint(fields=("series", "number"), name="receipt_number_once"),
        ),
        migrations.AddConstraint(
            model_name="receipt",
            constraint=models.UniqueConstraint(
                condition=models.Q(("kind", "payment")), fields=("order",), name="receipt_one_an_order"
            ),
        ),
        migrations.AddConstraint(
            model_name="receipt",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("issued_at", None), ("number", None), ("series", None)),
                    models.Q(("issued_at__isnull", False), ("number__gt", 0), ("series__isnull", False)),
                    _connector="OR",
                ),
                name="receipt_numbered_whole",
            ),
        ),
        migrations.AddConstraint(
            model_name="receipt",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind", "payment"), ("refund", None)),
                    models.Q(("kind", "refund"), ("refund__isnull", False)),
                    _connector="OR",
                ),
                name="receipt_kind_paired",
            ),
        ),
        migrations.AddConstraint(
            model_name="settlement",
            constraint=models.UniqueConstraint(fields=("gateway", "sha256"), name="settlement_taken_in_once"),
        ),
        migrations.AddConstraint(
            model_name="settlementrow",
            constraint=models.UniqueConstraint(fields=("settlement", "line"), name="settlement_line_once"),
        ),
        migrations.AddConstraint(
            model_name="settlementrow",
            constraint=models.CheckConstraint(
                condition=models.Q(("gateway_reference", ""), _negated=True), name="settlement_row_names_a_payment"
            ),
        ),
        enforce_arrows(
            table="orders_order",
            arrows=[
                ("pending", "cancelled"),
                ("pending", "expired"),
                ("pending", "paid"),
                ("expired", "paid"),
                ("cancelled", "paid"),
                ("paid", "refunded"),
                ("paid", "reversed"),
            ],
        ),
        enforce_arrows(
            table="orders_refund",
            arrows=[
                ("account", "cancelled"),
                ("account", "requested"),
                ("requested", "account"),
                ("requested", "cancelled"),
                ("requested", "done"),
                ("requested", "sent"),
                ("sent", "account"),
                ("sent", "done"),
            ],
        ),
        enforce_arrows(table="orders_discrepancy", arrows=[("open", "closed")]),
    ]

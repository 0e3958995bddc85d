"""Serials that the issuer's own service minted for us, each with its picture."""

from django.db import migrations, models

from meterai.arrows import enforce_arrows


class Migration(migrations.Migration):
    dependencies = [
        ("stamping", "0004_in_queue"),
    ]

    operations = [
        migrations.CreateModel(
            name="IssuedSerial",
            fields=[
                ("id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                (
                    "state",
                    models.CharField(
                        choices=[("asked", "diminta"), ("saved", "tersimpan"), ("lost", "tidak terbit")],
                        default="asked",
                        max_length=10,
                        verbose_name="status",
                    ),
                ),
                (
                    "serial",
                    models.CharField(blank=True, max_length=22, null=True, unique=True, verbose_name="nomor seri"),
                ),
                ("picture", models.BinaryField(default=b"")),
                ("asked_at", models.DateTimeField(verbose_name="diminta pada")),
                ("saved_at", models.DateTimeField(blank=True, null=True, verbose_name="tersimpan pada")),
            ],
            options={
                "verbose_name": "nomor seri terbitan",
                "verbose_name_plural": "nomor seri terbitan",
                "ordering": ["asked_at"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "saved"), _negated=True),
                        fields=["asked_at"],
                        name="issued_unanswered",
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["asked", "saved", "lost"])), name="issued_known_state"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("saved_at__isnull", False), ("serial__regex", "^[A-Z0-9]{22}$"), ("state", "saved")
                            ),
                            models.Q(models.Q(("state", "saved"), _negated=True), ("saved_at", None), ("serial", None)),
                            _connector="OR",
                        ),
                        name="issued_saved_has_serial",
                    ),
                ],
            },
        ),
        enforce_arrows(
            table="stamping_issuedserial", arrows=[("asked", "saved"), ("asked", "lost"), ("lost", "saved")]
        ),
    ]

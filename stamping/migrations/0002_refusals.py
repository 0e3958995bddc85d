"""What the database itself refuses, beyond constraints."""

from django.db import migrations

from meterai.arrows import enforce_arrows


class Migration(migrations.Migration):
    dependencies = [("stamping", "0001_initial")]

    operations = [
        enforce_arrows(
            table="stamping_document",
            arrows=[
                ("draft", "erased"),
                ("draft", "placed"),
                ("placed", "erased"),
                ("placed", "queued"),
                ("queued", "failed"),
                ("queued", "sealed"),
                ("failed", "erased"),
                ("sealed", "erased"),
            ],
        ),
    ]

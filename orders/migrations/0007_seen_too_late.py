"""Money may have come and gone before we looked: a payment without money can become REVERSED."""

from django.db import migrations

from meterai.arrows import enforce_arrows

ENDINGS = ("paid", "expired", "failed", "held", "reversed")


class Migration(migrations.Migration):
    dependencies = [("orders", "0006_checkout_indexes")]

    operations = [
        enforce_arrows(
            table="orders_payment",
            arrows=[
                ("started", "pending"),
                *[(old, new) for old in ("started", "pending") for new in ENDINGS],
                *[(old, new) for old in ("expired", "failed") for new in ("paid", "held", "reversed")],
                *[("held", new) for new in ("paid", "reversed", "refunded")],
                *[("paid", new) for new in ("reversed", "refunded")],
            ],
        ),
    ]

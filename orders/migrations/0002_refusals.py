"""What the database itself refuses, beyond constraints."""

from django.db import migrations

from meterai.arrows import enforce_arrows


class Migration(migrations.Migration):
    dependencies = [("orders", "0001_initial")]

    operations = [
        enforce_arrows(
            table="orders_order",
            arrows=[
                ("pending", "cancelled"),
                ("pending", "expired"),
                ("pending", "paid"),
                ("expired", "paid"),
                ("cancelled", "paid"),
            ],
        ),
        enforce_arrows(
            table="orders_payment",
            arrows=[
                ("started", "expired"),
                ("started", "failed"),
                ("started", "held"),
                ("started", "paid"),
                ("started", "pending"),
                ("pending", "expired"),
                ("pending", "failed"),
                ("pending", "held"),
                ("pending", "paid"),
                ("expired", "held"),
                ("expired", "paid"),
                ("failed", "held"),
                ("failed", "paid"),
                ("held", "paid"),
                ("held", "refunded"),
                ("held", "reversed"),
                ("paid", "refunded"),
                ("paid", "reversed"),
            ],
        ),
        enforce_arrows(
            table="orders_refund",
            arrows=[
                ("requested", "done"),
            ],
        ),
    ]

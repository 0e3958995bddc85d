"""Indexes for what staff look for, and a receipt's number that stays."""

from django.db import migrations, models

# A number once given stays, and so does a name once set; a numbered receipt is never removed.
NUMBER_STAYS = """
CREATE FUNCTION orders_receipt_number_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.number IS DISTINCT FROM NEW.number OR OLD.series_id IS DISTINCT FROM NEW.series_id
       OR (OLD.buyer_name <> '' AND OLD.buyer_name <> NEW.buyer_name) THEN
        RAISE EXCEPTION 'orders_receipt: what was given out stays'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'receipt_number_stays';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER receipt_number_stays BEFORE UPDATE OR DELETE ON orders_receipt
    FOR EACH ROW WHEN (OLD.number IS NOT NULL) EXECUTE FUNCTION orders_receipt_number_stays();
"""
NUMBER_MAY_GO = "DROP TRIGGER receipt_number_stays ON orders_receipt; DROP FUNCTION orders_receipt_number_stays();"


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0005_statements"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="recalledstock",
            options={
                "default_permissions": ("view",),
                "permissions": [("unmask_buyers", "Can see buyers' contacts in full")],
                "verbose_name": "pembeli dari stok yang ditarik",
                "verbose_name_plural": "pembeli dari stok yang ditarik",
            },
        ),
        migrations.AlterModelOptions(
            name="refund",
            options={
                "ordering": ["-id"],
                "permissions": [("unmask_account", "Can see the account number of a refund in full")],
                "verbose_name": "pengembalian dana",
                "verbose_name_plural": "pengembalian dana",
            },
        ),
        migrations.RemoveConstraint(
            model_name="receipt",
            name="receipt_numbered_whole",
        ),
        migrations.AddIndex(
            model_name="notification",
            index=models.Index(fields=["gateway_reference"], name="notification_about"),
        ),
        migrations.AddIndex(
            model_name="payment",
            index=models.Index(condition=models.Q(("state", "held")), fields=["created_at"], name="payment_held"),
        ),
        migrations.AddIndex(
            model_name="payment",
            index=models.Index(
                condition=models.Q(("paid_at__isnull", False)), fields=["paid_at"], name="payment_paid_at"
            ),
        ),
        migrations.AddIndex(
            model_name="refund",
            index=models.Index(
                condition=models.Q(("state__in", ["requested", "sent"]), ("way", "transfer")),
                fields=["requested_at"],
                name="refund_to_transfer",
            ),
        ),
        migrations.AddConstraint(
            model_name="receipt",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("issued_at", None), ("number", None), ("series", None)),
                    models.Q(
                        ("issued_at__isnull", False),
                        ("number__gt", 0),
                        ("number__isnull", False),
                        ("series__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="receipt_numbered_whole",
            ),
        ),
        migrations.AddField(
            model_name="notice",
            name="failure",
            field=models.CharField(blank=True, max_length=60, verbose_name="sebab gagal"),
        ),
        migrations.RunSQL(NUMBER_STAYS, NUMBER_MAY_GO),
    ]

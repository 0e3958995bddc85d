"""What the database itself refuses, beyond constraints."""

from django.db import migrations

from meterai.arrows import enforce_arrows, forbid_changes


class Migration(migrations.Migration):
    dependencies = [("meterai", "0001_initial")]

    operations = [
        enforce_arrows(
            table="meterai_batch",
            arrows=[
                ("draft", "active"),
                ("draft", "recalled"),
                ("active", "recalled"),
            ],
        ),
        enforce_arrows(
            table="meterai_stamp",
            arrows=[
                ("reserved", "sold"),
                ("reserved", "void"),
                ("sold", "affixed"),
                ("sold", "refunded"),
                ("sold", "void"),
                ("affixed", "void"),
                ("refunded", "void"),
            ],
        ),
        forbid_changes(table="meterai_serial"),
        forbid_changes(table="meterai_movement"),
        forbid_changes(table="meterai_flip"),
        # Extents are updated all day: room for heap-only updates, and a vacuum that comes early and works fast.
        migrations.RunSQL(
            """
            ALTER TABLE meterai_extent SET (fillfactor = 20, autovacuum_vacuum_scale_factor = 0,
                autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_cost_delay = 0);
            ALTER TABLE meterai_pooled SET (autovacuum_vacuum_scale_factor = 0,
                autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_cost_delay = 0);
            ALTER TABLE meterai_stamp SET (fillfactor = 80);
            """,
            "ALTER TABLE meterai_extent RESET (fillfactor);",
        ),
    ]

"""The place of a document in the queue, by an index."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("meterai", "0007_taking_extents_first"),
        ("orders", "0006_checkout_indexes"),
        ("stamping", "0003_spoken_for"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="document",
            index=models.Index(condition=models.Q(("state", "queued")), fields=["queued_at"], name="document_in_queue"),
        ),
    ]

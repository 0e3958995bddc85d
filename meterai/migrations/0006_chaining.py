"""The chain knows how far the whole book is closed, also after a restore, and reads on from there."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("meterai", "0005_recalling")]

    operations = [
        migrations.AddField(
            model_name="block",
            name="floor",
            field=models.BigIntegerField(default=0, editable=False),
        ),
        migrations.AddField(
            model_name="block",
            name="length",
            field=models.PositiveBigIntegerField(default=0, verbose_name="mutasi sampai blok ini"),
        ),
        migrations.AddField(
            model_name="block",
            name="newest",
            field=models.BigIntegerField(default=0, editable=False),
        ),
        migrations.RemoveIndex(
            model_name="movement",
            name="movement_of_batch",
        ),
        migrations.AddIndex(
            model_name="movement",
            index=models.Index(fields=["transaction"], name="movement_transaction"),
        ),
    ]

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("stamping", "0008_bundles")]

    operations = [
        migrations.AddIndex(
            model_name="document",
            index=models.Index(condition=Q(("state", "failed")), fields=["failure"], name="document_failed"),
        ),
        migrations.AddIndex(
            model_name="document",
            index=models.Index(
                condition=Q(("claimed_until__isnull", False), ("state__in", ["sealed", "failed"])),
                fields=["claimed_until"],
                name="document_to_sweep",
            ),
        ),
    ]

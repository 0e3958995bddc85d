"""Who may open, close and adjust waiting rooms."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("orders", "0008_rooms")]

    operations = [
        migrations.AlterModelOptions(
            name="room",
            options={
                "default_permissions": ("view",),
                "ordering": ["slug"],
                "permissions": [("manage_room", "Can open, close and adjust waiting rooms")],
                "verbose_name": "ruang tunggu",
                "verbose_name_plural": "ruang tunggu",
            },
        ),
    ]

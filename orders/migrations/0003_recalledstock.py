"""Recalled stock as the shop sees it, with a right of its own to see its buyers' contacts in full."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("orders", "0002_refusals"), ("meterai", "0004_taking")]

    operations = [
        migrations.CreateModel(
            name="RecalledStock",
            fields=[],
            options={
                "verbose_name": "pembeli dari stok yang ditarik",
                "verbose_name_plural": "pembeli dari stok yang ditarik",
                "permissions": [("unmask_buyers", "Can see the contacts of buyers of recalled stock in full")],
                "proxy": True,
                "default_permissions": ("view",),
                "indexes": [],
                "constraints": [],
            },
            bases=("meterai.recall",),
        ),
    ]

"""Accounts: staff, reseller teams, API clients. A buyer has none and needs none."""

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils.translation import gettext_lazy as _


class User(AbstractUser):
    """A person who works here or at a reseller."""

    reseller = models.ForeignKey(
        "meterai.Reseller",
        verbose_name=_("reseller"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="team",
    )

    class Meta(AbstractUser.Meta):
        constraints = [
            models.CheckConstraint(
                name="user_reseller_team_is_not_staff",
                condition=models.Q(reseller=None) | models.Q(is_staff=False, is_superuser=False),
                violation_error_message=_("Anggota tim reseller tidak boleh menjadi staf."),
            ),
        ]

"""Addresses for gateways: no language, since no person reads them."""

from django.urls import path

from . import webhooks

app_name = "orders_gateway"
urlpatterns = [path("gerbang/<slug:gateway>/notifikasi", webhooks.notify, name="notify")]

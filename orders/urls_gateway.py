"""Addresses for gateways and for scripts: no language, since no person reads them."""

from django.urls import path

from . import room_views, webhooks

app_name = "orders_gateway"
urlpatterns = [
    path("gerbang/<slug:gateway>/notifikasi", webhooks.notify, name="notify"),
    path("antre/<slug:room>.json", room_views.status, name="room_status"),
    path("antre/<slug:room>.undian.json", room_views.draw, name="room_draw"),
]

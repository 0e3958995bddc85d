"""The shop's part of the API, under /api/v1/."""

from django.urls import path

from . import api, refund_api, room_api

app_name = "orders_api"
urlpatterns = [
    path("orders", api.Orders.as_view(), name="orders"),
    path("orders/<str:code>", api.OneOrder.as_view(), name="order"),
    path("orders/<str:code>/check", api.CheckOrder.as_view(), name="check"),
    path("orders/<str:code>/refunds", refund_api.Refunds.as_view(), name="refunds"),
    path("orders/<str:code>/refunds/<int:pk>/account", refund_api.RefundAccount.as_view(), name="refund_account"),
    path("rooms/<slug:room>/challenge", room_api.Challenge.as_view(), name="room_challenge"),
    path("rooms/<slug:room>/tickets", room_api.Tickets.as_view(), name="room_tickets"),
    path("rooms/<slug:room>/place", room_api.Places.as_view(), name="room_place"),
    path("rooms/<slug:room>/passes", room_api.Passes.as_view(), name="room_passes"),
    path("rooms/<slug:room>/recovery", room_api.Recovery.as_view(), name="room_recovery"),
    path("prices", api.Prices.as_view(), name="prices"),
]

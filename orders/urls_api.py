"""The shop's part of the API, under /api/v1/."""

from django.urls import path

from . import api, refund_api

app_name = "orders_api"
urlpatterns = [
    path("orders", api.Orders.as_view(), name="orders"),
    path("orders/<str:code>", api.OneOrder.as_view(), name="order"),
    path("orders/<str:code>/check", api.CheckOrder.as_view(), name="check"),
    path("orders/<str:code>/refunds", refund_api.Refunds.as_view(), name="refunds"),
    path("orders/<str:code>/refunds/<int:pk>/account", refund_api.RefundAccount.as_view(), name="refund_account"),
    path("prices", api.Prices.as_view(), name="prices"),
]

"""The API's addresses of tickets, under /api/v1/."""

from django.urls import path

from . import api

app_name = "support_api"
urlpatterns = [
    path("tickets", api.Tickets.as_view(), name="tickets"),
    path("tickets/<str:code>", api.OneTicket.as_view(), name="ticket"),
]

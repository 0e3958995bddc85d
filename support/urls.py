"""The addresses of complaints. A ticket's page opens by its code and key, without an account."""

from django.urls import path

from . import views

app_name = "support"
urlpatterns = [
    path("aduan/", views.complain, name="complain"),
    path("aduan/lacak/", views.find, name="find"),
    path("aduan/<str:code>/<str:key>/", views.ticket, name="ticket"),
]

"""The addresses of complaints and status pages. A ticket's page opens by its code and key, without an account."""

from django.urls import path, re_path

from . import status_views, views

app_name = "support"
urlpatterns = [
    path("aduan/", views.complain, name="complain"),
    path("aduan/lacak/", views.find, name="find"),
    path("aduan/<str:code>/<str:key>/", views.ticket, name="ticket"),
    # Files under PUBLIC_ROOT, by the same addresses: a web server before the app serves them itself.
    path("status/", status_views.status, name="status"),
    path("status/gerai/", status_views.outlets, name="status_outlets"),
    re_path(r"^status/(?P<name>status\.(?:css|js))$", status_views.asset, name="status_asset"),
    re_path(r"^status/(?P<code>GG-[0-9A-Z]{4}-[0-9A-Z]{4})/$", status_views.incident, name="status_incident"),
    re_path(r"^(?P<name>status\.json|outlets\.json|status\.atom|status\.rss)$", status_views.feed, name="status_file"),
]

"""Every address. The other apps are named by string only, so that no import rises."""

from django.conf.urls.i18n import i18n_patterns
from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.templatetags.static import static
from django.urls import URLPattern, URLResolver, include, path
from django.utils.functional import lazy
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView

from . import health, metrics


def not_here(request: HttpRequest, **rest: str) -> HttpResponse:
    """The admin's shortcut `r/` would send any member of staff to a row's secret link, whatever their permissions."""
    raise Http404


urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", metrics.metrics),
    path("favicon.ico", RedirectView.as_view(url=lazy(static, str)("meterai/favicon.svg"))),
    path("api/v1/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/v1/", include("orders.urls_api")),
    path("api/v1/", include("stamping.urls_api")),
    path("api/v1/", include("support.urls_api")),
    path("", include("orders.urls_gateway")),
]

urlpatterns += i18n_patterns(
    path("admin/r/<path:rest>", not_here),
    path("admin/", admin.site.urls),
    path("", include("orders.urls_home")),
    path("", include("orders.urls")),
    path("", include("stamping.urls")),
    path("", include("support.urls")),
    prefix_default_language=False,
)

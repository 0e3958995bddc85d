"""Pages of many documents at once, under an order's secret link."""

from django.urls import path

from . import bundle_views

urlpatterns = [
    path("", bundle_views.many, name="bundles"),
    path("contoh.csv", bundle_views.template, name="bundle_template"),
    path("<uuid:pk>/", bundle_views.one, name="one_bundle"),
    path("<uuid:pk>/kabar/", bundle_views.one_live, name="bundle_live"),
    path("<uuid:pk>/setuju/", bundle_views.confirm, name="bundle_confirm"),
    path("<uuid:pk>/buang/", bundle_views.discard, name="bundle_discard"),
    path("<uuid:pk>/laporan.csv", bundle_views.report_csv, name="bundle_report"),
    path("<uuid:pk>/laporan.jsonl", bundle_views.report_lines, name="bundle_lines"),
    path("<uuid:pk>/hasil.zip", bundle_views.result, name="bundle_result"),
]

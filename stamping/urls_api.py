"""The API's addresses for documents and checks; no language, since no person reads them."""

from django.urls import path

from . import api, bundle_api

app_name = "stamping_api"
urlpatterns = [
    path("documents", api.Documents.as_view(), name="documents"),
    path("documents/<uuid:pk>", api.OneDocument.as_view(), name="document"),
    path("documents/<uuid:pk>/repairs", api.DocumentRepairs.as_view(), name="repairs"),
    path("documents/<uuid:pk>/repairs/<slug:kind>/choice", api.RepairChoice.as_view(), name="repair_choice"),
    path("documents/<uuid:pk>/placement", api.DocumentPlacement.as_view(), name="placement"),
    path("documents/<uuid:pk>/agreement", api.DocumentAgreement.as_view(), name="agreement"),
    path("documents/<uuid:pk>/file", api.DocumentFile.as_view(), name="file"),
    path("orders/<str:code>/bundles", bundle_api.Bundles.as_view(), name="bundles"),
    path("orders/<str:code>/bundles/<uuid:pk>", bundle_api.OneBundle.as_view(), name="bundle"),
    path(
        "orders/<str:code>/bundles/<uuid:pk>/confirmation", bundle_api.BundleConfirmation.as_view(), name="confirmation"
    ),
    path("verifications", api.Checks.as_view(), name="verifications"),
    path("serials/<str:serial>", api.OneSerial.as_view(), name="serial"),
]

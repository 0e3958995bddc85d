"""The API's addresses for documents and checks; no language, since no person reads them."""

from django.urls import path

from . import api

app_name = "stamping_api"
urlpatterns = [
    path("documents", api.Documents.as_view(), name="documents"),
    path("documents/<uuid:pk>", api.OneDocument.as_view(), name="document"),
    path("documents/<uuid:pk>/placement", api.DocumentPlacement.as_view(), name="placement"),
    path("documents/<uuid:pk>/agreement", api.DocumentAgreement.as_view(), name="agreement"),
    path("documents/<uuid:pk>/file", api.DocumentFile.as_view(), name="file"),
    path("verifications", api.Checks.as_view(), name="verifications"),
    path("serials/<str:serial>", api.OneSerial.as_view(), name="serial"),
]

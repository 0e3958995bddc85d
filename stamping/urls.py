"""Pages of documents, and of orders with their documents."""

from django.urls import path

from . import bundle_views, checking, views

app_name = "stamping"
urlpatterns = [
    path("pesanan/<slug:code>/<str:key>/", views.order, name="order"),
    path("pesanan/<slug:code>/<str:key>/dokumen/", views.add_document, name="add_document"),
    path("pesanan/<slug:code>/<str:key>/kabar/", bundle_views.live, name="live"),
    path("pesanan/<slug:code>/<str:key>/semua.zip", bundle_views.bundle, name="bundle"),
    path("siapkan/", views.prepare, name="prepare"),
    path("dokumen/<uuid:pk>/<str:key>/", views.document, name="document"),
    path("dokumen/<uuid:pk>/<str:key>/tempat/", views.place, name="place"),
    path("dokumen/<uuid:pk>/<str:key>/setuju/", views.confirm, name="confirm"),
    path("dokumen/<uuid:pk>/<str:key>/pakai/", views.use, name="use"),
    path("dokumen/<uuid:pk>/<str:key>/hapus/", views.remove, name="remove"),
    path("dokumen/<uuid:pk>/<str:key>/halaman/<int:page>.png", views.page_picture, name="page"),
    path("dokumen/<uuid:pk>/<str:key>/pratinjau.svg", views.preview, name="preview"),
    path("dokumen/<uuid:pk>/<str:key>/unduh/", views.download, name="download"),
    path("periksa/", checking.verify, name="verify"),
    path("v/<str:serial>/<str:mac>/", checking.by_address, name="serial"),
]

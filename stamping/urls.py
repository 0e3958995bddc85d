"""Pages of documents, and of orders with their documents."""

from django.urls import include, path

from . import attempt_views, bundle_views, checking, repair_views, views

app_name = "stamping"
REPAIR = "dokumen/<uuid:pk>/<str:key>/perbaikan/<slug:kind>/"
urlpatterns = [
    path("antre/<slug:room>/bukti.pdf", attempt_views.proof, name="attempt"),
    path("pesanan/<slug:code>/<str:key>/", views.order, name="order"),
    path("pesanan/<slug:code>/<str:key>/dokumen/", views.add_document, name="add_document"),
    path("pesanan/<slug:code>/<str:key>/kabar/", bundle_views.live, name="live"),
    path("pesanan/<slug:code>/<str:key>/semua.zip", bundle_views.bundle, name="bundle"),
    path("pesanan/<slug:code>/<str:key>/banyak/", include("stamping.urls_bundles")),
    path("siapkan/", views.prepare, name="prepare"),
    path("dokumen/<uuid:pk>/<str:key>/", views.document, name="document"),
    path("dokumen/<uuid:pk>/<str:key>/tempat/", views.place, name="place"),
    path("dokumen/<uuid:pk>/<str:key>/setuju/", views.confirm, name="confirm"),
    path("dokumen/<uuid:pk>/<str:key>/pakai/", views.use, name="use"),
    path("dokumen/<uuid:pk>/<str:key>/hapus/", views.remove, name="remove"),
    path("dokumen/<uuid:pk>/<str:key>/halaman/<int:page>.png", views.page_picture, name="page"),
    path("dokumen/<uuid:pk>/<str:key>/pratinjau.png", views.preview, name="preview"),
    path("dokumen/<uuid:pk>/<str:key>/unduh/", views.download, name="download"),
    path("dokumen/<uuid:pk>/<str:key>/perbaikan/", repair_views.show, name="repairs"),
    path(f"{REPAIR}lihat/", repair_views.make, name="make_repair"),
    path(f"{REPAIR}pakai/", repair_views.choose, name="choose_repair"),
    path(f"{REPAIR}tolak/", repair_views.decline, name="decline_repair"),
    path(
        f"{REPAIR}<slug:which>-dekat.png", repair_views.near, name="repair_near"
    ),  # before the other: slugs take dashes
    path(f"{REPAIR}<slug:which>.png", repair_views.picture, name="repair_picture"),
    path("periksa/", checking.verify, name="verify"),
    path("v/<str:serial>/<str:mac>/", checking.by_address, name="serial"),
]

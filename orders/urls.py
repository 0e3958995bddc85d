"""The shop's addresses. Those under an order's code and key need nothing else to be opened."""

from django.urls import path

from . import views

app_name = "orders"
urlpatterns = [
    path("beli/", views.buy, name="buy"),
    path("pesanan/", views.find, name="find"),
    path("pesanan/<str:code>/<str:key>/cek/", views.check, name="check"),
    path("pesanan/<str:code>/<str:key>/batal/", views.cancel, name="cancel"),
    path("pesanan/<str:code>/<str:key>/bayar/", views.pay, name="pay"),
    path("pesanan/<str:code>/<str:key>/kuitansi.pdf", views.receipt, name="receipt"),
]

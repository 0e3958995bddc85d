"""The shop's addresses. Those under an order's code and key need nothing else to be opened."""

from django.urls import path

from . import buyer_views, refund_views, room_views, views

app_name = "orders"
urlpatterns = [
    path("beli/", buyer_views.kept_for_back(views.buy), name="buy"),
    path("antre/<slug:room>/", room_views.page, name="room"),
    path("antre/<slug:room>/ikut/", room_views.join, name="room_join"),
    path("antre/<slug:room>/masuk/", room_views.enter, name="room_enter"),
    path("antre/<slug:room>/pulihkan/", room_views.recover, name="room_recover"),
    path("pesanan/", views.find, name="find"),
    path("pesanan/<str:code>/<str:key>/cek/", views.check, name="check"),
    path("pesanan/<str:code>/<str:key>/batal/", views.cancel, name="cancel"),
    path("pesanan/<str:code>/<str:key>/bayar/", views.pay, name="pay"),
    path("pesanan/<str:code>/<str:key>/kirim-tautan/", buyer_views.resend_link, name="resend_link"),
    path("pesanan/<str:code>/<str:key>/surel/", buyer_views.change_email, name="change_email"),
    path("surel/<str:code>/<str:letter>/<str:key>/", buyer_views.confirm_email, name="confirm_email"),
    path("pesanan/<str:code>/<str:key>/pengembalian/", refund_views.refund, name="refund"),
    path("pesanan/<str:code>/<str:key>/pengembalian/<int:pk>/rekening/", refund_views.account, name="refund_account"),
    path("pesanan/<str:code>/<str:key>/pengembalian/<int:pk>/nota.pdf", refund_views.note, name="refund_note"),
    path("pesanan/<str:code>/<str:key>/kuitansi/", refund_views.receipt, name="receipt_page"),
    path("pesanan/<str:code>/<str:key>/kuitansi.pdf", views.receipt, name="receipt"),
]

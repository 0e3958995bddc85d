"""The front page, outside every namespace: `home`."""

from django.urls import path

from . import views

urlpatterns = [path("", views.home, name="home")]

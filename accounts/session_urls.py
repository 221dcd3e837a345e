"""Logging in and out of the browsable API: DRF's `rest_framework.urls`, but limited."""

from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from accounts.limits import limited

app_name = "rest_framework"  # by which the browsable API finds them
urlpatterns = [
    path(
        "login/",
        limited(LoginView.as_view(template_name="rest_framework/login.html")),
        name="login",
    ),
    path("logout/", LogoutView.as_view(), name="logout"),
]

"""Which URLs this process serves, by the services it is told to be (`SERVICES`)."""

from django.conf import settings
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from accounts.limits import limited
from common import catalogue, health
from common.root import ApiRoot

api: list[URLPattern | URLResolver] = [
    path("", ApiRoot.as_view(), name="root"),
    path("auth/", include("accounts.urls")),
]
api += [path("", include(f"{service}.urls")) for service in settings.SERVICES]
api += [
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path(
        "docs/",
        SpectacularSwaggerSplitView.as_view(
            url_name="schema", metadata_class=None, template_name="docs.html"
        ),
        name="docs",
    ),
    path("problems/<slug:code>/", catalogue.explain, name="problem"),
]

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="docs")),
    path("api/v1/", include(api)),
    path("account/", include("accounts.pages")),
    path("admin/login/", limited(admin.site.login)),
    path("admin/password_change/", limited(admin.site.admin_view(admin.site.password_change))),
    path("admin/", admin.site.urls),
    path("api-auth/", include("accounts.session_urls")),
    path("healthz", health.alive),
    path("readyz", health.ready),
]

handler400 = "common.problems.bad_request"
handler403 = "common.problems.permission_denied"
handler404 = "common.problems.not_found"
handler500 = "common.problems.server_error"

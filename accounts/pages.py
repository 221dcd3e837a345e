"""Pages for people: where the link in a mail leads to. Plain HTML, no script."""

from typing import Any

from django.contrib.auth.views import (
    INTERNAL_RESET_SESSION_TOKEN,
    PasswordResetCompleteView,
    PasswordResetConfirmView,
)
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import path, reverse_lazy

from accounts import services
from accounts.errors import ResetLinkInvalid
from accounts.models import User


class ResetPage(PasswordResetConfirmView):
    """Django's, but that the decision is our service's: it ends tokens, too, and is taken once."""

    template_name = "accounts/reset.html"
    success_url = reverse_lazy("account:reset-done")

    def get_user(self, uidb64: str) -> User | None:
        user = services.find_by_uid(uidb64)
        return user if user and user.is_active else None

    def form_valid(self, form: Any) -> HttpResponse:
        token = self.request.session.pop(INTERNAL_RESET_SESSION_TOKEN)
        new = form.cleaned_data["new_password1"]
        try:
            services.reset_password(uid=self.kwargs["uidb64"], token=token, new=new)
        except ResetLinkInvalid:  # somebody was faster
            self.validlink = False
            return self.render_to_response(self.get_context_data())
        return HttpResponseRedirect(str(self.success_url))


app_name = "account"
urlpatterns = [
    path(
        "reset/done/",
        PasswordResetCompleteView.as_view(template_name="accounts/reset_done.html"),
        name="reset-done",
    ),
    path("reset/<uidb64>/<token>/", ResetPage.as_view(), name="reset"),
]

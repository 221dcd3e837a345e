from typing import Any

from rest_framework import renderers
from rest_framework.request import Request

from common.browser import allow_inline_styles, keep_private


class BrowsableAPIRenderer(renderers.BrowsableAPIRenderer):
    """DRF's, without HTML forms: the API takes JSON, which the raw form sends."""

    template = "browsable.html"

    def show_form_for_method(self, view: Any, method: str, request: Request, obj: Any) -> bool:
        return False

    def get_rendered_html_form(self, data: Any, view: Any, method: str, request: Request) -> None:
        return None

    def render(self, data: Any, media_type: Any = None, context: Any = None) -> Any:
        page = super().render(data, media_type, context)
        allow_inline_styles(context["response"])
        keep_private(context["response"])
        return page

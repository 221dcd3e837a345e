from typing import Any

from rest_framework import renderers
from rest_framework.request import Request


class BrowsableAPIRenderer(renderers.BrowsableAPIRenderer):
    """DRF's, without HTML forms: the API takes JSON, which the raw form sends."""

    def show_form_for_method(self, view: Any, method: str, request: Request, obj: Any) -> bool:
        return False

    def get_rendered_html_form(self, data: Any, view: Any, method: str, request: Request) -> None:
        return None

import pytest
from rest_framework.test import APIClient


@pytest.mark.django_db
def test_the_root_leads_to_what_is_served() -> None:
    links = APIClient().get("/api/v1/").json()
    assert links["flight"] == "http://testserver/api/v1/flights/"
    assert {"docs", "schema", "airport", "booking"} <= set(links)
    assert APIClient().get(links["docs"], headers={"Accept": "text/html"}).status_code == 200

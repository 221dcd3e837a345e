from django.urls import path, register_converter
from django.urls.converters import StringConverter
from rest_framework.routers import SimpleRouter

from flights import views


class IataCode(StringConverter):
    """An airport's three letters or an airline's two characters: any other path is a 404."""

    regex = "[A-Z0-9]{2,3}"


register_converter(IataCode, "iata")

router = SimpleRouter(use_regex_path=False)
router.register("cities", views.CityViewSet)
router.register("airports", views.AirportViewSet)
router.register("airlines", views.AirlineViewSet)
router.register("airplanes", views.AirplaneViewSet)
router.register("flights", views.FlightViewSet)

hold = "flights/<int:flight_id>/holds/<uuid:reference>/"
urlpatterns = [
    path(hold, views.FlightHoldViewSet.as_view({"put": "update", "delete": "destroy"})),
    path(f"{hold}confirm/", views.FlightHoldViewSet.as_view({"post": "confirm"})),
    path(f"{hold}shrink/", views.FlightHoldViewSet.as_view({"post": "shrink"})),
    path(f"{hold}extend/", views.FlightHoldViewSet.as_view({"post": "extend"})),
    path("holds/", views.HoldViewSet.as_view({"get": "list"})),
    path("holds/release/", views.HoldViewSet.as_view({"post": "release"})),
    *router.urls,
]

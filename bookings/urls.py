from rest_framework.routers import SimpleRouter

from bookings.views import BookingViewSet

router = SimpleRouter(use_regex_path=False)
router.register("bookings", BookingViewSet)

urlpatterns = router.urls

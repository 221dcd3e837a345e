from rest_framework.routers import SimpleRouter

from payments.views import PaymentViewSet

router = SimpleRouter(use_regex_path=False)
router.register("payments", PaymentViewSet)

urlpatterns = router.urls

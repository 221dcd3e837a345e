from django.db import models


class AuditRun(models.Model):
    """What an audit found: kept, so that staff see when it last added up."""

    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(auto_now_add=True)
    adds_up = models.BooleanField()
    counted = models.JSONField(help_text="Rows looked at, by kind")
    differences = models.JSONField(help_text="A sentence each")

    def __str__(self) -> str:
        return f"{self.started_at:%Y-%m-%d %H:%M} UTC: {'clean' if self.adds_up else 'differences'}"

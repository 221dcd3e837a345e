from smtplib import SMTPException

from celery import shared_task

from accounts import mail


# Repeats stay within the broker's visibility time-out: later ones would be sent twice.
@shared_task(
    name="accounts.send_reset_mail",
    autoretry_for=(OSError, SMTPException),
    retry_backoff=2,
    retry_backoff_max=30,
    max_retries=5,
)
def send_reset_mail(email: str) -> None:
    """Send the links to set a new password to whoever has this address, if anybody has."""
    mail.send_reset_mail(email)

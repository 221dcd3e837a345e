from common.errors import SeatholdError


class WrongPassword(SeatholdError):
    status_code = 400
    code = "wrong_password"
    title = "This is not the account's password."


class ResetLinkInvalid(SeatholdError):
    """Made up, used before, too old, or of an account that is closed: nobody is told which."""

    status_code = 400
    code = "reset_link_invalid"
    title = "This link to set a new password does not work (any more); ask for another."

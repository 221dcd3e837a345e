"""What names people may choose, and when two ways to write one are the same name."""

import unicodedata

from django.core.exceptions import ValidationError

# Joiners without which some names in Indian scripts can't be written.
JOINERS = "\u200c\u200d"
# Vowel signs and accents; what encloses a letter in a circle, say, is none of them.
MARKS = {"Mn", "Mc"}
# Control characters, lone halves of characters, private ones, and ends of lines.
UNPRINTABLE = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


def fold(username: str) -> str:
    """What all ways to write one username have in common, upper and lower case among them.

    In Python and not in SQL: `lower` of the C locale knows ASCII only.
    """
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", username).casefold())


def validate_username(name: str) -> None:
    """Letters and digits of any script, with the marks that belong to them, and @ . + - _ only."""
    sound = all(
        letter.isalnum() or letter in "@.+-_" or (at and unicodedata.category(letter) in MARKS)
        for at, letter in enumerate(name)
    )
    if not sound:
        raise ValidationError(
            "A name has letters, digits and the signs @ . + - _ only.", code="invalid"
        )


def validate_person_name(name: str) -> None:
    """Any text but control characters, and those that turn around what stands beside them."""
    if any(unicodedata.category(x) in UNPRINTABLE and x not in JOINERS for x in name):
        raise ValidationError("A name has no control characters.", code="invalid")

"""Names as on the travel document (ICAO Doc 9303): what is one, and how far two are apart."""

import re
import unicodedata

LONGEST = 60
# Apostrophes, dots and hyphens, as keyboards and phones write them.
SIGNS = frozenset(" '\u2018\u2019.\u00b7\u30fb-\u2010\u2011")
SPACES = re.compile(r"[ \u00a0\u2000-\u200a\u202f\u205f\u3000]+")
JOINERS = "\u200c\u200d"
VIRAMA = 9  # its combining class
# They count as letters or marks, and show nothing.
INVISIBLE = re.compile(r"[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0]")
# Letters with a stroke or a tail, which Unicode does not take apart.
PLAIN = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "\u0131": "i", "æ": "ae"})


def tidy(text: str) -> str:
    """A name in NFC, with single spaces; raises ValueError with a sentence for who wrote it."""
    if len(text) > 4 * LONGEST:  # even if every letter comes in parts
        raise ValueError(f"A name has {LONGEST} characters at most.")
    name = SPACES.sub(" ", unicodedata.normalize("NFC", text)).strip(" ")
    before = ""
    for sign in name:
        if not _belongs(sign, before):
            raise ValueError(_why_not(sign))
        before = sign
    if not any(sign.isalpha() for sign in name):
        raise ValueError("A name has a letter.")
    return name


def fold(surname: str) -> str:
    """What all ways to write one surname share: no case, no diacritics, letters only."""
    letters = unicodedata.normalize("NFKD", surname).casefold().translate(PLAIN)
    # Vowel signs of Indian scripts are letters of their own: their combining class is 0.
    return "".join(
        sign
        for sign in unicodedata.normalize("NFKD", letters)
        if unicodedata.category(sign)[0] in "LM" and not unicodedata.combining(sign)
    )


def distance(one: str, other: str) -> int:
    """How many letters are to be put in, left out or changed; case is no difference.

    Levenshtein's distance.
    """
    one, other = one.casefold(), other.casefold()
    row = list(range(len(other) + 1))
    for at, letter in enumerate(one):
        above, row = row, [at + 1]
        for index, its in enumerate(other):
            row.append(min(above[index] + (letter != its), above[index + 1] + 1, row[index] + 1))
    return row[-1]


def _belongs(sign: str, before: str) -> bool:
    kind = unicodedata.category(sign)
    if INVISIBLE.match(sign):
        return False
    if kind in ("Mn", "Mc"):
        return before != "" and unicodedata.category(before)[0] in "LM"
    if sign in JOINERS:  # where Indian and Arabic scripts need them (RFC 5892, A.1), and there only
        return before != "" and (
            unicodedata.combining(before) == VIRAMA or unicodedata.bidirectional(before) == "AL"
        )
    return kind[0] == "L" or sign in SIGNS


def _why_not(sign: str) -> str:
    kind = unicodedata.category(sign)
    if kind == "Nd":
        return "A name has no digits: write it as it stands on the travel document."
    if sign.isprintable() and kind[0] != "M" and not INVISIBLE.match(sign):
        return (
            f"A name has no {sign}: only letters, spaces, hyphens, apostrophes and dots, as on the"
            " travel document."
        )
    return f"Take out the character U+{ord(sign):04X}, which is not to be seen, or stands alone."

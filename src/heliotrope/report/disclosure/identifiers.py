"""Names that hide a child: the same at every run of a site, and nobody's without its secret."""

from __future__ import annotations

import hashlib
import hmac
from datetime import date
from pathlib import Path

from heliotrope.definitions.disclosure import DISCLOSURE_CONTROL, DisclosureControl
from heliotrope.definitions.load import Rulebook
from heliotrope.errors import Found, UserError

SECRET_VARIABLE = "HELIOTROPE_SITE_SECRET"

NAME_LENGTH = 24


def hide_identifier(patient_id: str, secret: bytes) -> str:
    """Return a name for a child that cannot be turned back without the site's secret.

    HMAC-SHA256 of the identifier, its first 24 hexadecimal digits. Without a secret a list of all
    possible identifiers would turn every name back.

    >>> hide_identifier("P01", b"a secret that nobody guesses")
    'e8bd60b2eb072283762ccfab'
    """
    digest = hmac.new(secret, patient_id.encode(), hashlib.sha256).hexdigest()
    return digest[:NAME_LENGTH]


def read_secret(file: Path | None, variable: str | None, least: int) -> bytes:
    """Read the site's secret from a file or from what the environment variable holds.

    It is kept nowhere. Errors: none given, or under ``least`` characters: UserError.
    """
    try:
        text = file.read_text(encoding="utf-8") if file is not None else (variable or "")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            "a file with the site's secret", Found(str(error)), "name a text file that can be read"
        ) from None
    secret = text.strip()
    if len(secret) < least:
        raise UserError(
            f"a site secret of at least {least} characters",
            Found(f"{len(secret)} characters"),
            f"set {SECRET_VARIABLE} or name a file with --secret-file; keep the secret at the site",
        )
    return secret.encode()


def read_site_secret(rulebook: Rulebook, file: Path | None, variable: str | None) -> bytes | None:
    """Read the site's secret where one is given, as long as the definitions ask; else None."""
    if file is None and not variable:
        return None
    limits = rulebook.get(DISCLOSURE_CONTROL, DisclosureControl).limits
    return read_secret(file, variable, limits.least_secret_characters)


def count_study_day(day: date | None, reference: date | None) -> int | None:
    """Count the study day of a date as CDISC does: the reference is day 1, the day before is -1.

    >>> count_study_day(date(2020, 3, 2), date(2020, 3, 1))
    2
    >>> count_study_day(date(2020, 2, 29), date(2020, 3, 1))
    -1
    """
    if day is None or reference is None:
        return None
    days = (day - reference).days
    return days + 1 if days >= 0 else days

"""Names and addresses as those see them who need not know whose they are."""


def mask_name(name: str) -> str:
    """Initials.

    >>> mask_name("Jane van der Berg"), mask_name("  "), mask_name("ÉLISE")
    ('J. v. d. B.', '', 'É.')
    """
    return " ".join(f"{part[0]}." for part in name.split())


def mask_email(email: str) -> str:
    """The first letter, and where the mail goes.

    >>> mask_email("jane.doe@example.com"), mask_email("nonsense"), mask_email("")
    ('j…@example.com', '…', '')
    """
    if not email:
        return ""
    person, at, host = email.rpartition("@")
    return f"{person[:1]}…@{host}" if at else "…"

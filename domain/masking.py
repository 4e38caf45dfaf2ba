"""Names and addresses as those see them who need not know whose they are."""


def mask_name(name: str) -> str:
    """Initials: of each part the first letter, whatever stands before it.

    >>> mask_name("Jane van der Berg"), mask_name("  "), mask_name("ÉLISE")
    ('J. v. d. B.', '', 'É.')
    >>> mask_name("<b>Ana</b> \u202egnp 👩")
    'b. g. 👩.'
    """
    return " ".join(f"{next((one for one in part if one.isalnum()), part[0])}." for part in name.split())


def mask_email(email: str) -> str:
    """The first letter, and where the mail goes.

    >>> mask_email("jane.doe@example.com"), mask_email("nonsense"), mask_email("")
    ('j…@example.com', '…', '')
    """
    if not email:
        return ""
    person, at, host = email.rpartition("@")
    return f"{person[:1]}…@{host}" if at else "…"

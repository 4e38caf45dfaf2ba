"""Exports of applicant tracking systems we know by their column names, and the words they use for stages.

The systems let every company name its stages: what a company says of its own words goes before what stands here.
"""

from connectors.files.presets import Preset
from domain.stages import fold_words

#: Which stage a word in a stage's name tells, the strongest first.
STAGE_WORDS: tuple[tuple[str, str], ...] = (
    ("not hired", "rejected"),
    ("withdr", "withdrawn"),
    ("declined by candidate", "withdrawn"),
    ("offer declined", "withdrawn"),
    ("candidate declined", "withdrawn"),
    ("reject", "rejected"),
    ("disqualif", "rejected"),
    ("archived", "rejected"),
    ("declined", "rejected"),
    ("offer accepted", "hired"),
    ("hired", "hired"),
    ("onboard", "hired"),
    ("offer", "offered"),
    ("screen", "reviewed"),
    ("review", "reviewed"),
    ("shortlist", "reviewed"),
    ("interview", "interviewed"),
    ("onsite", "interviewed"),
    ("on site", "interviewed"),
    ("face to face", "interviewed"),
    ("appli", "applied"),
    ("new", "applied"),
    ("sourced", "applied"),
    ("inbox", "applied"),
    ("lead", "applied"),
)

#: Which end a word in a reason tells: systems have one list of reasons for whoever is out, whoever ended it.
REASON_WORDS: tuple[tuple[str, str], ...] = (
    # What the company took back is nothing that the person did.
    ("offer withdr", "rejected"),
    ("withdrew offer", "rejected"),
    ("position withdr", "rejected"),
    ("job withdr", "rejected"),
    ("we rejected", "rejected"),
    ("rejected by org", "rejected"),
    ("rejected by candidate", "withdrawn"),
    ("they rejected us", "withdrawn"),
    ("withdr", "withdrawn"),
    ("declined by candidate", "withdrawn"),
    ("candidate declined", "withdrawn"),
    ("offer declined", "withdrawn"),
    ("offer rejected", "withdrawn"),
    ("declined offer", "withdrawn"),
    ("rejected offer", "withdrawn"),
    ("declined our offer", "withdrawn"),
    ("didn't like offer", "withdrawn"),
    ("wasn't available", "withdrawn"),
    ("wasn't interested", "withdrawn"),
    ("not interested", "withdrawn"),
    ("no longer interested", "withdrawn"),
    ("no longer available", "withdrawn"),
    ("other offer", "withdrawn"),
    ("accepted another", "withdrawn"),
    ("took another", "withdrawn"),
)

ATS_PRESETS: tuple[Preset, ...] = (
    Preset(
        key="greenhouse",
        label="Greenhouse",
        kind="applications",
        signature=frozenset({"application id", "candidate name", "job name", "source name"}),
        columns={
            "application_ref": "application id",
            "name": "candidate name",
            "posting_title": "job name",
            "posting_ref": "requisition id",
            "source": "source name",
            "applied_at": "application date",
            "hired_at": "hired date",
            "rejected_at": "rejected on",
            "stage": "current stage",
        },
        # New applicants wait in the first stage for somebody to look at them.
        stages={"application review": "applied", "face to face": "interviewed", "reference check": "interviewed"},
    ),
    Preset(
        key="lever",
        label="Lever",
        kind="applications",
        signature=frozenset({"opportunity id", "posting title", "origin"}),
        columns={
            "application_ref": "opportunity id",
            "name": "candidate name",
            "posting_title": "posting title",
            "posting_ref": "posting id",
            "source": "source",
            "applied_at": "applied at",
            "hired_at": "hired at",
            # Archived is who is out, also by being hired; the stage beside it is the one they had come to before.
            "rejected_at": "archived at",
            "stage": "current stage",
        },
        stages={
            "new lead": "applied",
            "reached out": "applied",
            "responded": "applied",
            "case study": "reviewed",
            "reference check": "interviewed",
            "background check": "offered",
        },
    ),
    Preset(
        key="workable",
        label="Workable",
        kind="applications",
        signature=frozenset({"candidate", "job", "job shortcode", "stage"}),
        columns={
            "name": "candidate",
            "posting_title": "job",
            "posting_ref": "job shortcode",
            "source": "source",
            "stage": "stage",
            "applied_at": "applied date",
            "hired_at": "hired date",
            "rejected_at": "disqualified at",
        },
        stages={"assessment": "reviewed"},
    ),
    Preset(
        key="ashby",
        label="Ashby",
        kind="applications",
        signature=frozenset({"application id", "candidate name", "job", "current interview stage"}),
        columns={
            "application_ref": "application id",
            "name": "candidate name",
            "email": "candidate email",
            "posting_title": "job",
            "posting_ref": "job id",
            "source": "source",
            "stage": "current interview stage",
            "applied_at": "application created at",
            "hired_at": "hired at",
            "rejected_at": "archived at",
        },
        stages={
            "application review": "applied",
            "reached out": "applied",
            "replied": "applied",
            "take home": "reviewed",
            "archived": "rejected",
        },
    ),
)
_OWN = {preset.key: preset.stages for preset in ATS_PRESETS}


def stage_of(words: str, system: str = "") -> str:
    """The stage a system's own words stand for; "" when nobody has said so. `system` is the key of its preset.

    >>> [stage_of(text) for text in ("Phone Screen", "Onsite interview", "Offer accepted", "Take-home task")]
    ['reviewed', 'interviewed', 'hired', '']
    >>> stage_of("Application Review"), stage_of("Application Review", "greenhouse")
    ('reviewed', 'applied')
    """
    wanted = fold_words(words)
    own = _OWN.get(system, {}).get(wanted, "")
    return own or next((stage for word, stage in STAGE_WORDS if word in wanted), "")


def end_of(reason: str) -> str:
    """Which end a system's own words for why somebody is out tell: withdrawn, rejected, or hired; "" for no words.

    What nobody knows is a reason to turn somebody down.

    >>> [end_of(text) for text in ("Withdrew", "They rejected us", "Underqualified", "Hired", " ")]
    ['withdrawn', 'withdrawn', 'rejected', 'hired', '']
    """
    wanted = fold_words(reason).replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    # Whole words: “Somebody else was hired” turns down who is not.
    if wanted in ("", "hired"):
        return wanted
    return next((end for word, end in REASON_WORDS if word in wanted), "rejected")

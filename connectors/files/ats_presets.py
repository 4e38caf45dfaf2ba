"""Exports of applicant tracking systems we know by their column names, and the words they use for stages."""

from connectors.files.presets import Preset

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
            "stage_at": "archived at",
            "stage": "current stage",
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
            "stage_at": "archived at",
        },
    ),
)


def stage_of(words: str) -> str:
    """The stage a system's own words stand for; "" when nobody has said so.

    >>> [stage_of(text) for text in ("Phone Screen", "Onsite interview", "Offer accepted", "Take-home task")]
    ['reviewed', 'interviewed', 'hired', '']
    """
    wanted = " ".join(words.casefold().replace("-", " ").replace("_", " ").split())
    return next((stage for word, stage in STAGE_WORDS if word in wanted), "")

"""Who the company is: its name, zones, people and the words its career site and ATS use for sources."""

from __future__ import annotations

from zoneinfo import ZoneInfo

NAME = "Halden Robotics"
ZONE = ZoneInfo("Europe/Berlin")
PROPERTY_ZONE = ZoneInfo("America/New_York")
INDEED_ZONE = ZoneInfo("America/Chicago")
CURRENCY = "USD"
CAREERS_PATH = "/jobs"

# utm_source as the analytics property saw it, lower case -> the platform that owns such a visit.
# What is not listed here belongs to the career site itself.
SOURCE_PLATFORMS = {
    "indeed": "indeed",
    "linkedin": "linkedin",
    "glassdoor": "glassdoor",
    "referral": "referrals",
}

# The ATS's source column is typed by people, so each platform has several spellings.
ATS_SOURCES = {
    "indeed": ("Indeed", "Indeed", "Indeed", "indeed.com", "INDEED"),
    "company_website": ("Career Site", "Career Site", "Careers page", "Company website"),
    "linkedin": ("LinkedIn", "LinkedIn", "linkedin", "LinkedIn.com"),
    "glassdoor": ("Glassdoor", "glassdoor"),
    "referrals": ("Referral", "Employee referral", "referral"),
    "other": ("Agency", "Agency – Kessler & Söhne", "Job fair"),
}

RECRUITERS = ("Ines Albrecht", "Tomasz Wójcik", "Priya Raman", "Jonas Lindqvist")

DEPARTMENT_LEADS = {
    "Engineering": "Marta Köhler",
    "Research": "Dr. Wen Li",
    "Operations": "Stefan Brandt",
    "Sales": "Aoife O’Brien",
    "Support": "Luís Carvalho",
    "People": "Helga Nyström",
    "Finance": "Omar Haddad",
}

FIRST_NAMES = (
    "Anna", "Björn", "Chiara", "Dmitri", "Élodie", "Farid", "Greta", "Hiroshi", "Ingrid", "João",
    "Katarzyna", "Liam", "Mei", "Noah", "Oluwaseun", "Petra", "Quentin", "Rosa", "Søren", "Thu",
    "Uwe", "Valentina", "Wiebke", "Ximena", "Yusuf", "Zoë", "美咲", "محمد",
)  # fmt: skip
LAST_NAMES = (
    "Andersson", "Bauer", "Costa", "Dvořák", "Eriksen", "Ferrari", "Gupta", "Hoffmann", "Ito",
    "Jansen", "Kowalski", "López", "Müller", "Nguyen", "O’Neill", "Petrov", "Quaas", "Rossi",
    "Schmidt", "Tanaka", "Ünal", "Vogel", "Weiß", "Yılmaz", "Zhang", "de la Cruz",
)  # fmt: skip

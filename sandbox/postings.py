"""The company's postings: 46 requisitions, some closed, some reopened late, some opened last week."""

from __future__ import annotations

import hashlib
import random
import uuid
from dataclasses import dataclass
from datetime import date, timedelta

from sandbox.company import DEPARTMENT_LEADS, RECRUITERS
from sandbox.season import HISTORY_DAYS

# (title, slug, department, location). The odd titles are there on purpose: every screen, file and
# database must carry them unharmed.
OPENINGS = (
    ("ML Engineer", "ml-engineer", "Engineering", "Berlin"),
    ("Senior Robotics Engineer", "senior-robotics-engineer", "Engineering", "Berlin"),
    ("Embedded Software Engineer (C++)", "embedded-software-engineer-cpp", "Engineering", "München"),
    ("Qualitätsprüfer für Greifsysteme", "qualitaetspruefer-greifsysteme", "Operations", "Nürnberg"),
    ("ロボット制御エンジニア", "robot-control-engineer-jp", "Engineering", "東京"),
    ("Growth Manager 🚀", "growth-manager", "Sales", "Berlin"),
    ("مهندس مبيعات", "sales-engineer-mena", "Sales", "Dubai"),
    ("Site Manager, O’Hare Hub", "site-manager-ohare-hub", "Operations", "Chicago"),
    ("Frontend Engineer <b>Design Systems</b>", "frontend-engineer-design-systems", "Engineering", "Remote"),
    ("=SUM(Talent) Analyst", "sum-talent-analyst", "People", "Berlin"),
    ('"Night Shift" Technician, Line 4', "night-shift-technician-line-4", "Operations", "Nürnberg"),
    ("R&D Scientist – Perception", "rd-scientist-perception", "Research", "Zürich"),
    ("Research Scientist, Grasping", "research-scientist-grasping", "Research", "Zürich"),
    ("计算机视觉研究员", "computer-vision-researcher-cn", "Research", "上海"),
    ("Field Service Engineer", "field-service-engineer", "Support", "Hamburg"),
    ("Customer Support Agent (m/w/d)", "customer-support-agent", "Support", "Leipzig"),
    ("Support Engineer Tier 2", "support-engineer-tier-2", "Support", "Lisbon"),
    ("Account Executive DACH", "account-executive-dach", "Sales", "Frankfurt"),
    ("Account Executive Nordics", "account-executive-nordics", "Sales", "Stockholm"),
    ("Sales Development Representative", "sales-development-representative", "Sales", "Berlin"),
    ("Key Account Manager Automotive", "key-account-manager-automotive", "Sales", "Stuttgart"),
    ("DevOps Engineer", "devops-engineer", "Engineering", "Remote"),
    ("Backend Engineer (Python)", "backend-engineer-python", "Engineering", "Berlin"),
    ("Backend Engineer (Rust)", "backend-engineer-rust", "Engineering", "Remote"),
    ("Data Engineer", "data-engineer", "Engineering", "Berlin"),
    ("Product Manager, Fleet", "product-manager-fleet", "Engineering", "Berlin"),
    ("Product Designer", "product-designer", "Engineering", "Remote"),
    ("Mechanical Design Engineer", "mechanical-design-engineer", "Engineering", "München"),
    ("Electrical Engineer", "electrical-engineer", "Engineering", "München"),
    ("Safety Engineer ISO 10218", "safety-engineer-iso-10218", "Engineering", "München"),
    ("Simulation Engineer", "simulation-engineer", "Research", "Zürich"),
    ("PhD Intern, Motion Planning", "phd-intern-motion-planning", "Research", "Zürich"),
    ("Working Student Robotics Lab", "working-student-robotics-lab", "Research", "Berlin"),
    ("Internship Marketing ☀️ Summer", "internship-marketing-summer", "Sales", "Berlin"),
    ("Assembly Technician", "assembly-technician", "Operations", "Nürnberg"),
    ("Warehouse Lead", "warehouse-lead", "Operations", "Leipzig"),
    ("Supply Chain Planner", "supply-chain-planner", "Operations", "Nürnberg"),
    ("Procurement Specialist", "procurement-specialist", "Operations", "Nürnberg"),
    ("Manufacturing Engineer", "manufacturing-engineer", "Operations", "Nürnberg"),
    ("Contrôleur de gestion", "controleur-de-gestion", "Finance", "Lyon"),
    ("Accountant", "accountant", "Finance", "Berlin"),
    ("Payroll Specialist", "payroll-specialist", "Finance", "Berlin"),
    ("Technical Recruiter", "technical-recruiter", "People", "Berlin"),
    ("HR Business Partner", "hr-business-partner", "People", "München"),
    ("Inżynier automatyk", "inzynier-automatyk", "Engineering", "Wrocław"),
    ("Head of Customer Success", "head-of-customer-success", "Support", "Berlin"),
)


@dataclass(frozen=True)
class Posting:
    """One opening; `spans` are its open days, both ends inclusive, the last one open-ended while it lives."""

    requisition: str
    title: str
    slug: str
    department: str
    location: str
    recruiter: str
    hiring_manager: str
    spans: tuple[tuple[date, date | None], ...]
    weight: float
    job_key: str
    employer_job_id: str

    @property
    def path(self) -> str:
        """The career-site page."""
        return f"/jobs/{self.slug}"

    @property
    def opened_on(self) -> date:
        """The first open day."""
        return self.spans[0][0]

    @property
    def closed_on(self) -> date | None:
        """The last open day; None while it is open."""
        return self.spans[-1][1]

    def is_open(self, day: date) -> bool:
        """Whether it can be applied to on a company day."""
        return any(start <= day and (end is None or day <= end) for start, end in self.spans)


def build_postings(seed: int, anchor: date) -> tuple[Posting, ...]:
    """All postings, in the order of their requisition ids."""
    rng = random.Random(f"{seed}:postings")
    return tuple(_posting(rng, anchor, index) for index in range(len(OPENINGS)))


def _posting(rng: random.Random, anchor: date, index: int) -> Posting:
    title, slug, department, location = OPENINGS[index]
    requisition = f"REQ-{1001 + index}"
    digest = hashlib.sha256(f"posting:{requisition}:{slug}".encode()).digest()
    return Posting(
        requisition=requisition,
        title=title,
        slug=slug,
        department=department,
        location=location,
        recruiter=RECRUITERS[index % len(RECRUITERS)],
        hiring_manager=DEPARTMENT_LEADS[department],
        spans=_spans(rng, anchor, index),
        weight=round(rng.uniform(0.5, 2.5), 3),
        job_key=digest[:8].hex(),
        employer_job_id=str(uuid.UUID(bytes=digest[8:24], version=4)),
    )


def _spans(rng: random.Random, anchor: date, index: int) -> tuple[tuple[date, date | None], ...]:
    """Its life: evergreen, closed, closed and reopened, opened last week, or opened some time ago."""

    def ago(days: int) -> date:
        return anchor - timedelta(days=days)

    kind = index % 12
    if kind in {0, 1, 5}:
        return ((ago(HISTORY_DAYS + rng.randint(5, 120)), None),)
    if kind in {2, 4, 7}:
        opened = rng.randint(170, HISTORY_DAYS)
        return ((ago(opened), ago(opened - rng.randint(60, 150))),)
    if kind == 9:
        opened = rng.randint(260, HISTORY_DAYS)
        return ((ago(opened), ago(opened - rng.randint(50, 110))), (ago(rng.randint(20, 60)), None))
    if kind == 11:
        return ((ago(rng.randint(2, 6)), None),)
    return ((ago(rng.randint(40, 380)), None),)

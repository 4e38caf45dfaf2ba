"""A company whose people recommend others, in the started app."""

import itertools
from datetime import UTC, datetime, timedelta

import httpx
from sqlmodel import select

from actions.opting_out import token_of
from actions.referrals import Wanted, refer
from actions.tracker import save_tracker
from actions.viewer import Viewer
from settings import load
from store.opening import attach_store
from store.tables import Company, JobPosting, LinkClick, Referral, User

HOME = "https://jobs.acme.example"
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
_addresses = (f"198.51.{third}.{fourth}" for third, fourth in itertools.product(range(100), range(1, 250)))


class Desk:
    """A company that refers people, in the running app."""

    def __init__(self, app, number):
        self.store = attach_store(load({"DATA_DIR": str(app.data_dir)}))
        self.url = app.url
        company = Company(number=number, name=f"Harbour & Sons {number}", time_zone="Europe/Berlin")
        with self.store.writing() as session:
            session.add(company)
            session.flush()
            self.nurse = JobPosting(
                company_id=company.id,
                number=1,
                title="Nurse, <nights>",
                department="Care",
                location="Utrecht",
                apply_url=f"{HOME}/jobs/nurse?a=1#f",
                advert={"description": "You care.\n\n<script>alert(1)</script>"},
            )
            user = User(
                company_id=company.id, email=f"ada{number}@acme.example", name="Ada <i>Lovelace</i>", role="admin"
            )
            session.add_all([self.nurse, user])
        self.ada = Viewer(user.id, company.id, "admin", user.name, user.email)
        save_tracker(self.store, self.ada, [HOME], "", now=datetime.now(UTC))
        self.people = itertools.count(1)

    def visitor(self, address=None, **headers):
        """A browser at an address of its own, so that one test's guesses are not another's."""
        told = {"User-Agent": CHROME, "X-Forwarded-For": address or next(_addresses), **headers}
        return httpx.Client(base_url=self.url, trust_env=False, timeout=60, headers=told)

    def refer(self, name="Sam Lind"):
        """A new referral, made at an hour of its own: nobody refers many people in one."""
        number = next(self.people)
        wanted = Wanted(self.nurse.id, name, f"sam{number}+jobs@mail.example", by_mail=False)
        return refer(self.store, self.ada, wanted, now=datetime.now(UTC) - timedelta(hours=900 - number))

    def change(self, referral_id, **values):
        with self.store.writing() as session:
            row = session.get_one(Referral, referral_id)
            for name, value in values.items():
                setattr(row, name, value)
            session.add(row)

    def row(self, referral_id):
        with self.store.reading() as session:
            return session.get_one(Referral, referral_id)

    def clicks(self, **where):
        with self.store.reading() as session:
            query = select(LinkClick)
            for name, value in where.items():
                query = query.where(getattr(LinkClick, name) == value)
            return list(session.exec(query))

    def token(self, purpose, referral_id):
        return f"/r/{purpose}/{token_of(self.store.vault, purpose, referral_id)}"

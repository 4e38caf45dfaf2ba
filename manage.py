"""The operator's commands: `python manage.py --help`."""

import argparse
import getpass
import json
import os
import signal
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import UUID

from sqlalchemy.exc import OperationalError
from sqlmodel import col, select

import logs
from actions import demo as seeds
from actions import operations, syncs, users
from actions.export import open_export
from actions.ports import require_free_port
from actions.viewer import ADMIN, NotAllowed, NotFound, Viewer
from api.app import ENDPOINTS
from api.openapi import document
from api.reference import markdown
from demonstration import demonstrate
from domain.periods import Period
from jobs.aggregate import rebuild as rebuild_aggregates
from jobs.enqueue import SyncType
from sandbox.launch import SandboxFailedError
from settings import Settings, current, load
from store.errors import StoreError
from store.opening import Store, open_store
from store.reports.export import DATASETS
from store.rotation import rotate
from store.tables import Company, PlatformConfig, User
from store.tables.people import ROLES

ROOT = Path(__file__).resolve().parent
OPERATOR = "operator"


class Refused(Exception):
    """The command cannot be carried out; the text says why."""


def run(settings: Settings, _given: argparse.Namespace) -> int:
    """Start pages, API, clock and workers on PORT."""
    require_free_port(settings.port)
    sys.stderr.write(f"Sourceboard: {settings.public_url or f'http://localhost:{settings.port}'}\n")
    sys.stderr.flush()
    os.chdir(ROOT)
    os.execv(sys.executable, app_command(settings.port))  # noqa: S606 - no shell, our own arguments


def app_command(port: int) -> list[str]:
    """What starts the app, as its users could type it."""
    return [sys.executable, "-m", "streamlit", "run", str(ROOT / "Home.py"), "--server.port", str(port)]


def demo(_settings: Settings, _given: argparse.Namespace) -> int:
    """Start a demo company fed by the sandbox, with a year of data."""
    os.environ |= {"SANDBOX": "1", "DATA_DIR": os.environ.get("DATA_DIR", str(ROOT / "demo-data"))}
    settings = load(os.environ)
    require_free_port(settings.port)
    require_free_port(settings.sandbox_port, variable="SANDBOX_PORT")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    return demonstrate(settings, _Opened(settings), app_command(settings.port), _say)


def sandbox(settings: Settings, given: argparse.Namespace) -> int:
    """Start the sandbox that imitates the platforms on SANDBOX_PORT."""
    command = [sys.executable, "-m", "sandbox", "--port", str(settings.sandbox_port), *given.options]
    os.chdir(ROOT)
    os.execv(sys.executable, command)  # noqa: S606 - no shell, our own arguments


def setup_link(settings: Settings, _given: argparse.Namespace) -> int:
    """Print a fresh one-time link that makes the first admin."""
    with _Opened(settings) as store:
        token = users.make_setup_link(store, now=_now())
    base = settings.public_url.rstrip("/") or f"http://localhost:{settings.port}"
    _say(f"{base}/?setup={token}")
    return 0


def create_user(settings: Settings, given: argparse.Namespace) -> int:
    """Add a user; makes the company when there is none of that name."""
    password = _password(given)
    with _Opened(settings) as store:
        company = _company(store, given)
        user = User(company_id=company.id, email=given.email, name=given.name or given.email, role=given.role)
        users.add_user(store, company, user, password=password, by=OPERATOR, now=_now())
    _say(f"{given.email} can sign in to {company.name} as {given.role}.")
    return 0


def set_password(settings: Settings, given: argparse.Namespace) -> int:
    """Set a user's password and end their sessions."""
    password = _password(given)
    with _Opened(settings) as store:
        user = users.find_user(store, given.email)
        if user is None:
            raise Refused(f"Nobody signs in with {given.email}.")
        users.change_password(store, user.id, password, by=OPERATOR, now=_now())
    _say("The password is set; other sessions have ended.")
    return 0


def change_user(settings: Settings, given: argparse.Namespace) -> int:
    """Change a user's role, or whether they may sign in."""
    asked = {"role": given.role, "is_active": given.is_active}
    change = {name: value for name, value in asked.items() if value is not None}
    with _Opened(settings) as store:
        user = users.find_user(store, given.email)
        if user is None:
            raise Refused(f"Nobody signs in with {given.email}.")
        company = next(company for company in users.list_companies(store) if company.id == user.company_id)
        users.change_user(store, _operator(company), user.id, now=_now(), **change)
        changed = users.find_user(store, given.email) or user
    _say(f"{changed.email} {'can' if changed.is_active else 'can no longer'} sign in as {changed.role}.")
    return 0


def sync(settings: Settings, given: argparse.Namespace) -> int:
    """Ask for a sync of all connections, or of one platform's; a running Sourceboard does it."""
    with _Opened(settings) as store:
        kind: SyncType = "full" if given.full else "incremental"
        asked = 0
        for company in users.list_companies(store):
            for job in syncs.sync_all(
                store, _operator(company), now=_now(), sync_type=kind, platform=given.platform or ""
            ):
                _say(f"{company.name}: sync job {job.job_id} is {job.state}")
                asked += 1
        if not asked:
            raise Refused(f"No connection{f' to {given.platform}' if given.platform else ''} is switched on.")
    return 0


def backfill(settings: Settings, given: argparse.Namespace) -> int:
    """Ask for days to be read again, from --from up to and without --to."""
    with _Opened(settings) as store:
        with store.reading() as session:
            configs = session.exec(
                select(PlatformConfig).where(
                    col(PlatformConfig.platform) == given.platform,
                    col(PlatformConfig.is_active).is_(True),
                    col(PlatformConfig.connector) != "",
                    col(PlatformConfig.deleted_at).is_(None),
                )
            ).all()
        if not configs:
            raise Refused(f"No connection to {given.platform} is switched on.")
        by_id = {company.id: company for company in users.list_companies(store)}
        for config in configs:
            viewer = _operator(by_id[config.company_id])
            job = syncs.backfill(store, viewer, config.id, given.start, given.end, now=_now())
            _say(f"{config.name or config.platform}: sync job {job.job_id} is {job.state}")
    return 0


def doctor(settings: Settings, _given: argparse.Namespace) -> int:
    """Look at everything that has to be right; exit code 1 when something is not."""
    findings = operations.examine(settings, now=_now())
    for finding in findings:
        _say(f"{'ok  ' if finding.is_good else 'BAD '} {finding.subject}: {finding.words}")
    return 0 if all(finding.is_good for finding in findings) else 1


def backup(settings: Settings, given: argparse.Namespace) -> int:
    """Copy the SQLite database while it is in use."""
    copy = operations.keep_copy(settings, given.to or settings.data_dir / "backups")
    _say(f"{copy}\nThe encryption key is not in it: keep that elsewhere.")
    return 0


def restore(settings: Settings, given: argparse.Namespace) -> int:
    """Put a copy in the database's place; Sourceboard must be stopped."""
    kept = operations.put_back(settings, given.file)
    _say("Restored." + (f" What was there is kept in {kept}" if kept else ""))
    return 0


def rotate_keys(settings: Settings, _given: argparse.Namespace) -> int:
    """Seal all secrets with the first key of ENCRYPTION_KEY."""
    with _Opened(settings) as store:
        for kid, number in sorted(rotate(store).items()):
            _say(f"{kid}: {number} values")
    return 0


def rebuild(settings: Settings, _given: argparse.Namespace) -> int:
    """Recompute all aggregates from the facts."""
    with _Opened(settings) as store:
        _say(f"{rebuild_aggregates(store, now=_now())} rows were wrong and are right now.")
    return 0


def export_audit(settings: Settings, given: argparse.Namespace) -> int:
    """Write the audit log as JSON lines."""
    with _Opened(settings) as store:
        out = given.to.open("w", encoding="utf-8") if given.to else sys.stdout
        try:
            for line in operations.audit_lines(store):
                out.write(line + "\n")
        finally:
            if given.to:
                out.close()
    return 0


def openapi(_settings: Settings, given: argparse.Namespace) -> int:
    """Print the API's OpenAPI document, or its page."""
    told = document(ENDPOINTS)
    tools = frozenset(endpoint.name for endpoint in ENDPOINTS if endpoint.is_tool)
    _say(markdown(told, tools).rstrip() if given.markdown else json.dumps(told, indent=2))
    return 0


def export(settings: Settings, given: argparse.Namespace) -> int:
    """Write numbers into a file: CSV, or Parquet where its name ends so."""
    form = "parquet" if given.into.suffix == ".parquet" else "csv"
    with _Opened(settings) as store:
        company = _known_company(store, given.company)
        file = open_export(store, company.id, given.dataset, Period(given.start, given.end), form)
        with closing(file), given.into.open("wb") as out:
            out.writelines(file)
    return 0


class _Opened:
    """The store for one command."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def __enter__(self) -> Store:
        self._store = open_store(self._settings)
        return self._store

    def __exit__(self, *_: object) -> None:
        self._store.close()


def _known_company(store: Store, name: str) -> Company:
    """The company of that name, or without a name the only one."""
    known = users.list_companies(store)
    if not known:
        raise Refused("There is no company yet.")
    named = [company for company in known if not name or company.name == name]
    if len(named) != 1:
        raise Refused(f"There is no company {name!r}." if name else "Say which company with --company.")
    return named[0]


def _company(store: Store, given: argparse.Namespace) -> Company:
    """The same; one of a name that nobody has is made."""
    known = {company.name for company in users.list_companies(store)}
    if not known and not given.company:
        raise Refused("Name the first company with --company.")
    if not given.company or given.company in known:
        return _known_company(store, given.company)
    company = Company(number=1, name=given.company, time_zone=given.time_zone, currency=given.currency)
    return users.add_company(store, company, by=OPERATOR, now=_now())


def _password(given: argparse.Namespace) -> str:
    if given.password_stdin:
        return sys.stdin.readline().rstrip("\n")
    first = getpass.getpass("Password: ")
    if first != getpass.getpass("Password again: "):
        raise Refused("The two passwords differ.")
    return first


def _operator(company: Company) -> Viewer:
    return Viewer(UUID(int=0), company.id, ADMIN, OPERATOR, OPERATOR)


def _now() -> datetime:
    return datetime.now(UTC)


def _say(words: str) -> None:
    """At once: into a pipe or a file Python would keep the words back, the demo's password among them."""
    sys.stdout.write(words + "\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="manage.py", description="Sourceboard's commands for operators.")
    commands = parser.add_subparsers(required=True, metavar="command")

    def add(command: Callable[[Settings, argparse.Namespace], int]) -> argparse.ArgumentParser:
        words = (command.__doc__ or "").strip()
        added = commands.add_parser(command.__name__.replace("_", "-"), help=words, description=words)
        added.set_defaults(command=command)
        return added

    for plain in (run, demo, setup_link, doctor, rotate_keys, rebuild):
        add(plain)
    add(sandbox).add_argument("options", nargs=argparse.REMAINDER, help="options of python -m sandbox")
    _add_people_commands(add)
    command = add(sync)
    command.add_argument("--platform", help="only this platform's connections")
    command.add_argument("--full", action="store_true", help="twelve months instead of the last days")
    command = add(backfill)
    command.add_argument("--platform", required=True)
    _add_days(command)
    add(openapi).add_argument("--markdown", action="store_true", help="docs/api.md instead")
    command = add(export)
    command.add_argument("dataset", choices=sorted(DATASETS))
    command.add_argument("--company", default="")
    _add_days(command)
    command.add_argument("--into", type=Path, required=True, help="the file to write")
    add(backup).add_argument("--to", type=Path, help="folder for the copy")
    add(restore).add_argument("file", type=Path)
    add(export_audit).add_argument("--to", type=Path, help="file to write; standard output without it")
    return parser


def _add_people_commands(add: Callable[..., argparse.ArgumentParser]) -> None:
    made, password, changed = add(create_user), add(set_password), add(change_user)
    for command in (made, password, changed):
        command.add_argument("--email", required=True)
    for command in (made, password):
        command.add_argument("--password-stdin", action="store_true", help="read the password from standard input")
    made.add_argument("--name", default="")
    made.add_argument("--role", choices=ROLES, default="hiring_manager")
    made.add_argument("--company", default="")
    made.add_argument("--time-zone", default="UTC", help="of a new company")
    made.add_argument("--currency", default="USD", help="of a new company")
    changed.add_argument("--role", choices=ROLES)
    access = changed.add_mutually_exclusive_group()
    access.add_argument("--disable", dest="is_active", action="store_const", const=False, help="ends their sessions")
    access.add_argument("--enable", dest="is_active", action="store_const", const=True)


def _add_days(command: argparse.ArgumentParser) -> None:
    command.add_argument("--from", dest="start", type=date.fromisoformat, required=True, metavar="YYYY-MM-DD")
    command.add_argument("--to", dest="end", type=date.fromisoformat, required=True, metavar="YYYY-MM-DD")


def main(arguments: list[str] | None = None) -> int:
    """Carries out one command; a refusal is one sentence on standard error and exit code 1."""
    given = _parser().parse_args(arguments)
    refusals = (Refused, StoreError, seeds.DemoRefused, SandboxFailedError, operations.OperationRefused)
    try:
        settings = current()
        logs.configure(settings.log_level)
        logs.hide(*settings.secrets)
        code: int = given.command(settings, given)
        return code
    # SettingsError, NotAccepted and WeakPassword are ValueErrors.
    except (*refusals, NotAllowed, NotFound, ValueError) as error:
        sys.stderr.write(f"{error}\n")
    except OperationalError as error:
        sys.stderr.write(f"The database cannot be used: {error.orig}\n")
    except OSError as error:
        sys.stderr.write(f"{error.filename or 'The system'}: {error.strerror or error}\n")
    except KeyboardInterrupt:
        return 130
    return 1


if __name__ == "__main__":
    sys.exit(main())

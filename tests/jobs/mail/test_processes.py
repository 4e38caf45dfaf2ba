"""Mail by real worker processes: one killed between a message and the server's answer, and many at once."""

import signal
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from jobs import mail
from store.opening import Store
from store.tables import Company
from store.writes.mail import HOLD
from tests.jobs.invited import NOW, Programme, mail_settings
from tests.jobs.mail_worker import work
from tests.jobs.postbox import Postbox
from tests.waiting import answers_of, until

WORKERS = 8
MESSAGES = 24


@pytest.mark.kill
def test_a_worker_killed_between_message_and_answer_sends_it_once_and_a_person_is_asked(
    store: Store, company: Company, box: Postbox, port: int, database_url: str, nursery: Any
) -> None:
    programme, settings = Programme(store, company), mail_settings(port)
    first = programme.invite(settings)
    box.mood = "kill"
    worker = nursery.Process(target=work, args=({"url": database_url, "port": port, "now": NOW.isoformat()}, None))
    worker.start()
    box.victim = worker.pid
    worker.join(300)
    assert worker.exitcode == -signal.SIGKILL
    assert box.recipients() == ["sam@mail.example"]
    assert programme.mail(first).state == "sending"
    box.mood = ""
    for later in (timedelta(0), HOLD / 2, HOLD + timedelta(seconds=1), timedelta(hours=7), timedelta(days=2)):
        while mail.send_next(store, settings, now=lambda at=NOW + later: at) is not None:
            pass
    assert box.recipients() == ["sam@mail.example"], "nobody sends it again by themselves"
    found = programme.mail(first)
    assert (found.state, found.cause_code) == ("unknown", "no_worker")


@pytest.mark.kill
def test_a_worker_killed_before_the_message_costs_nothing(
    store: Store, company: Company, box: Postbox, port: int, database_url: str, nursery: Any
) -> None:
    programme, settings = Programme(store, company), mail_settings(port)
    first = programme.invite(settings)
    box.mood = "stall"
    worker = nursery.Process(target=work, args=({"url": database_url, "port": port, "now": NOW.isoformat()}, None))
    worker.start()
    until(lambda: box.tries, "the worker speaks to the server")
    assert box.tries == 1
    worker.kill()
    worker.join(300)
    assert programme.mail(first).state == "waiting", "nothing was said that could have arrived"
    box.mood = ""
    later = NOW + HOLD + timedelta(seconds=1)
    assert mail.send_next(store, settings, now=lambda: later) == "sent"
    assert box.recipients() == ["sam@mail.example"]


def test_eight_workers_at_once_send_each_message_once(
    store: Store, company: Company, box: Postbox, port: int, database_url: str, nursery: Any
) -> None:
    programme, settings = Programme(store, company), mail_settings(port)
    wanted = sorted(f"person{number}@mail.example" for number in range(MESSAGES))
    for address in wanted:
        programme.invite(settings, programme.referral(address))
    report = nursery.Queue()
    told = {"url": database_url, "port": port, "now": NOW.isoformat()}
    workers = [nursery.Process(target=work, args=(told, report)) for _ in range(WORKERS)]
    for worker in workers:
        worker.start()
    sent = answers_of(report, workers, WORKERS)
    for worker in workers:
        worker.join(300)
    assert [worker.exitcode for worker in workers] == [0] * WORKERS
    assert Counter(box.recipients()) == Counter(wanted)
    assert sum(sent) == MESSAGES
    assert len({message["Message-ID"] for _, message in box.taken}) == MESSAGES


def test_workers_keep_to_one_pace_together(
    store: Store, company: Company, box: Postbox, port: int, database_url: str, nursery: Any
) -> None:
    programme = Programme(store, company)
    for number in range(9):
        programme.invite(mail_settings(port), programme.referral(f"person{number}@mail.example"))
    report = nursery.Queue()
    more = {"mail_per_minute_text": "5"}
    told = {"url": database_url, "port": port, "now": NOW.isoformat(), "more": more}
    workers = [nursery.Process(target=work, args=(told, report)) for _ in range(3)]
    for worker in workers:
        worker.start()
    assert sum(answers_of(report, workers, 3)) == 5
    for worker in workers:
        worker.join(300)
    assert len(box.taken) == 5
    paced = mail_settings(port, **more)
    assert mail.send_next(store, paced, now=lambda: NOW + timedelta(seconds=59)) is None
    after = NOW + timedelta(seconds=61)
    while mail.send_next(store, paced, now=lambda: after) is not None:
        pass
    assert len(box.taken) == 9

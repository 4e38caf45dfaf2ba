"""Transactions: what they see, what they lock, and how they fail."""

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.exc import DBAPIError

from store.engine import reading, writing
from store.opening import Store
from store.tables import AppMeta, Company


def test_a_block_commits_at_its_end(store: Store, company: Company) -> None:
    with store.reading() as session:
        assert session.get(Company, company.id).name == "Harbour Works"


def test_a_block_that_raises_leaves_nothing(engine: Engine) -> None:
    def add_and_raise() -> None:
        with writing(engine) as session:
            session.add(AppMeta(key="a", value="b"))
            session.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        add_and_raise()
    with reading(engine) as session:
        assert session.get(AppMeta, "a") is None


def test_a_reader_cannot_write(engine: Engine) -> None:
    with reading(engine) as session:
        session.add(AppMeta(key="a", value="b"))
        with pytest.raises(DBAPIError):
            session.flush()
    with writing(engine) as session:
        session.add(AppMeta(key="a", value="b"))


def test_a_reader_sees_one_moment(engine: Engine) -> None:
    count = select(func.count()).select_from(AppMeta)
    with reading(engine) as reader:
        before = reader.execute(count).scalar_one()
        with writing(engine) as session:
            session.add(AppMeta(key="a", value="b"))
        assert reader.execute(count).scalar_one() == before

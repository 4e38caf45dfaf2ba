"""Forms come from the config model, and never show a secret again."""

from typing import Literal

import pytest
from pydantic import BaseModel, Field, SecretStr
from streamlit.testing.v1 import AppTest

from connectors.registry import CONNECTORS
from ui import forms

#: Seconds, for the runs after the first too: Streamlit gives them three.
PATIENCE = 300


class Sample(BaseModel):
    """One field of each kind."""

    account: str = Field(title="Account", description="Whose it is.", json_schema_extra={"group": "Account"})
    region: Literal["eu", "us"] = Field("us", title="Region")
    per_posting: bool = Field(True, title="Per posting")
    days: int | None = Field(None, title="Days")
    key: SecretStr = Field(title="Key")
    note: str = Field("", title="Note", json_schema_extra={"multiline": True})


def page() -> None:
    import streamlit as st

    from tests.ui.test_forms import Sample
    from ui import forms

    st.session_state["told"] = forms.draw(
        Sample, {"account": "acme", "region": "eu", "key": "leaked"}, key="f", stored=("key",)
    )


def test_a_form_is_filled_from_what_is_stored_but_for_secrets():
    app = AppTest.from_function(page, default_timeout=PATIENCE).run()
    assert not app.exception
    assert app.text_input(key="f_account").value == "acme"
    assert app.text_input(key="f_account").help == "Whose it is."
    assert app.selectbox(key="f_region").value == "eu"
    assert app.text_input(key="f_key").value == ""
    assert app.text_input(key="f_key").placeholder == forms.STORED
    assert app.text_area(key="f_note").value == ""
    assert "leaked" not in str(app.main)


def test_an_empty_secret_is_left_out_and_a_filled_one_is_told():
    app = AppTest.from_function(page, default_timeout=PATIENCE).run()
    assert app.session_state["told"] == {"account": "acme", "region": "eu", "per_posting": True, "note": ""}
    app.text_input(key="f_key").set_value("fresh").run()
    app.number_input(key="f_days").set_value(7).run()
    assert app.session_state["told"] == {
        "account": "acme",
        "region": "eu",
        "per_posting": True,
        "days": 7,
        "key": "fresh",
        "note": "",
    }


@pytest.mark.parametrize("connector", sorted(CONNECTORS))
def test_every_secret_of_every_connector_is_a_password_field(connector):
    model = CONNECTORS[connector].config_model
    told = {name for name, field in model.model_fields.items() if forms.is_secret(field)}
    assert told == set(CONNECTORS[connector].secret_fields())
    assert told, "a platform without a secret needs no form"

"""Connections for programs: the same form, test and save as on screen, with camelCase names."""

from collections.abc import Mapping
from datetime import datetime

from pydantic.alias_generators import to_camel

from actions.connections import Options, Saved, test_and_save
from actions.viewer import Viewer
from connectors.registry import find_connector
from settings import Settings
from store.opening import Store


def save_config(
    store: Store,
    settings: Settings,
    viewer: Viewer,
    connector: str,
    values: Mapping[str, object],
    *,
    config_id: str | None,
    options: Options,
    insist: bool,
    now: datetime,
) -> Saved:
    """Test a connection with its platform and save it when that works; fields by their camelCase names.

    Raises as `test_and_save`.
    """
    names = {told: name for name, told in field_names(connector).items()}
    given = {names.get(told, told): value for told, value in values.items()}
    return test_and_save(
        store, settings, viewer, connector, given, now=now, config_id=config_id, options=options, insist=insist
    )


def field_names(connector: str) -> dict[str, str]:
    """The fields of a connector's form: our name → the name in JSON. Empty for an unknown connector."""
    kind = find_connector(connector)
    return {name: to_camel(name) for name in kind.config_model.model_fields} if kind else {}

"""The platforms that register addresses by API. At all others it is done by hand: Receiver.steps say how."""

from connectors.webhooks.register_facebook import FacebookRegistrar
from connectors.webhooks.register_linkedin import LinkedInRegistrar
from connectors.webhooks.register_x import XRegistrar
from connectors.webhooks.registering import Registrar

REGISTRARS: dict[str, type[Registrar]] = {
    kind.platform: kind for kind in (FacebookRegistrar, XRegistrar, LinkedInRegistrar)
}


def find_registrar(platform: str, connector: str) -> type[Registrar] | None:
    """How a connection of `connector` registers addresses of `platform`; None where that is done by hand."""
    kind = REGISTRARS.get(platform)
    return kind if kind is not None and kind.connector == connector else None

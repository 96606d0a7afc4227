"""``gateway serve``."""

from __future__ import annotations

from gateway.app import House
from gateway.audit import configure_logging
from gateway.commands.common import DEFAULT_SETTINGS, Config, settings_of
from gateway.sandbox.listener import sandbox_listener
from gateway.serving import listeners
from gateway.serving import serve as serve_listeners
from gateway.storage.database import check_database


def serve(*, config: Config = DEFAULT_SETTINGS) -> int:
    """Serve consumers and signers until interrupted; SIGHUP replaces the workers."""
    settings = settings_of(config)
    configure_logging(settings.log_level)
    wanted = listeners(settings)
    sandbox = sandbox_listener(settings)
    if sandbox is not None:
        wanted.append(sandbox)
    settings.pages.secret_key()
    house = House(settings)
    _ = house.judge, house.authority, house.key_store  # what is missing is said here, once, and not by every worker
    check_database(house.database)
    house.database.dispose()  # no connection crosses the fork
    return serve_listeners(wanted, settings.log_level)

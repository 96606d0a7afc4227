"""The sandbox as one more listener beside the gateway's, wired from the same settings."""

from __future__ import annotations

from gateway.app import House, WsgiApplication, utc_now
from gateway.sandbox.layout import open_sandbox
from gateway.sandbox.server import build_wsgi
from gateway.serving import Listener
from gateway.settings import Settings


def sandbox_listener(settings: Settings) -> Listener | None:
    """OCSP, CRLs and time-stamps on loopback; None where *settings* name no sandbox."""
    sandbox = settings.sandbox
    if sandbox is None:
        return None
    folder = sandbox.folder

    def build() -> WsgiApplication:
        house = House(settings)
        return build_wsgi(open_sandbox(folder), house.key_store, house.register, utc_now)

    return Listener("sandbox", sandbox.bind, build, workers=1, threads=32)

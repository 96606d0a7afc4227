"""How the gateway is served: listeners, their processes, and what they bear from slow peers."""

from gateway.serving.callers import certificate_of_connection, certificate_of_proxy, from_proxy
from gateway.serving.listening import Listener, listeners
from gateway.serving.masters import QuietLogger, serve
from gateway.serving.patience import Patience
from gateway.serving.tls import ServerTls, server_context

__all__ = [
    "Listener",
    "Patience",
    "QuietLogger",
    "ServerTls",
    "certificate_of_connection",
    "certificate_of_proxy",
    "from_proxy",
    "listeners",
    "serve",
    "server_context",
]

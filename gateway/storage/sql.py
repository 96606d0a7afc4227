"""The stores on SQL, for those who wire them: one module per door's protocol, one short transaction per method."""

from __future__ import annotations

from gateway.storage.arrivals import SqlArrivalStore
from gateway.storage.directory import SqlConsumerDirectory
from gateway.storage.register import SqlCertificateRegister
from gateway.storage.requests import SqlRequestStore
from gateway.storage.signer_keys import SqlSignerKeyStore
from gateway.storage.throttle import SqlAddressThrottle
from gateway.storage.verification_jobs import SqlVerificationJobStore

__all__ = [
    "SqlAddressThrottle",
    "SqlArrivalStore",
    "SqlCertificateRegister",
    "SqlConsumerDirectory",
    "SqlRequestStore",
    "SqlSignerKeyStore",
    "SqlVerificationJobStore",
]

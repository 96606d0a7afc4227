"""
Raw bytes at the SOAP front door, led by coverage (atheris); run as a process of its own by ``soap``.

The first byte of an input says how it is sent: mode, charset of the header, SOAPAction, and whether in small pieces. The
rest is the body.
"""

from __future__ import annotations

import sys
import tempfile

import atheris

# What the front door leans on comes first, so that coverage is of the front door alone.
import gateway.asn1.x509
import gateway.audit
import gateway.messages.api
import gateway.operations.get_sign_response
import gateway.operations.post_sign_request
import gateway.operations.verify_signatures
import gateway.storage.api

with atheris.instrument_imports(include=["gateway.soap"]):
    import gateway.soap.application

from tests.fuzz.soap_house import ACTION, FuzzHouse

CHARSETS = ("text/xml; charset=utf-8", "text/xml", "text/xml; charset=utf-16", 'text/xml; charset="bogus"')
ACTIONS = ("", f'"{ACTION}PostSignRequest"', f'"{ACTION}GetSignResponse"', f"{ACTION}VerifySignatures")


def main():
    """Run libFuzzer with this process's own arguments."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        house = FuzzHouse(folder)

        def one_input(data):
            if not data:
                return
            how, body = data[0], data[1:]
            house.knock(
                body,
                strict=bool(how & 1),
                content_type=CHARSETS[how >> 1 & 3],
                action=ACTIONS[how >> 3 & 3],
                step=53 if how & 32 else 0,
                twice=bool(how & 64),
            )

        atheris.Setup(sys.argv, one_input)
        atheris.Fuzz()


if __name__ == "__main__":
    assert gateway.soap.application
    main()

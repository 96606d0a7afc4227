"""
The contract as it is published: the WSDL and XSD files of this project, with the service's address filled in.

They are served as they stand and never generated: a generated WSDL names actions, ports and parts otherwise than the
service that consumers know. The address comes from settings and never from a caller's Host header.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

from lxml import etree

from gateway.errors import ConfigurationError
from gateway.soap.responses import Response, StartResponse

_PLACE = "@LOCATION@"
_XS = "{http://www.w3.org/2001/XMLSchema}"
_WSDL = "{http://schemas.xmlsoap.org/wsdl/}"


@dataclass(frozen=True, slots=True)
class PublishedContract:
    """The documents as served: WSDL that imports the schema, WSDL that holds it, and the schema."""

    wsdl: bytes
    single_wsdl: bytes
    xsd: bytes

    def document(self, query: str) -> bytes | None:
        """The document that a query string asks for, in any letter case, as WCF has it; None for any other query."""
        return {"wsdl": self.wsdl, "singlewsdl": self.single_wsdl, "xsd=xsd0": self.xsd}.get(query.lower())


def published_contract(location: str, package: Path = Path(__file__).parents[1]) -> PublishedContract:
    """
    Read the contract's files and fill in *location*.

    Args:
        location: the service's absolute address, for example ``https://msign.example:8443/MSign.svc``.
        package: the folder of the package ``gateway``: an installed one holds the files, in a checkout they lie beside.

    Raises:
        ConfigurationError: *location* is no such address, or the files are not there.

    """
    _check(location)
    wsdl = _file(package, "wsdl", "MSign.wsdl")
    xsd = _file(package, "xsd", "MSign.xsd")
    return PublishedContract(
        wsdl=_located(wsdl, location), single_wsdl=_located(_single(wsdl, xsd), location), xsd=_located(xsd, location)
    )


def contract_wsgi(location: str) -> Callable[[dict[str, Any], StartResponse], Iterable[bytes]]:
    """The contract alone as a WSGI application, to be mounted where no operation is to be called; GET and HEAD."""
    contract = published_contract(location)

    def application(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("PATH_INFO", "") not in ("", "/", "/MSign.svc", "/MSign.svc/"):
            response = Response.plain("404 Not Found")
        elif environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            hint = f"Operations are called at {location}"
            response = Response.plain("405 Method Not Allowed", hint, [("Allow", "GET, HEAD")])
        else:
            response = contract_response(contract, location, environ.get("QUERY_STRING", ""))
        return response.send(environ, start_response)

    return application


def contract_response(contract: PublishedContract, location: str, query: str) -> Response:
    """The document that *query* asks for; without a query a line for whoever opens the address in a browser."""
    if not query:
        return Response.plain("200 OK", f"MSign signing service, SOAP 1.1. Contract: {location}?wsdl")
    document = contract.document(query)
    if document is None:
        return Response.plain("404 Not Found", "The contract is at ?wsdl, ?singleWsdl and ?xsd=xsd0")
    return Response.xml("200 OK", document)


def _check(location: str) -> None:
    try:
        parts = urlsplit(location)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fits = False
        parts = urlsplit("")
    if not fits or parts.query or parts.fragment or not location.isprintable() or " " in location:
        raise ConfigurationError("the service's published address must be an absolute http(s) address without query")


def _file(package: Path, folder: str, name: str) -> bytes:
    for place in (package / "contract", package.parent):
        path = place / folder / name
        if path.is_file():
            return path.read_bytes()
    raise ConfigurationError(f"the contract's file {name} is missing from this installation")


def _single(wsdl: bytes, xsd: bytes) -> bytes:
    """The WSDL with the schema in the place of its import."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, remove_blank_text=True)
    root = etree.fromstring(wsdl, parser)
    types = root.find(f"{_WSDL}types")
    assert types is not None
    for importing in types.findall(f"{_XS}schema"):
        types.remove(importing)
    types.append(etree.fromstring(xsd, parser))
    return bytes(etree.tostring(root, xml_declaration=True, encoding="utf-8", pretty_print=True))


def _located(document: bytes, location: str) -> bytes:
    return document.replace(_PLACE.encode(), escape(location, {'"': "&quot;"}).encode())

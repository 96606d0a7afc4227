"""The contract is served as it stands in the project, with the address that was configured and no other."""

import io
import shutil
from pathlib import Path

import pytest
from lxml import etree

import gateway
from gateway.errors import ConfigurationError
from gateway.soap.published import contract_wsgi, published_contract
from tests.soap.messages import LOCATION

ROOT = Path(__file__).parents[2]
WSDL = "{http://schemas.xmlsoap.org/wsdl/}"
SOAP = "{http://schemas.xmlsoap.org/wsdl/soap/}"
XS = "{http://www.w3.org/2001/XMLSchema}"


def canonical(element):
    """*element* by itself, without white space between elements."""
    alone = etree.fromstring(etree.tostring(element, with_tail=False), etree.XMLParser(remove_blank_text=True))
    return etree.tostring(alone, method="c14n2", strip_text=True)


@pytest.mark.parametrize("query", ["wsdl", "WSDL", "Wsdl"])
def test_the_wsdl_is_the_file_with_the_address(door, query):
    answer = door.call(method="GET", query=query)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/xml; charset=utf-8"
    assert answer.body == (ROOT / "wsdl" / "MSign.wsdl").read_bytes().replace(b"@LOCATION@", LOCATION.encode())
    root = etree.fromstring(answer.body)
    assert [address.get("location") for address in root.iter(SOAP + "address")] == [LOCATION]
    assert [found.get("schemaLocation") for found in root.iter(XS + "import")] == [f"{LOCATION}?xsd=xsd0"]


@pytest.mark.parametrize("query", ["xsd=xsd0", "XSD=xsd0"])
def test_the_schema_is_the_file(door, query):
    assert door.call(method="GET", query=query).body == (ROOT / "xsd" / "MSign.xsd").read_bytes()


@pytest.mark.parametrize("query", ["singleWsdl", "singlewsdl", "SINGLEWSDL"])
def test_the_single_wsdl_holds_the_schema_and_imports_nothing(door, query):
    root = etree.fromstring(door.call(method="GET", query=query).body)
    assert not list(root.iter(XS + "import"))
    (schema,) = root.iter(XS + "schema")
    assert canonical(schema) == canonical(etree.parse(ROOT / "xsd" / "MSign.xsd").getroot())
    other = etree.parse(ROOT / "wsdl" / "MSign.wsdl").getroot()
    for part in ("message", "portType", "binding"):
        assert [canonical(e) for e in root.iter(WSDL + part)] == [canonical(e) for e in other.iter(WSDL + part)]
    assert [address.get("location") for address in root.iter(SOAP + "address")] == [LOCATION]


def test_the_contract_is_shown_to_anybody_and_host_changes_nothing(door):
    asked = {"certificate": None, "HTTP_HOST": "evil.example", "HTTP_X_FORWARDED_HOST": "evil.example"}
    for query in ("wsdl", "singleWsdl", "xsd=xsd0", ""):
        answer = door.call(method="GET", query=query, **asked)
        assert answer.status == 200
        assert b"evil" not in answer.body


def test_head_has_the_length_and_no_body(door):
    whole = door.call(method="GET", query="wsdl")
    head = door.call(method="HEAD", query="wsdl")
    assert (head.status, head.body) == (200, b"")
    assert head.headers == whole.headers


@pytest.mark.parametrize("query", ["xsd=xsd1", "xsd", "wsdl=wsdl0", "disco", "wsdl&x=1", "\xff"])
def test_another_query_is_not_found_and_told_which_there_are(door, query):
    answer = door.call(method="GET", query=query)
    assert answer.status == 404
    assert b"The contract is at ?wsdl, ?singleWsdl and ?xsd=xsd0" in answer.body


def test_a_visitor_is_told_where_the_contract_is(door):
    answer = door.call(method="GET")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert f"{LOCATION}?wsdl".encode() in answer.body


def test_an_address_is_escaped_where_it_is_filled_in():
    location = "https://msign.example/a'b&<>\"/MSign.svc"
    contract = published_contract(location)
    for document in (contract.wsdl, contract.single_wsdl):
        (address,) = etree.fromstring(document).iter(SOAP + "address")
        assert address.get("location") == location
        assert b"@LOCATION@" not in document


@pytest.mark.parametrize(
    "location",
    [
        "",
        "/MSign.svc",
        "msign.example/MSign.svc",
        "ftp://msign.example/MSign.svc",
        "https:///MSign.svc",
        "https://msign.example/MSign.svc?x",
        "https://msign.example/MSign.svc#x",
        "https://msign.example/ MSign.svc",
        "https://msign.example/\nMSign.svc",
        "https://msign.example:port/MSign.svc",
        "https://msign.example:0/MSign.svc",
        "https://[::1/MSign.svc",
    ],
)
def test_an_address_that_no_client_could_use_is_refused_at_start(location):
    with pytest.raises(ConfigurationError):
        published_contract(location)


def test_an_installed_package_finds_its_own_files(tmp_path):
    """A wheel carries the two files inside the package (pyproject's force-include); nothing lies beside it then."""
    package = tmp_path / "site-packages" / "gateway"
    for folder in ("wsdl", "xsd"):
        shutil.copytree(ROOT / folder, package / "contract" / folder)
    assert published_contract(LOCATION, package) == published_contract(LOCATION)


def test_an_installation_without_the_files_says_so(tmp_path):
    with pytest.raises(ConfigurationError, match=r"MSign\.wsdl is missing"):
        published_contract(LOCATION, tmp_path / "gateway")


def test_the_wheel_is_told_to_carry_the_files():
    import tomllib

    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    included = settings["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert included == {"wsdl": "gateway/contract/wsdl", "xsd": "gateway/contract/xsd"}
    assert Path(gateway.__file__).parents[1] == ROOT


# ------------------------------------------------------------------ the contract on the other port
def ask(application, **environ):
    started = []
    given = {"REQUEST_METHOD": "GET", "PATH_INFO": "/MSign.svc", "QUERY_STRING": "wsdl", "wsgi.input": io.BytesIO()}
    body = b"".join(application({**given, **environ}, lambda status, headers: started.append((status, dict(headers)))))
    ((status, headers),) = started
    return int(status[:3]), headers, body


@pytest.mark.parametrize("path", ["/MSign.svc", "/MSign.svc/", "", "/"])
def test_the_mounted_contract_is_the_same(door, path):
    status, _, body = ask(contract_wsgi(LOCATION), PATH_INFO=path)
    assert (status, body) == (200, door.call(method="GET", query="wsdl").body)


def test_the_mounted_contract_takes_no_calls():
    status, headers, body = ask(contract_wsgi(LOCATION), REQUEST_METHOD="POST")
    assert (status, headers["Allow"]) == (405, "GET, HEAD")
    assert LOCATION.encode() in body
    assert ask(contract_wsgi(LOCATION), PATH_INFO="/MSign.svc/x")[0] == 404
    assert ask(contract_wsgi(LOCATION), QUERY_STRING="disco")[0] == 404

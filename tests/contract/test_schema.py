"""The types that messages are read and written by are those of the published schema, member by member."""

import copy
import functools

import pytest
from lxml import etree

from gateway.soap._spyne import Application, Soap11
from gateway.soap.contract import NAMESPACE
from gateway.soap.service import MSignService

XS = "{http://www.w3.org/2001/XMLSchema}"
OPERATIONS = ("PostSignRequest", "GetSignResponse", "VerifySignatures")
MESSAGES = [name + suffix for name in OPERATIONS for suffix in ("", "Response")]


@functools.cache
def generated():
    """The schema as Spyne makes it of our types."""
    application = Application(
        [MSignService], NAMESPACE, name="MSignService", in_protocol=Soap11(), out_protocol=Soap11()
    )
    application.interface.docs.wsdl11.build_interface_document("https://msign.example")
    document = etree.fromstring(application.interface.docs.wsdl11.get_interface_document())
    (schema,) = document.iter(XS + "schema")
    return schema


def qualified(element, value):
    prefix, _, local = value.rpartition(":")
    return f"{{{element.nsmap.get(prefix or None)}}}{local}"


def members(sequence):
    """Name, type, occurrence and nillability of every member, in order."""
    return [
        (
            element.get("name"),
            qualified(element, element.get("type")),
            element.get("minOccurs", "1"),
            element.get("maxOccurs", "1"),
            element.get("nillable", "false"),
            element.get("default"),
        )
        for element in sequence.iterfind(XS + "element")
    ]


def described(schema):
    """Every type and every message of *schema*, however it is written down."""
    namespace = schema.get("targetNamespace")
    types = {
        f"{{{namespace}}}{t.get('name')}": members(t.find(XS + "sequence")) for t in schema.iterfind(XS + "complexType")
    }
    for simple in schema.iterfind(XS + "simpleType"):
        values = [value.get("value") for value in simple.iter(XS + "enumeration")]
        types[f"{{{namespace}}}{simple.get('name')}"] = values
    messages = {}
    for element in schema.iterfind(XS + "element"):
        if element.get("name") in MESSAGES:
            named = element.get("type")
            # Spyne names the types of messages, which the contract leaves without a name
            messages[element.get("name")] = (
                types.pop(qualified(element, named))
                if named
                else members(element.find(f"{XS}complexType/{XS}sequence"))
            )
    return {"namespace": namespace, "form": schema.get("elementFormDefault"), **types, **messages}


def test_spynes_schema_is_the_published_one(xsd):
    assert described(generated()) == described(xsd)


def test_the_schema_describes_all_there_is(xsd):
    found = described(xsd)
    assert set(MESSAGES) < set(found)
    assert len(found) == 2 + len(MESSAGES) + 18


@pytest.mark.parametrize("attribute", ["nillable", "minOccurs", "maxOccurs", "name", "type"])
def test_the_comparison_notices_every_single_change(xsd, attribute):
    """A check of the check: whichever member's attribute is taken away or changed, the schemas are no longer alike."""
    ours = described(generated())
    places = [
        path
        for sequence in xsd.iter(XS + "sequence")
        for element in sequence
        if element.get(attribute) is not None
        for path in [xsd.getroottree().getpath(element)]
    ]
    assert places
    for path in places:
        changed = copy.deepcopy(xsd)
        (element,) = changed.xpath(path, namespaces={"xs": XS[1:-1]})
        if attribute in ("name", "type"):
            element.set(attribute, "xs:anyURI" if attribute == "type" else "Other")
        else:
            del element.attrib[attribute]
        assert described(changed) != ours, path


def test_the_order_of_members_is_part_of_it(xsd):
    changed = copy.deepcopy(xsd)
    sequence = changed.find(f"{XS}complexType[@name='SignResult']/{XS}sequence")
    sequence.append(sequence[0])
    assert described(changed) != described(generated())

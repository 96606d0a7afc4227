"""
Spyne's SOAP 1.1, hardened: it never sees a caller's document, only the small tree that ``members`` cleaned.

Spyne keeps what it is good at: finding the operation, making objects of elements and elements of objects. Faults are
not its business here (``faults`` writes them), nor are logs: what happens is in the audit record.
"""

from __future__ import annotations

from typing import Any

from lxml import etree

from gateway.soap._spyne import Application, ByteArray, DateTime, EnumBase, MethodContext, ServerBase, Soap11, Unicode
from gateway.soap.answers import StreamedAnswer
from gateway.soap.batches import Batch, BatchCutter
from gateway.soap.calls import Call
from gateway.soap.contract import NAMESPACE, NIL
from gateway.soap.envelope import ReadingRules, read_envelope
from gateway.soap.faults import ENVELOPE_NAMESPACE
from gateway.soap.limits import SoapLimits
from gateway.soap.members import XSI_NAMESPACE
from gateway.soap.service import MSignService
from gateway.soap.shapes import Kind, Shape, shape_of

_PREFIXES: dict[Any, str] = {"s": ENVELOPE_NAMESPACE, None: NAMESPACE, "i": XSI_NAMESPACE}
"""As a WCF server writes them; the default one lets the whole body do without prefixes."""

_ENVELOPE, _BODY = f"{{{ENVELOPE_NAMESPACE}}}Envelope", f"{{{ENVELOPE_NAMESPACE}}}Body"
_LET_GO = dict.fromkeys(
    ("udc", "in_document", "in_body_doc", "in_object", "out_object", "out_document", "out_body_doc", "out_string")
)

_NIL = f"{{{XSI_NAMESPACE}}}nil"


class HardenedSoap11(Soap11):
    """Soap11 with its reading replaced and its writing of binary members and nils changed."""

    def __init__(self, limits: SoapLimits, *, strict: bool) -> None:
        self._limits = limits
        self._strict = strict
        self._rules: ReadingRules | None = None
        self._members: dict[Any, dict[str, tuple[Any, Any]]] = {}
        super().__init__()
        self.deserialization_handlers[ByteArray] = self.binary_from_element
        self.deserialization_handlers[EnumBase] = self.value_from_element
        self.serialization_handlers[ByteArray] = self.binary_to_parent
        self.serialization_handlers[Unicode] = self.text_to_parent
        self.serialization_handlers[DateTime] = self.moment_to_parent

    def set_app(self, value: Any) -> None:
        """Once the application is complete, its operations are what is read; Spyne's constructor comes without one."""
        super().set_app(value)
        if value is not None:
            operations = operations_of(value)
            cutter = BatchCutter(operations, self._limits)
            self._rules = ReadingRules(operations, self._limits, self._strict, cutter)

    def create_in_document(self, ctx: Any, charset: str | None = None) -> None:  # noqa: ARG002 - Spyne's signature
        """Read the call's body into the small tree."""
        call: Call = ctx.udc
        assert self._rules is not None
        call.message = read_envelope(
            call.body,
            self._rules,
            call.deposits,
            charset=call.charset,
            action=call.action,
            named=lambda operation: call.record.note(operation=operation),
        )
        ctx.in_document = call.message.body

    def decompose_incoming_envelope(self, ctx: Any, message: Any = None) -> None:  # noqa: ARG002 - the same
        """Name the operation; the envelope's rules were kept while reading."""
        ctx.in_body_doc = ctx.in_document
        ctx.method_request_string = ctx.in_document.tag

    def deserialize(self, ctx: Any, message: Any) -> None:
        """The operation's parameters; no contract of ours has headers."""
        del message
        ctx.in_object = self.complex_from_element(ctx, ctx.descriptor.in_message, ctx.in_body_doc)

    def serialize(self, ctx: Any, message: Any) -> None:
        """The answer's document: an envelope, the operation's element, and in it the one result."""
        del message
        wrapper = ctx.descriptor.out_message
        ((name, type_),) = wrapper.get_flat_type_info(wrapper).items()
        ctx.out_document = etree.Element(_ENVELOPE, nsmap=_PREFIXES)
        body = etree.SubElement(ctx.out_document, _BODY)
        element = etree.SubElement(body, f"{{{NAMESPACE}}}{wrapper.get_type_name()}")
        self.to_parent(ctx, type_, ctx.out_object[0], element, NAMESPACE, name)

    def create_out_string(self, ctx: Any, charset: str | None = None) -> None:  # noqa: ARG002 - the same
        """The answer, its binary members still to be produced."""
        call: Call = ctx.udc
        ctx.out_string = call.places.answer(etree.tostring(ctx.out_document, encoding="utf-8"))

    def complex_from_element(self, ctx: Any, cls: Any, element: Any) -> Any:
        """
        An object of a structure that the reader has checked: each member is known, comes once and is of its kind.

        Spyne's own way asks again for every member of every object what the contract settled once.
        """
        members = self._members.get(cls)
        if members is None:
            members = self._members[cls] = self._readers(cls)
        plain = cls.__orig__ or cls  # as Spyne has it: an object is of the type that was customized
        made = plain.__new__(plain)
        values = made.__dict__
        values.update(dict.fromkeys(members))
        for child in element:
            name = child.tag.rpartition("}")[2]
            type_, read = members[name]
            values[name] = None if _NIL in child.attrib else read(ctx, type_, child)
        return made

    def array_from_element(self, ctx: Any, cls: Any, element: Any) -> list[Any] | Batch:
        """The items of an array; a nil one is None."""
        if element.text:
            batch: Batch = ctx.udc.message.values[element.text]
            return batch
        (item,) = cls.get_flat_type_info(cls).values()
        return [None if _NIL in child.attrib else self.complex_from_element(ctx, item, child) for child in element]

    def _readers(self, cls: Any) -> dict[str, tuple[Any, Any]]:
        """Types of a structure's members, and what makes their values of elements."""
        types = cls.get_flat_type_info(cls).items()
        return {name: (type_, self.deserialization_handlers[type_]) for name, type_ in types}

    def binary_from_element(self, ctx: Any, _cls: Any, element: Any) -> Any:
        """The decoded bytes that an element refers to."""
        return ctx.udc.message.values[element.text]

    def value_from_element(self, ctx: Any, cls: Any, element: Any) -> str:
        """A value of an enumeration as its text, instead of an object of Spyne's; the reader has checked it."""
        del ctx, cls
        text: str = element.text
        return text

    def binary_to_parent(
        self, ctx: Any, cls: Any, inst: Any, parent: Any, ns: str, name: str = "retval", **_: Any
    ) -> None:
        """The place of a binary member."""
        del cls
        etree.SubElement(parent, f"{{{ns}}}{name}").text = ctx.udc.places.place(inst)

    def text_to_parent(
        self, ctx: Any, cls: Any, inst: Any, parent: Any, ns: str, name: str = "retval", **_: Any
    ) -> None:
        """Text, or nil where that was asked for."""
        element = etree.SubElement(parent, f"{{{ns}}}{name}")
        del ctx, cls
        if inst is NIL:
            element.set(f"{{{XSI_NAMESPACE}}}nil", "true")
        else:
            element.text = inst

    def moment_to_parent(
        self, ctx: Any, cls: Any, inst: Any, parent: Any, ns: str, name: str = "retval", **_: Any
    ) -> None:
        """A moment that is in UTC already, to the second, marked as such."""
        del ctx, cls
        etree.SubElement(parent, f"{{{ns}}}{name}").text = f"{inst.replace(microsecond=0, tzinfo=None).isoformat()}Z"


class SoapApplication(Application):  # type: ignore[misc] # Spyne has no types
    """Spyne's application without its catching and logging: an error passes on to whoever called."""

    def process_request(self, ctx: Any) -> None:
        """Call the operation."""
        ctx.out_object = [self.call_wrapper(ctx)]
        ctx.protocol = ctx.outprot_ctx


class SoapServer(ServerBase):  # type: ignore[misc] # Spyne has no types
    """Carries one call at a time through Spyne; safe for threads."""

    transport = "http://schemas.xmlsoap.org/soap/http"

    @property
    def operation_names(self) -> frozenset[str]:
        """Local names."""
        return frozenset(operations_of(self.app))

    def answer(self, call: Call) -> bytes | StreamedAnswer:
        """
        Read, call, and write.

        Raises:
            GatewayError: whatever the reading or the operation refused.

        """
        contexts = [MethodContext(self, MethodContext.SERVER)]
        contexts[0].udc = call
        try:
            contexts += self.generate_contexts(contexts[0])
            return self._answer(contexts[-1])
        finally:
            # Spyne's contexts refer to themselves; what the call held shall not wait for the garbage collector.
            for context in contexts:
                vars(context).update(_LET_GO)

    def _answer(self, ctx: Any) -> bytes | StreamedAnswer:
        self.get_in_object(ctx)
        if ctx.in_error is not None:  # nothing that the reader lets through can bring Spyne there
            raise RuntimeError("a message that was read could not be made into objects")
        self.get_out_object(ctx)
        self.get_out_string(ctx)
        answer: bytes | StreamedAnswer = ctx.out_string
        return answer


def soap_server(limits: SoapLimits, *, strict: bool) -> SoapServer:
    """The contract's operations, ready to be called."""
    reading, writing = (HardenedSoap11(limits, strict=strict) for _ in range(2))
    application = SoapApplication(
        [MSignService], NAMESPACE, name="MSignService", in_protocol=reading, out_protocol=writing
    )
    application.interface.nsmap = dict(_PREFIXES)
    return SoapServer(application)


def operations_of(application: Any) -> dict[str, Shape]:
    """The shapes of the operations' elements by name."""
    shapes = {}
    for descriptors in application.interface.service_method_map.values():
        message = descriptors[0].in_message
        members = message.get_flat_type_info(message).items()
        name = message.get_type_name()
        held = {member: shape_of(member, type_, place) for place, (member, type_) in enumerate(members)}
        shapes[name] = Shape(name=name, kind=Kind.STRUCTURE, members=held)
    return shapes

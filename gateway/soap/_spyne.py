"""
The one place that imports Spyne, and what makes Spyne 2.14.0 importable on Python 3.12 and 3.13.

Two things of Python that it leans on are gone. Its bundled ``six`` registers an importer without ``find_spec``, which
3.12 no longer asks; and ``cgi`` left the standard library with 3.13, of which Spyne uses ``parse_header`` alone. Both
get a stand-in here before the import. The other modules of this room take Spyne's names from this one.

The array names of the contract (``ArrayOfSignContent``) are a setting of Spyne that must stand before any model.
"""

from __future__ import annotations

import importlib.util
import logging
import sys
import types
from collections.abc import Callable
from email.message import Message
from typing import TYPE_CHECKING, Any, TypeVar

_Function = TypeVar("_Function", bound=Callable[..., Any])


def _find_bundled_six() -> None:
    """Teach the import system to find ``spyne.util.six.moves`` by means of the six that is installed beside it."""
    import six  # noqa: PLC0415 - only needed where the bundled copy fails

    class BundledSixFinder(six._SixMetaPathImporter):  # type: ignore[misc] # noqa: SLF001 - six has no public finder
        """Answers for the bundled copy's lazy modules and for nothing else."""

        def find_spec(self, fullname: str, path: object, target: object = None) -> Any:
            """As ``importlib.abc.MetaPathFinder``."""
            return super().find_spec(fullname, path, target) if fullname in self.known_modules else None

    finder = BundledSixFinder("spyne.util.six")
    known = six._importer.known_modules  # noqa: SLF001 - the same
    finder.known_modules = {f"spyne.util.{name}": module for name, module in known.items()}
    sys.meta_path.append(finder)


def _parse_header(line: str) -> tuple[str, dict[str, str]]:
    """What ``cgi.parse_header`` did: a header's value and its parameters."""
    message = Message()
    message["content-type"] = line
    value, *parameters = message.get_params(failobj=[("", "")])
    return value[0], dict(parameters)


def _lend_cgi() -> bool:
    """Put a stand-in for ``cgi`` where Spyne looks for it; False where Python still has one."""
    if "cgi" in sys.modules or importlib.util.find_spec("cgi") is not None:
        return False
    module = types.ModuleType("cgi")
    module.parse_header = _parse_header  # type: ignore[attr-defined] # a module made here has no declared members
    sys.modules["cgi"] = module
    return True


if "spyne" not in sys.modules and sys.version_info >= (3, 12):
    _find_bundled_six()
_lent = _lend_cgi()

import spyne.const  # noqa: E402 - after the stand-ins

spyne.const.ARRAY_PREFIX = "ArrayOf"
spyne.const.ARRAY_SUFFIX = ""

from spyne import Application, MethodContext  # noqa: E402
from spyne.model.binary import ByteArray  # noqa: E402
from spyne.model.complex import Array  # noqa: E402
from spyne.model.enum import Enum, EnumBase  # noqa: E402
from spyne.model.primitive import Boolean, DateTime, Integer32, Unicode  # noqa: E402
from spyne.server import ServerBase  # noqa: E402

if TYPE_CHECKING:  # Spyne has no types; these say as much about it as this room relies on

    class ComplexModel:
        """A structure of the contract; its members are class attributes of Spyne types."""

        def __init__(self, **members: Any) -> None: ...

        @classmethod
        def customize(cls, **options: Any) -> Any:
            """The same type with other attributes."""

    class ServiceBase:
        """A set of operations."""

    class Soap11:
        """SOAP 1.1 as Spyne has it."""

        app: Any
        serialization_handlers: dict[Any, Any]
        deserialization_handlers: dict[Any, Any]

        def __init__(self, **options: Any) -> None: ...

        def set_app(self, value: Any) -> None:
            """Learn the application."""

        def to_parent(self, ctx: Any, cls: Any, inst: Any, parent: Any, ns: str, name: str) -> None:
            """Write a value of a type as a child of an element."""

    def rpc(*_parameters: Any, **_options: Any) -> Callable[[_Function], _Function]:
        """Declare an operation by the types of its parameters and of its answer."""

else:
    from spyne import ComplexModel, ServiceBase, rpc
    from spyne.protocol.soap import Soap11

if _lent:  # Spyne holds its own reference; nobody else shall take the stand-in for the real module
    del sys.modules["cgi"]

# Spyne writes whole messages and exceptions with caller's values into its logs; what happens is in our audit records.
logging.getLogger("spyne").setLevel(logging.CRITICAL + 1)

__all__ = [
    "Application",
    "Array",
    "Boolean",
    "ByteArray",
    "ComplexModel",
    "DateTime",
    "Enum",
    "EnumBase",
    "Integer32",
    "MethodContext",
    "ServerBase",
    "ServiceBase",
    "Soap11",
    "Unicode",
    "rpc",
]

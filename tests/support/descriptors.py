"""All methods, pushes and signals of the protocol, for tests that go through them: whatever stands in its modules."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import Any, Final, TypeVar

from imserver_protocol import methods
from imserver_protocol.methods.descriptors import Method, Push, Signal

T = TypeVar("T")


def _of(kind: type[T]) -> tuple[T, ...]:
    """Those that the modules define, module by module: a name that another module imports is the same object."""
    modules = [
        import_module(f"{methods.__name__}.{module.name}") for module in iter_modules(methods.__path__)
    ]
    found = {
        id(value): value for module in modules for value in vars(module).values() if isinstance(value, kind)
    }
    return tuple(found.values())


METHODS: Final[tuple[Method[Any, Any], ...]] = _of(Method)
PUSHES: Final[tuple[Push[Any], ...]] = _of(Push)
SIGNALS: Final[tuple[Signal[Any, Any], ...]] = _of(Signal)

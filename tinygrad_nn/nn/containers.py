"""Modules that put modules, or parameters, together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self, TypeVar, overload

from ..tensors import Tensor
from .module import Module, Parameter

T = TypeVar("T", bound=Tensor | Module)


class _Numbered(Module):
    """What lists of modules and of parameters share: members that are attributes named 0, 1, 2 and so on."""

    kind: type[Any] = Module
    kinds = "modules"

    def _checked(self, index: int, value: Any) -> Any:
        if not isinstance(value, self.kind):
            given = f"the class {value.__name__}: write {value.__name__}()" if isinstance(value, type) else value
            raise TypeError(f"{type(self).__name__} takes {self.kinds}, position {index} is {given}")
        return value

    def append(self, value: Any) -> Self:
        """Add a member at the end."""
        setattr(self, str(len(self)), self._checked(len(self), value))
        return self

    def extend(self, values: Iterable[Any]) -> Self:
        """Add members at the end."""
        for value in values:
            self.append(value)
        return self

    def insert(self, index: int, value: Any) -> None:
        """Put a member before the one at `index`; those behind it get the next numbers."""
        members = [value for _, value in self._members()]
        members.insert(index, self._checked(index, value))
        self._number(members)

    def _number(self, members: list[Any]) -> None:
        for name, _ in self._members():
            delattr(self, name)
        for i, value in enumerate(members):
            setattr(self, str(i), value)

    def _members(self) -> list[tuple[str, Any]]:
        return [(name, value) for name, value in self.__dict__.items() if isinstance(value, self.kind)]

    def _name(self, index: int) -> str:
        try:
            return self._members()[index][0]
        except IndexError:
            raise IndexError(f"no {self.kinds[:-1]} {index} in a {type(self).__name__} of {len(self)}") from None

    def __setitem__(self, index: int, value: Any) -> None:
        setattr(self, self._name(index), self._checked(index, value))

    def __delitem__(self, index: int) -> None:
        delattr(self, self._name(index))
        if all(name.isdecimal() for name, _ in self._members()):
            self._number([value for _, value in self._members()])

    def __len__(self) -> int:
        return len(self._members())


class ModuleList(_Numbered):
    """Modules in a list that `parameters()` and the others find: indexed, sliced, appended to, iterated."""

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        self.extend(modules)

    def __iter__(self) -> Iterator[Module]:
        return iter([module for _, module in self._members()])

    @overload
    def __getitem__(self, index: int) -> Module: ...
    @overload
    def __getitem__(self, index: slice) -> ModuleList: ...
    def __getitem__(self, index: Any) -> Any:
        """The module at `index`; a slice gives a container of the same modules, numbered from 0."""
        if isinstance(index, slice):
            return self._of(self._members()[index])
        return getattr(self, self._name(index))

    def _of(self, members: list[tuple[str, Module]]) -> ModuleList:
        return ModuleList(module for _, module in members)


class Sequential(ModuleList):
    """Modules applied one after the other, each to the output of the one before.

    `Sequential(first, second)`, or with names for them `Sequential({"first": first, "second": second})`.
    """

    @overload
    def __init__(self, modules: Mapping[str, Module], /) -> None: ...
    @overload
    def __init__(self, *modules: Module) -> None: ...
    def __init__(self, *modules: Any) -> None:
        if len(modules) == 1 and isinstance(modules[0], Mapping):
            for name, module in modules[0].items():
                self.add_module(name, module)
        else:
            super().__init__(modules)

    def forward(self, x: Any) -> Any:
        for module in self:
            x = module(x)
        return x

    def _of(self, members: list[tuple[str, Module]]) -> Sequential:
        return Sequential(*(module for _, module in members))


class ParameterList(_Numbered):
    """Parameters in a list that `parameters()` and the others find: indexed, appended to, iterated.

    A tensor that is not a Parameter becomes one, of the same data.
    """

    kind = Parameter
    kinds = "parameters"

    def __init__(self, values: Iterable[Tensor] = ()) -> None:
        self.extend(values)

    def _checked(self, index: int, value: Any) -> Any:
        plain = isinstance(value, Tensor) and not isinstance(value, Parameter)
        return super()._checked(index, Parameter(value) if plain else value)

    def __iter__(self) -> Iterator[Parameter]:
        return iter([parameter for _, parameter in self._members()])

    @overload
    def __getitem__(self, index: int) -> Parameter: ...
    @overload
    def __getitem__(self, index: slice) -> ParameterList: ...
    def __getitem__(self, index: Any) -> Any:
        """The parameter at `index`; a slice gives a list of the same parameters, numbered from 0."""
        if isinstance(index, slice):
            return ParameterList(parameter for _, parameter in self._members()[index])
        return getattr(self, self._name(index))

    def __repr__(self) -> str:
        lines = [f"  ({name}): {type(p).__name__} of shape {p.shape}, {p.dtype}" for name, p in self._members()]
        return "\n".join([f"{type(self).__name__}(", *lines, ")"]) if lines else f"{type(self).__name__}()"


class ModuleDict(Module):
    """Modules by name that `parameters()` and the others find, in the order in which they were added."""

    def __init__(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] = ()) -> None:
        self.update(modules)

    def update(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]]) -> None:
        """Add modules, or put them in the place of modules of the same names."""
        for name, module in modules.items() if isinstance(modules, Mapping) else modules:
            self[name] = module

    def __getitem__(self, name: str) -> Module:
        if name not in self:
            raise KeyError(f"no module {name!r} among {', '.join(self) or 'none'}")
        module: Module = getattr(self, name)
        return module

    def __setitem__(self, name: str, module: Module) -> None:
        self.add_module(name, module)

    def __delitem__(self, name: str) -> None:
        self.pop(name)

    def pop(self, name: str) -> Module:
        """Take a module out, and return it."""
        module = self[name]
        delattr(self, name)
        return module

    def clear(self) -> None:
        for name in self.keys():
            delattr(self, name)

    def keys(self) -> list[str]:
        return [name for name, _ in self.items()]

    def values(self) -> list[Module]:
        return [module for _, module in self.items()]

    def items(self) -> list[tuple[str, Module]]:
        return self._attributes(Module)

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __contains__(self, name: object) -> bool:
        return name in self.keys()

    def __len__(self) -> int:
        return len(self.items())

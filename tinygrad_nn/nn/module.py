"""Module: a part of a network, made of parameters, buffers and smaller modules.

A module keeps everything as ordinary attributes; what it consists of is found by looking through
them, in the order of their assignment. No second registry has to be kept in step, nothing that a
constructor has to prepare, and reading `layer.weight` is as quick as reading any attribute.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from textwrap import indent
from types import MappingProxyType
from typing import Any, NamedTuple, Self, TypeAlias, TypeVar

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from ..core.node import Array, Leaf, as_array
from ..core.writes import note_write
from ..tensors import Tensor, zero_gradient

T = TypeVar("T")
ForwardHook: TypeAlias = Callable[[Any, tuple[Any, ...], Any], Any]
ForwardPreHook: TypeAlias = Callable[[Any, tuple[Any, ...]], Any]

NONE: Mapping[Any, Any] = MappingProxyType({})


class Parameter(Tensor):
    """A tensor that a module learns: as an attribute of a `Module` it is one of its parameters.

    `data` is shared, not copied, when it is an array already; optimisers change it in place. What
    is computed from a Parameter is a plain Tensor. Copies and pickles carry the data and
    `requires_grad`, not the gradient.
    """

    __slots__ = ()

    def __init__(self, data: ArrayLike | Tensor, requires_grad: bool = True, dtype: DTypeLike | None = None) -> None:
        super().__init__(data, requires_grad, dtype)

    def __repr__(self) -> str:
        return f"Parameter containing:\n{super().__repr__()}"


class IncompatibleKeys(NamedTuple):
    """What `load_state_dict` did not find, and what it did not use."""

    missing_keys: list[str]
    unexpected_keys: list[str]


class RemovableHandle:
    """What registering a hook returns. `remove()` takes the hook off again; so does leaving a `with`."""

    def __init__(self, module: Module, hooks: str, key: object) -> None:
        self._module = module
        self._hooks = hooks
        self._key = key

    def remove(self) -> None:
        hooks: Mapping[object, Any] = getattr(self._module, self._hooks)
        setattr(self._module, self._hooks, {key: hook for key, hook in hooks.items() if key is not self._key})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()


class Module:
    """The base of all layers, networks and losses.

    A subclass assigns its parts to attributes in `__init__` and computes in `forward`:

        class Net(nn.Module):
            def __init__(self, rng):
                super().__init__()
                self.hidden = nn.Linear(2, 8, rng=rng)
                self.out = nn.Linear(8, 1, rng=rng)

            def forward(self, x):
                return self.out(self.hidden(x).tanh())

    `Parameter` and `Module` attributes are found by `parameters()`, `state_dict()` and all the
    others; modules in a plain list are not (`ModuleList` and `Sequential` are for that). As in
    PyTorch `super().__init__()` comes first; here nothing depends on it.
    """

    training: bool = True
    # Replaced as a whole, never changed in place: one empty mapping serves every module, and a hook
    # may remove itself while it runs.
    _buffers: Mapping[str, bool] = NONE  # name -> is it part of the state_dict?
    _forward_hooks: Mapping[object, ForwardHook] = NONE
    _forward_pre_hooks: Mapping[object, ForwardPreHook] = NONE

    def forward(self, *inputs: Any, **options: Any) -> Any:
        """What the module computes. Call the module itself, not this: only that runs the hooks."""
        raise NotImplementedError(f"{type(self).__name__} defines no forward()")

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        if self._forward_hooks or self._forward_pre_hooks:
            return self._call_with_hooks(inputs, options)
        return self.forward(*inputs, **options)

    def _call_with_hooks(self, inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
        for before in self._forward_pre_hooks.values():
            replaced = before(self, inputs)
            if replaced is not None:
                inputs = replaced if isinstance(replaced, tuple) else (replaced,)
        output = self.forward(*inputs, **options)
        for after in self._forward_hooks.values():
            replaced = after(self, inputs, output)
            if replaced is not None:
                output = replaced
        return output

    def register_forward_hook(self, hook: ForwardHook) -> RemovableHandle:
        """Call `hook(module, inputs, output)` after each forward.

        What it returns, if not None, is the output instead.
        """
        key = object()
        self._forward_hooks = {**self._forward_hooks, key: hook}
        return RemovableHandle(self, "_forward_hooks", key)

    def register_forward_pre_hook(self, hook: ForwardPreHook) -> RemovableHandle:
        """Call `hook(module, inputs)` before each forward, `inputs` the tuple of positional arguments.

        What it returns, if not None, are the inputs instead: a tuple, or a single value.
        """
        key = object()
        self._forward_pre_hooks = {**self._forward_pre_hooks, key: hook}
        return RemovableHandle(self, "_forward_pre_hooks", key)

    # --- what it consists of

    def __setattr__(self, name: str, value: Any) -> None:
        old = self.__dict__.get(name)
        if old is not None and value is not None and not isinstance(value, Parameter | Module):
            if isinstance(old, Parameter | Module):
                raise TypeError(
                    f"{name!r} of {type(self).__name__} is a {type(old).__name__}, which no "
                    f"{type(value).__name__} can replace: assign a Parameter or Module, or delete it first"
                )
            if name in self._buffers and not isinstance(value, Tensor):
                raise TypeError(
                    f"{name!r} of {type(self).__name__} is a buffer: assign a Tensor, not {type(value).__name__}"
                )
        super().__setattr__(name, value)

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Make `tensor` the attribute `name`: state that is kept with the module but not learned.

        A buffer that is not `persistent` is not part of the `state_dict`.
        """
        if isinstance(tensor, Parameter) or not isinstance(tensor, Tensor | None):
            raise TypeError(f"buffer {name!r} must be a plain Tensor or None, not {type(tensor).__name__}")
        if "." in name or (hasattr(self, name) and name not in self._buffers):
            reason = "contains a dot" if "." in name else f"is an attribute of {type(self).__name__} already"
            raise ValueError(f"{name!r} cannot name a buffer: it {reason}")
        self._buffers = {**self._buffers, name: persistent}
        setattr(self, name, tensor)

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Make `param` the attribute `name`: the same as assigning it, with a name that is computed."""
        if not isinstance(param, Parameter | None):
            raise TypeError(f"parameter {name!r} must be a Parameter or None, not {type(param).__name__}")
        self._check_new(name, "parameter")
        setattr(self, name, param)

    def add_module(self, name: str, module: Module | None) -> None:
        """Make `module` the attribute `name`: the same as assigning it, with a name that is computed."""
        if not isinstance(module, Module | None):
            given = f"the class {module.__name__}: write {module.__name__}()" if isinstance(module, type) else module
            raise TypeError(f"{type(self).__name__} takes modules, {name!r} is {given}")
        self._check_new(name, "module")
        setattr(self, name, module)

    register_module = add_module

    def _check_new(self, name: str, kind: str) -> None:
        if not isinstance(name, str):
            raise TypeError(f"the name of a {kind} is a text, not {name!r}")
        taken = hasattr(self, name) and not isinstance(vars(self).get(name), Parameter | Module)
        if not name or "." in name or taken:
            reason = f"is an attribute of {type(self).__name__} already" if taken else "is empty or contains a dot"
            raise ValueError(f"{name!r} cannot name a {kind}: it {reason}")

    def _attributes(self, kind: type[T]) -> list[tuple[str, T]]:
        return [(name, value) for name, value in vars(self).items() if isinstance(value, kind)]

    def _own_buffers(self) -> list[tuple[str, Tensor]]:
        tensors = self._attributes(Tensor)
        return [(n, t) for n, t in tensors if n in self._buffers and not isinstance(t, Parameter)]

    def named_modules(
        self, memo: set[int] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """This module, named `prefix`, then all that it contains, depth first.

        The names are paths of attributes, such as `"hidden.0"`. `memo` holds ids of modules to leave out.
        """
        memo = set() if memo is None else memo
        if id(self) in memo:
            return
        if remove_duplicate:
            memo.add(id(self))
        yield prefix, self
        for name, child in self._attributes(Module):
            yield from child.named_modules(memo, _joined(prefix, name), remove_duplicate)

    def modules(self) -> Iterator[Module]:
        """This module and all that it contains, each once."""
        return (module for _, module in self.named_modules())

    def get_submodule(self, target: str) -> Module:
        """The module of that path, such as `"hidden.0"`; this one itself for an empty path.

        Raises:
            AttributeError: no such.
        """
        module: Any = self
        for name in target.split(".") if target else []:
            module = vars(module).get(name)
            if not isinstance(module, Module):
                raise AttributeError(f"{type(self).__name__} has no module {target!r}")
        found: Module = module
        return found

    def get_parameter(self, target: str) -> Parameter:
        """The parameter of that path, such as `"hidden.0.weight"`.

        Raises:
            AttributeError: no such.
        """
        path, _, name = target.rpartition(".")
        parameter = vars(self.get_submodule(path)).get(name)
        if not isinstance(parameter, Parameter):
            raise AttributeError(f"{type(self).__name__} has no parameter {target!r}")
        return parameter

    def get_buffer(self, target: str) -> Tensor:
        """The buffer of that path.

        Raises:
            AttributeError: no such.
        """
        path, _, name = target.rpartition(".")
        buffer = dict(self.get_submodule(path)._own_buffers()).get(name)
        if buffer is None:
            raise AttributeError(f"{type(self).__name__} has no buffer {target!r}")
        return buffer

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The modules directly in this one, each once."""
        return _once(self._attributes(Module))

    def children(self) -> Iterator[Module]:
        return (child for _, child in self.named_children())

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """The parameters of this module and of all that it contains, with names such as `"hidden.0.weight"`.

        A parameter that is used in two places comes once, under its first name.
        """
        found = (
            (_joined(path, name), parameter)
            for path, module in self._within(prefix, recurse, remove_duplicate)
            for name, parameter in module._attributes(Parameter)
        )
        return _once(found) if remove_duplicate else found

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """The parameters of this module and of all that it contains, each once."""
        return (parameter for _, parameter in self.named_parameters(recurse=recurse))

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """The buffers, named like the parameters."""
        found = (
            (_joined(path, name), buffer)
            for path, module in self._within(prefix, recurse, remove_duplicate)
            for name, buffer in module._own_buffers()
        )
        return _once(found) if remove_duplicate else found

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        return (buffer for _, buffer in self.named_buffers(recurse=recurse))

    def _within(self, prefix: str, recurse: bool, remove_duplicate: bool) -> Iterable[tuple[str, Module]]:
        if recurse:
            return self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate)
        return [(prefix, self)]

    # --- changing all of it

    def train(self, mode: bool = True) -> Self:
        """Switch this module and all that it contains to training (dropout acts), or away from it."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """The same as `train(False)`."""
        return self.train(False)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Set `.grad` of all parameters to None; or, where there is one, to zeros, in place."""
        for parameter in self.parameters():
            if set_to_none:
                parameter._grad = None
            else:
                zero_gradient(parameter)

    def to(self, *what: Any, dtype: DTypeLike | None = None, device: Any = None, non_blocking: bool = False) -> Self:
        """Cast all floating-point parameters and buffers, with their gradients, to a dtype, or to a tensor's dtype.

        They stay the same objects; optimisers are to be made afterwards. A device may be named: it is "cpu".

        Raises:
            TypeError: the dtype is not a floating-point one.
            RuntimeError: another device.
        """
        from ..torch_names.copies import device as known

        for one in what:
            if isinstance(one, Tensor):
                dtype = one.dtype
            elif isinstance(one, str):
                device = one
            elif not isinstance(one, bool):
                dtype = one
        if device is not None:
            known(device)
        if dtype is not None:
            self._cast(np.dtype(dtype))
        return self

    def _cast(self, dtype: np.dtype[Any]) -> None:
        if dtype.kind != "f":
            raise TypeError(f"parameters are cast to a floating-point dtype, not to {dtype}")
        for tensor in (*self.parameters(), *self.buffers()):
            if tensor.dtype.kind == "f" and tensor.dtype != dtype:
                gradient = tensor.grad
                tensor.data = tensor.data.astype(dtype)
                if isinstance(tensor.node, Leaf):
                    tensor.node.lent = None  # of the other dtype
                tensor.grad = None if gradient is None else gradient.detach().astype(dtype)

    def float(self) -> Self:
        """Cast all floating-point parameters and buffers to float32."""
        return self.to(np.float32)

    def double(self) -> Self:
        """Cast all floating-point parameters and buffers to float64."""
        return self.to(np.float64)

    def half(self) -> Self:
        """Cast all floating-point parameters and buffers to float16."""
        return self.to(np.float16)

    def cpu(self) -> Self:
        """This module: it is on the CPU."""
        return self

    def cuda(self, device: Any = None) -> Self:
        """Refuse: there is only the CPU.

        Raises:
            RuntimeError: always.
        """
        return self.to("cuda" if device is None else f"cuda:{device}")

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Ask for the gradients of all parameters, or stop asking: such a part is frozen."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def apply(self, fn: Callable[[Module], Any]) -> Self:
        """Call `fn` on all modules within this one, then on this one: `net.apply(initialise)`."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    # --- saving and loading

    def _state(self) -> dict[str, Tensor]:
        """All that is saved, by name: each module's own parameters, then its buffers, then its children's."""
        state: dict[str, Tensor] = {}
        for path, module in self.named_modules(remove_duplicate=False):
            state.update((_joined(path, name), p) for name, p in module._attributes(Parameter))
            state.update((_joined(path, name), b) for name, b in module._own_buffers() if module._buffers[name])
        return state

    def state_dict(self) -> dict[str, Array]:
        """Copies of all parameters and persistent buffers, by name, in PyTorch's order.

        What is used in two places is there under both names.
        """
        return {name: tensor.data.copy() for name, tensor in self._state().items()}

    def load_state_dict(self, state_dict: Mapping[str, ArrayLike | Tensor], strict: bool = True) -> IncompatibleKeys:
        """Write the values of `state_dict` into the parameters and buffers, in place, cast to their dtypes.

        `ValueError` that names every missing, unexpected and misshapen entry and each of a kind that
        would lose its meaning (a float for an integer), before anything is changed. With `strict=False`
        missing and unexpected entries are left alone and returned.
        """
        state = self._state()
        missing = [name for name in state if name not in state_dict]
        unexpected = [name for name in state_dict if name not in state]
        values = {name: as_array(state_dict[name]) for name in state if name in state_dict}
        misshapen = [
            f"{name} is {value.shape} and should be {state[name].shape}"
            for name, value in values.items()
            if value.shape != state[name].shape
        ]
        unlike = [
            f"{name} is {value.dtype} and should be {state[name].dtype}"
            for name, value in values.items()
            if not np.can_cast(value.dtype, state[name].dtype, "same_kind")
        ]
        wrong = [f"missing {', '.join(missing)}"] if missing and strict else []
        wrong += [f"unexpected {', '.join(unexpected)}"] if unexpected and strict else []
        wrong += misshapen + unlike
        if wrong:
            raise ValueError(f"this state_dict does not fit {type(self).__name__}: {'; '.join(wrong)}")
        for name, value in values.items():
            data = state[name].data
            data[...] = value
            note_write(data)
        return IncompatibleKeys(missing, unexpected)

    # --- as text

    def extra_repr(self) -> str:
        """What `repr` shows between the parentheses: the module's settings."""
        return ""

    def __repr__(self) -> str:
        lines = [f"({name}): {child!r}" for name, child in self._attributes(Module)]
        settings = self.extra_repr()
        if not lines:
            return f"{type(self).__name__}({settings})"
        inner = "\n".join([settings, *lines] if settings else lines)
        return f"{type(self).__name__}(\n{indent(inner, '  ')}\n)"


def _joined(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix else name


def _once(named: Iterable[tuple[str, T]]) -> Iterator[tuple[str, T]]:
    """Each object once, under its first name."""
    seen: set[int] = set()
    for name, value in named:
        if id(value) not in seen:
            seen.add(id(value))
            yield name, value

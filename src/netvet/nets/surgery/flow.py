"""Which layer's output goes where, seen in one run of the model on an example.

A run shows what the code of a forward pass hides: calls of functions, branches, a layer that is called twice. Every
call of a torch function is seen by a `TorchFunctionMode`, and every call of a layer by hooks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from netvet.base.errors import BadInput
from netvet.locale import _


class Use(NamedTuple):
    """One use of a tensor. `function`: such as `batch_norm`; `output` where it is what the model gives. `module`: the
    innermost layer in which it happens.
    """

    function: str
    module: nn.Module | None


class Flow:
    """What one run showed.

    `order`: the layers in the order of their first call. `calls`: how often each was called. `positions`: elements of a
    channel of its output (height times width; 1 for a vector).
    """

    def __init__(self) -> None:
        self.order: list[nn.Module] = []
        self.calls: dict[nn.Module, int] = defaultdict(int)
        self.positions: dict[nn.Module, int] = {}
        self._uses: dict[tuple[int, int], list[Use]] = defaultdict(list)
        self._outputs: dict[nn.Module, list[tuple[int, int]]] = defaultdict(list)

    def uses(self, module: nn.Module) -> list[Use]:
        """All uses of what the layer put out, over all of its calls."""
        return [use for key in self._outputs[module] for use in self._uses[key]]

    def goes_only_to(self, module: nn.Module) -> nn.Module | None:
        """The layer that alone takes what this one puts out, once a call; None where there are more takers, or none."""
        uses = self.uses(module)
        takers = {use.module for use in uses if use.function != "output"}
        alone = len(takers) == 1 and len(uses) == self.calls[module]
        return takers.pop() if alone else None


def trace(model: nn.Module, example: Tensor) -> Flow:
    """Run the model on a batch in eval mode, without gradients; every layer's mode is put back. Raises BadInput."""
    flow = Flow()
    running: list[nn.Module] = []
    kept: list[Tensor] = []  # alive, so that no identity is given twice

    def enter(module: nn.Module, _inputs: object) -> None:
        running.append(module)
        if not flow.calls[module]:
            flow.order.append(module)
        flow.calls[module] += 1

    def leave(module: nn.Module, _inputs: object, output: object) -> None:
        running.pop()
        for tensor in _tensors((output,)):
            kept.append(tensor)
            flow._outputs[module].append(_key(tensor))
            flow.positions[module] = tensor.shape[2:].numel()

    class Recorder(TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            given = [_key(tensor) for tensor in _tensors((args, kwargs))]
            result = func(*args, **(kwargs or {}))
            made = list(_tensors((result,)))
            if made:
                use = Use(getattr(func, "__name__", str(func)), running[-1] if running else None)
                for key in given:
                    flow._uses[key].append(use)
                kept.extend(made)
            return result

    modes = {module: module.training for module in model.modules()}
    # hooks of the user's own may read or change things: ours are the last to see an output, the first to see an input
    handles = [module.register_forward_pre_hook(enter, prepend=True) for module in modes]
    handles += [module.register_forward_hook(leave) for module in modes]
    try:
        model.eval()
        with torch.no_grad(), Recorder():
            answer = model(example)
        for tensor in _tensors((answer,)):
            flow._uses[_key(tensor)].append(Use("output", None))
    except (RuntimeError, ValueError, TypeError, IndexError, AssertionError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        sentence = _("The example, of shape {shape}, cannot be run through {model}: {reason}.")
        raise BadInput(
            sentence.format(shape=tuple(example.shape), model=type(model).__name__, reason=reason.rstrip("."))
        ) from None
    finally:
        for handle in handles:
            handle.remove()
        for module, mode in modes.items():
            module.training = mode
    return flow


def _key(tensor: Tensor) -> tuple[int, int]:
    """A tensor as it is now: an operation in place makes another of it."""
    return id(tensor), tensor._version


def _tensors(tree: Iterable[Any]) -> Iterator[Tensor]:
    """The tensors in nested tuples, lists and dicts; parameters are left out."""
    for node in tree:
        if isinstance(node, Tensor):
            if not isinstance(node, nn.Parameter):
                yield node
        elif isinstance(node, list | tuple):
            yield from _tensors(node)
        elif isinstance(node, dict):
            yield from _tensors(node.values())

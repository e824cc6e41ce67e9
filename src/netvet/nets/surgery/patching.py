"""The operations by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from netvet.base.errors import BadInput
from netvet.locale import _
from netvet.nets.surgery import activations, channels, inputs, norms, shortcuts, starts
from netvet.nets.surgery.flow import Flow, trace
from netvet.recipe import parse_operation

Operation = Callable[[nn.Module, str, Flow | None], nn.Module]

REFUSED = "pre-activation"  # a remedy of netvet's own nets; of another model it is asked in vain, and told why

OPERATIONS: dict[str, Operation] = {
    "activation": activations.replace,
    "init": starts.redraw,
    "norm": norms.replace,
    "early-batch-norm": norms.insert_early,
    "drop-deep-batch-norm": norms.drop_deep,
    "residual": shortcuts.add,
    "feature-channels": channels.append,
    "normalise-input": inputs.normalise,
}


def patch_model(model: nn.Module, operations: Sequence[str], example: Tensor | None = None) -> nn.Module:
    """Change layers of a model in place, and return it. Use what is returned, and build the optimiser after it.

    >>> import torch
    >>> from torch import nn
    >>> from netvet.nets.surgery import patch_model
    >>> model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.ReLU())
    >>> model = patch_model(model, ["activation=leaky-relu", "early-batch-norm"], example=torch.zeros(1, 3, 32, 32))
    >>> [path for path, layer in model.named_modules() if isinstance(layer, nn.LeakyReLU | nn.BatchNorm2d)]
    ['0.norm', '1', '3']

    The operations, done in the order in which they are given:

    - `activation=KIND`: every ReLU and ReLU6 becomes a `leaky-relu`, `elu`, `selu`, `gelu`, `silu`, `tanh`, `sigmoid`
      or `relu`. Given an example, a tanh or sigmoid does so too, unless its output is only multiplied with
      something (a gate) or is the model's. One that is called as a function (`F.relu`) stays.
    - `init=KIND`: trainable weights of convolutions and linear layers are drawn anew from torch's global generator,
      their biases set to 0, norms to gain 1 and bias 0. `he`, or one of the recipe's `model.init`.
    - `norm=group`, `norm=layer`: every batch norm becomes a group norm (with one group: over channels and positions)
      of the same gains and biases.
    - `early-batch-norm`: a batch norm behind each convolution of the first half that has no norm. The bias of the
      convolution, which the norm would take away, goes into the running mean, so that in eval mode the model does what
      it did. Needs an example.
    - `drop-deep-batch-norm`: the batch norms behind convolutions of the second half are folded into these. In eval mode
      the model does what it did. Needs an example.
    - `residual`: in an `nn.Sequential`, a shortcut around each pair of convolutions whose output has the shape of its
      input.
    - `feature-channels=KINDS`, one or more of `edges`, `contrast` and `opponents` joined by `+`: planes computed from
      the image, appended to its three channels before the first convolution. Their weights are 0, so that the model
      does what it did until it is trained on.
    - `normalise-input=MEANS/DEVIATIONS`, such as `normalise-input=0.5,0.5,0.5/0.25,0.25,0.25`: (x - mean) / deviation
      by channel, before the model. What is returned is a new module with the model inside.

    They are what the remedies leaky-relu, elu, he-init, group-norm, layer-norm, early-batch-norm, drop-deep-batch-norm,
    residual, feature-channels and normalise-input come to on a model of your own.

    A layer that is used in several places is replaced in all of them. Device, dtype, mode, hooks and `requires_grad` of
    what is replaced go over to what replaces it.

    `example`: a batch such as the model is given, of one image or more, on the model's device. It is run through the
    model once for each operation, in eval mode, without gradients.

    Raises:
        BadInput: an unknown operation, one that cannot be made on this model, or an example that it cannot be run on;
            that operation has changed nothing, those before it are made.
    """
    for text in operations:
        if text == REFUSED:
            raise BadInput(
                _(
                    "pre-activation cannot be applied to {model}: the order of its layers is fixed by the code of its "
                    "forward pass; use the model preact-resnet."
                ).format(model=type(model).__name__)
            )
        name, value = parse_operation(text)
        _check(model, text)
        flow = None if example is None else trace(model, example)
        with torch.no_grad():
            model = OPERATIONS[name](model, value, flow)
    return model


def _check(model: nn.Module, text: str) -> None:
    for path, module in model.named_modules():
        if isinstance(module, torch.jit.ScriptModule):
            sentence = _(
                "{operation} cannot be applied to {path}: it is compiled by TorchScript; patch it before compiling."
            )
            raise BadInput(sentence.format(operation=text, path=path or type(module).__name__))
        if any(is_lazy(parameter) for parameter in module._parameters.values()):
            sentence = _(
                "{operation} cannot be applied to {path}: its shape is not known yet; run the model once first."
            )
            raise BadInput(sentence.format(operation=text, path=path or type(module).__name__))

"""The operations of modules that leave hidden units free to change places, by name.

Names are those of functions and tensor methods, without the underscores of their in-place forms.
"""

from typing import Any

from torch import fx

_ELEMENTWISE = """
    abs add addcdiv addcmul alpha_dropout atan celu clamp clip clone contiguous cos detach div
    double dropout dropout1d dropout2d dropout3d elu erf exp expm1 feature_dropout float gelu
    hardshrink hardsigmoid hardswish hardtanh iadd imul isub itruediv leaky_relu lerp log log1p
    log_sigmoid logsigmoid masked_fill maximum minimum mish mul multiply neg pos pow prelu
    reciprocal relu relu6 rrelu rsqrt rsub selu sigmoid sign silu sin softplus softshrink softsign
    sqrt square sub subtract tanh tanhshrink threshold to true_divide truediv type type_as where
"""
_REARRANGING = """
    cat chunk concat concatenate expand expand_as flatten flip getattr getitem movedim moveaxis
    narrow pad permute pixel_shuffle pixel_unshuffle ravel repeat reshape reshape_as roll select
    split squeeze stack swapaxes swapdims t tile transpose unbind unflatten unsqueeze view view_as
"""
_SPATIAL = """
    adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool1d
    adaptive_max_pool2d adaptive_max_pool3d avg_pool1d avg_pool2d avg_pool3d interpolate lp_pool1d
    lp_pool2d max_pool1d max_pool2d max_pool3d upsample
"""
# every element by itself, or elements of several tensors that stand at the same place
ELEMENTWISE = frozenset(_ELEMENTWISE.split())
# the same elements in another arrangement; all but the first argument say which
REARRANGING = frozenset(_REARRANGING.split())
# every channel by itself, channels along axis 1
SPATIAL = frozenset(_SPATIAL.split())
# all elements along the axes `dim`, in whatever order
REDUCING = frozenset({"amax", "amin", "logsumexp", "mean", "nansum", "prod", "sum"})
# elements by what is along some axes, in whatever order
NORMALISING = frozenset(
    {"group_norm", "layer_norm", "log_softmax", "normalize", "rms_norm", "softmax"}
)
# axis of the weight that units come in at, and that they go out along; axis of the units' tensor
AFFINE = {"linear": (1, 0, -1), "matmul": (0, 1, -1), "mm": (0, 1, -1)}
AFFINE |= {f"conv{n}d": (1, 0, 1) for n in (1, 2, 3)}

_WEIGHTED = ("input", "weight", "bias")
_ARGUMENTS = {
    **dict.fromkeys(REDUCING, ("input", "dim", "keepdim")),
    **{f"conv{n}d": (*_WEIGHTED, "stride", "padding", "dilation", "groups") for n in (1, 2, 3)},
    "linear": _WEIGHTED,
    "matmul": ("input", "weight"),
    "mm": ("input", "weight"),
    "group_norm": ("input", "num_groups", "weight", "bias"),
    "layer_norm": ("input", "normalized_shape", "weight", "bias"),
    "rms_norm": ("input", "normalized_shape", "weight"),
    "log_softmax": ("input", "dim"),
    "softmax": ("input", "dim"),
    "normalize": ("input", "p", "dim"),
}


def name_of(node: fx.Node) -> str:
    """The name of what a node does, such as "relu" for torch.relu_, F.relu and x.relu()."""
    if isinstance(node.target, str):
        return node.target.strip("_")
    name = getattr(node.target, "__name__", str(node.target)).strip("_")
    return node.name.rstrip("_0123456789") if name == "fn" else name  # F.max_pool2d and its like


def arguments_of(node: fx.Node) -> dict[str, Any]:
    """What an affine map, a reduction or a normalisation is called with, by name."""
    names = _ARGUMENTS[name_of(node)]
    return {**dict(zip(names, node.args, strict=False)), **node.kwargs}

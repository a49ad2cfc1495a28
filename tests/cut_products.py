"""Matrix products of coarser numbers than float32's, as in a tensor core, on any device."""

import torch
from torch.utils._python_dispatch import TorchDispatchMode

FLOAT32_BITS = 23
TF32_BITS = 10

aten = torch.ops.aten
# Where the two factors are among the arguments; what is added to their product keeps its precision.
FACTORS = {
    aten.mm.default: (0, 1),
    aten.bmm.default: (0, 1),
    aten.addmm.default: (1, 2),
    aten.baddbmm.default: (1, 2),
}


class CutProducts(TorchDispatchMode):
    """Within the block, the factors of matrix products have `bits` bits of mantissa, the rest is cut off.

    Sums are in float32. `count` is the number of products so far, backward passes included.
    """

    def __init__(self, bits):
        super().__init__()
        self.mask = -1 << (FLOAT32_BITS - bits)
        self.count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func in FACTORS:
            self.count += 1
            args = [self._cut(x) if place in FACTORS[func] else x for place, x in enumerate(args)]
        return func(*args, **(kwargs or {}))

    def _cut(self, x):
        return (x.contiguous().view(torch.int32) & self.mask).view(torch.float32)

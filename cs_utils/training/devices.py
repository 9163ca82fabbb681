"""What makes several processes compute what one process would, on batches as large as all of theirs together.

Fabric sends each process its share of the images and averages the gradients. Two things would still differ: batch norm
would take its mean over a share of the batch, and a share with much void would count as much as one with little.
"""

import torch
import torch.distributed as dist
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.distributed.nn.functional import all_reduce

from cs_utils.labels import VOID


class SharedBatchNorm2d(nn.BatchNorm2d):
    """Batch norm over the batches of all processes: what `nn.SyncBatchNorm` does, which works on GPUs only."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise x (N, C, H, W) by mean and variance over N, H, W and all processes."""
        if not self.training:
            return super().forward(x)
        axes = (0, 2, 3)
        count = all_reduce(x.new_tensor(x.numel() / x.shape[1]))
        mean = all_reduce(x.sum(axes)) / count  # (C,)
        centred = x - mean[:, None, None]
        variance = all_reduce(centred.square().sum(axes)) / count  # (C,)
        with torch.no_grad():
            self.running_mean.lerp_(mean, self.momentum)
            # As in every batch norm, the running variance is the unbiased one.
            self.running_var.lerp_(variance * count / (count - 1), self.momentum)
            self.num_batches_tracked += 1
        scale = self.weight * (variance + self.eps).rsqrt()
        return centred * scale[:, None, None] + self.bias[:, None, None]


def share_batch_norm(model: nn.Module, device: torch.device) -> None:
    """Let each batch norm of a model take its statistics over all processes; in place, and under the same names."""
    if device.type == "cuda":
        nn.SyncBatchNorm.convert_sync_batchnorm(model)
        return
    for module in model.modules():
        if type(module) is nn.BatchNorm2d:
            module.__class__ = SharedBatchNorm2d


def share_of_pixels(fabric: Fabric, target: Tensor) -> Tensor | float:
    """This process's share of the pixels that count, times the number of processes: 1 where all have equally many.

    With this factor the mean of all processes' mean losses is the mean over all pixels.

    Args:
        fabric: knows the other processes.
        target: (N, H, W); 255 does not count.
    """
    if fabric.world_size == 1:
        return 1.0
    mine = (target != VOID).sum()
    everyones = mine.clone()
    dist.all_reduce(everyones)
    return mine * fabric.world_size / everyones.clamp_min(1)

"""What our own architectures have in common with timm's: names, head and initial weights."""

from __future__ import annotations

from torch import Tensor, nn


class Classifier(nn.Module):
    """Convolutional features, global average pooling, dropout, and one linear layer called ``fc``.

    A subclass sets up its layers, calls `finish`, and defines `forward_features`.
    """

    fc: nn.Linear | nn.Identity

    def finish(self, features: int, num_classes: int, drop_rate: float) -> None:
        """Add the head for `features` channels and draw the initial weights."""
        self.num_features = self.head_hidden_size = features
        self.head_drop = nn.Dropout(drop_rate)
        self.reset_classifier(num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                # He et al. 2015, arXiv:1502.01852, eq. 14 (fan out), as in timm; `fc` keeps torch's own draw.
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward_features(self, x: Tensor) -> Tensor:
        """Map images (N, C, H, W) to feature maps (N, `num_features`, h, w)."""
        raise NotImplementedError

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """Map feature maps to logits (N, classes), or to pooled features (N, `num_features`) if `pre_logits`."""
        x = self.head_drop(x.mean((2, 3)))
        if not pre_logits:
            x = self.fc(x)
        return x

    def forward(self, x: Tensor) -> Tensor:
        """Map images (N, C, H, W) to logits (N, classes)."""
        return self.forward_head(self.forward_features(x))

    def get_classifier(self) -> nn.Module:
        """The last linear layer."""
        return self.fc

    def reset_classifier(self, num_classes: int, global_pool: str | None = None) -> None:
        """Replace the last layer by a new one; 0 classes means none. Only average pooling exists."""
        if global_pool not in (None, "avg"):
            raise ValueError(f"global_pool is 'avg' here, not {global_pool!r}")
        self.num_classes = num_classes
        self.fc = nn.Linear(self.num_features, num_classes) if num_classes else nn.Identity()


def conv(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> nn.Conv2d:
    """A convolution without bias, padded so that stride 1 keeps the size."""
    return nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False)

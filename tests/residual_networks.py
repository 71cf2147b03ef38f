"""Modules with skip connections, shortcuts and norms, whose hidden units tests permute."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional

import lab


class ResidualMLP(nn.Module):
    """Blocks on a stream, with a projection to a wider one."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(6, 7)
        self.up, self.down = nn.Linear(7, 9), nn.Linear(9, 7)
        self.norm = nn.LayerNorm(7)
        self.wide, self.shortcut = nn.Linear(7, 11), nn.Linear(7, 11, bias=False)
        self.scale = nn.Parameter(torch.linspace(0.5, 1.5, 11))
        self.last = nn.Linear(11, 3)

    def forward(self, x):
        x = self.first(x)
        x = x + self.down(functional.gelu(self.up(self.norm(x))))
        x = torch.relu(self.wide(x) * self.scale + self.shortcut(x))
        return self.last(x)


class Block(nn.Module):
    """The basic block of ResNet, its shortcut a 1 x 1 convolution where it changes the shape."""

    def __init__(self, before, after, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(after)
        self.relu = nn.ReLU(inplace=True)
        self.shortcut = nn.Identity()
        if before != after or stride > 1:
            convolution = nn.Conv2d(before, after, 1, stride, bias=False)
            self.shortcut = nn.Sequential(convolution, nn.BatchNorm2d(after))

    def forward(self, x):
        identity = self.shortcut(x)
        x = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        x += identity
        return self.relu(x)


class ResNet(nn.Module):
    """A small ResNet with one stage that keeps the shape and two that halve it."""

    def __init__(self, widths=(5, 6, 8), classes=3):
        super().__init__()
        self.conv = nn.Conv2d(1, widths[0], 3, 1, 1, bias=False)
        self.bn = nn.BatchNorm2d(widths[0])
        blocks, before = [Block(widths[0], widths[0])], widths[0]
        for after in widths[1:]:
            blocks.append(Block(before, after, stride=2))
            before = after
        self.blocks = nn.Sequential(*blocks)
        self.fc = nn.Linear(before, classes)

    def forward(self, x):
        x = functional.relu(self.bn(self.conv(x)))
        x = functional.adaptive_avg_pool2d(self.blocks(x), 1)
        return self.fc(torch.flatten(x, 1))


class PlainResNet(nn.Module):
    """Residual blocks without normalisation and with biases, which REPAIR is for."""

    def __init__(self, classes=3):
        super().__init__()
        self.conv = nn.Conv2d(1, 6, 3, padding=1)
        self.one, self.two = nn.Conv2d(6, 8, 3, 2, 1), nn.Conv2d(8, 8, 3, 1, 1)
        self.shortcut = nn.Conv2d(6, 8, 1, 2)
        self.fc = nn.Linear(8 * 4 * 4, classes)

    def forward(self, x):
        x = torch.relu(self.conv(x))
        x = torch.relu(self.two(torch.relu(self.one(x))) + self.shortcut(x))
        return self.fc(x.view(x.shape[0], -1))


class Mixed(nn.Module):
    """Gates, depthwise convolutions, concatenation, padding and slices of channels."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 6, 3, padding=1)
        self.depthwise = nn.Conv2d(6, 12, 3, padding=1, groups=6)
        self.gate, self.back = nn.Linear(12, 4), nn.Linear(4, 12)
        self.point = nn.Conv2d(12, 5, 1)
        self.norm = nn.GroupNorm(1, 5)
        self.prelu = nn.PReLU(5)
        self.after = nn.Conv2d(11, 10, 1)
        self.head = nn.Linear(10, 3)

    def forward(self, x):
        first = torch.tanh(self.conv(x))
        x = functional.leaky_relu(self.depthwise(first))
        gate = torch.sigmoid(self.back(torch.relu(self.gate(x.mean((2, 3))))))
        x = self.prelu(self.norm(self.point(x * gate[:, :, None, None])))
        x = torch.cat([x, first], dim=1)
        wide = functional.pad(first[:, :, ::2, ::2], (0, 0, 0, 0, 2, 2))
        x = functional.max_pool2d(self.after(x), 2) + wide
        return self.head(x.amax(dim=(-2, -1)))


def convolutions():
    """A chain of convolutions with batch normalisation, flattened."""
    return nn.Sequential(
        nn.Conv2d(1, 4, 3),
        nn.BatchNorm2d(4),
        nn.ReLU(inplace=True),
        nn.Dropout(0.0),
        nn.Conv2d(4, 5, 3),
        nn.Tanh(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(20, 6, bias=False),
        nn.LayerNorm(6),
        nn.SiLU(),
        nn.Linear(6, 3),
    )


def problem_of(make):
    """A problem of random data for one of these, in three classes."""
    torch.manual_seed(1)
    draws = torch.Generator().manual_seed(0)
    shape = (20, 6) if make is ResidualMLP else (20, 1, 8, 8)
    inputs = torch.randn(shape, generator=draws, dtype=torch.float64)
    module = make().double()
    return lab.problem(module, data=(inputs, torch.arange(20) % 3), loss="cross_entropy")


def trained_pair(make, samples=300, steps=50, seed=3):
    """Digits, and two networks of one kind that were trained on them a little."""
    torch.manual_seed(seed)
    inputs, targets = load_digits(return_X_y=True)
    inputs = torch.as_tensor(inputs[:samples]).reshape(-1, 1, 8, 8) / 16
    data = inputs, targets[:samples]
    problem = lab.problem(make(classes=10).double(), data=data, loss="cross_entropy")
    plan = lab.Experiment(problem, lanes=[lab.Lane("adam", lr=0.01, runs=2)], steps=steps)
    return problem, *lab.run(plan).theta("adam")[steps]

"""Watch a training loop of your own: four lines beside a plain PyTorch loop, and a diagnosis at the end.

The network here is ill on purpose: ten layers of sigmoids, with no norm between them. A few seconds on a CPU:

    python examples/01_watch.py
"""

import tempfile
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import netvet

NAMES = ["left", "right", "top", "bottom"]


def images_and_labels(count: int, seed: int) -> TensorDataset:
    """Noise with one brighter half; the label says which. Images (count, 1, 12, 12), labels (count,)."""
    torch.manual_seed(seed)
    images, labels = torch.randn(count, 1, 12, 12), torch.randint(0, 4, (count,))
    for image, label in zip(images, labels.tolist(), strict=True):
        half = [image[:, :, :6], image[:, :, 6:], image[:, :6], image[:, 6:]][label]
        half += 1
    return TensorDataset(images, labels)


def network(depth: int = 10, width: int = 32) -> nn.Sequential:
    """A deep stack of linear layers and sigmoids."""
    layers: list[nn.Module] = [nn.Flatten(), nn.Linear(144, width), nn.Sigmoid()]
    for _ in range(depth - 1):
        layers += [nn.Linear(width, width), nn.Sigmoid()]
    return nn.Sequential(*layers, nn.Linear(width, len(NAMES)))


def main(run: Path, epochs: int = 8) -> None:
    """Train, watch, diagnose; the trace stays in `run`."""
    train, val = images_and_labels(1024, seed=0), images_and_labels(256, seed=1)
    torch.manual_seed(2)
    loader, val_loader = DataLoader(train, batch_size=32, shuffle=True), DataLoader(val, batch_size=256)
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    criterion = nn.CrossEntropyLoss()

    vet = netvet.watch(model, optimizer, out=run, classes=NAMES)
    for _epoch in range(epochs):
        for images, labels in loader:
            loss = criterion(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            vet.step(loss=loss, labels=labels)
        vet.validate(val_loader)
    print(vet.diagnose())
    vet.close()


if __name__ == "__main__":
    main(Path(tempfile.mkdtemp()) / "run")

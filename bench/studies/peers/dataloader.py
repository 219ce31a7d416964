"""One run as pytorch/examples/vae does it: a DataLoader over transformed images, BCE and KL summed, Adam.

python -m bench.studies.peers.dataloader --data-dir DIR --seed 0
"""

from __future__ import annotations

import argparse

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision import datasets, transforms

from bench.studies.peers.network import BATCH, LATENT, decoder, encoder


class Vae(nn.Module):
    """A VAE as in pytorch/examples, with the networks of cnn2."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder(), decoder()
        self.mean, self.log_variance = nn.Linear(512, LATENT), nn.Linear(512, LATENT)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        features = self.encoder(x)
        mean, log_variance = self.mean(features), self.log_variance(features)
        z = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        return self.decoder(z), mean, log_variance


def loss_of(model: Vae, x: Tensor) -> Tensor:
    """Return the negative ELBO summed over the batch, in nats."""
    reconstruction, mean, log_variance = model(x)
    bce = F.binary_cross_entropy(reconstruction.reshape(-1, 784), x.reshape(-1, 784), reduction="sum")
    return bce - 0.5 * torch.sum(1 + log_variance - mean.pow(2) - log_variance.exp())


def main() -> None:
    """Train one epoch, evaluate on the test images, and print both losses."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--data-dir", required=True)
    options.add_argument("--seed", type=int, default=0)
    chosen = options.parse_args()
    torch.manual_seed(chosen.seed)
    sets = [datasets.MNIST(chosen.data_dir, train=train, transform=transforms.ToTensor()) for train in (True, False)]
    train_loader = torch.utils.data.DataLoader(sets[0], batch_size=BATCH, shuffle=True)
    test_loader = torch.utils.data.DataLoader(sets[1], batch_size=BATCH)
    model = Vae()
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
    model.train()
    total = 0.0
    for x, _ in train_loader:
        optimiser.zero_grad()
        loss = loss_of(model, x)
        loss.backward()
        total += loss.item()
        optimiser.step()
    model.eval()
    with torch.no_grad():
        test = sum(loss_of(model, x).item() for x, _ in test_loader)
    print(f"train {total / len(sets[0]):.2f} test {test / len(sets[1]):.2f} images {len(sets[0])}")


if __name__ == "__main__":
    main()

"""One run with pythae's own trainer and VAE, given the same network. Needs the extra `peers`.

python -m bench.studies.peers.pythae_run --data-dir DIR --seed 0
"""

from __future__ import annotations

import argparse
import tempfile

import torch
from pythae.models import VAE, VAEConfig
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder
from pythae.pipelines import TrainingPipeline
from pythae.trainers import BaseTrainerConfig
from torch import Tensor, nn
from torchvision import datasets

from bench.studies.peers.network import BATCH, LATENT, decoder, encoder


class Encoder(BaseEncoder):
    """The encoder of cnn2 in pythae's form."""

    def __init__(self) -> None:
        super().__init__()
        self.latent_dim = LATENT
        self.trunk, self.mean, self.log_variance = encoder(), nn.Linear(512, LATENT), nn.Linear(512, LATENT)

    def forward(self, x: Tensor) -> ModelOutput:
        features = self.trunk(x)
        return ModelOutput(embedding=self.mean(features), log_covariance=self.log_variance(features))


class Decoder(BaseDecoder):
    """The decoder of cnn2 in pythae's form."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = decoder()

    def forward(self, z: Tensor) -> ModelOutput:
        return ModelOutput(reconstruction=self.layers(z))


def main() -> None:
    """Train one epoch and print the loss of some test images."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--data-dir", required=True)
    options.add_argument("--seed", type=int, default=0)
    chosen = options.parse_args()
    train, test = (
        (datasets.MNIST(chosen.data_dir, train=part).data[:, None] / 255.0).round() for part in (True, False)
    )
    with tempfile.TemporaryDirectory() as folder:
        config = BaseTrainerConfig(
            output_dir=folder,
            num_epochs=1,
            learning_rate=1e-3,
            seed=chosen.seed,
            optimizer_cls="Adam",
            per_device_train_batch_size=BATCH,
            per_device_eval_batch_size=BATCH,
        )
        settings = VAEConfig(input_dim=(1, 28, 28), latent_dim=LATENT, reconstruction_loss="bce")
        model = VAE(settings, encoder=Encoder(), decoder=Decoder())
        TrainingPipeline(training_config=config, model=model)(train_data=train, eval_data=test)
    with torch.no_grad():
        loss = float(model({"data": test[:2000]}).loss)
    print(f"test {loss:.2f} images {len(train)}")


if __name__ == "__main__":
    main()

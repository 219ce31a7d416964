"""probe: how much of the label a straight line finds in the latent code: logistic regression on posterior means."""

from __future__ import annotations

import warnings

import numpy as np

from bench.evaluation import Cost, Part, Subject
from bench.evaluation.codes import codes_of

ITERATIONS = 1_000
"""Of the fit, at most."""


def run(subject: Subject) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """Fit on the images that the run was trained on, score on the test images; features are standardised.

    Raises:
        RuntimeError: the fit has not converged; the accuracy of half a fit says nothing.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    train, test = (
        codes_of(subject.model, data, subject.run.likelihood, split).mean.double().cpu().numpy()
        for data, split in ((subject.train, "train"), (subject.test, "test"))
    )
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=ITERATIONS))
    with threadpool_limits(limits=subject.run.threads), warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        try:
            probe.fit(train, subject.train.labels.cpu().numpy())
        except ConvergenceWarning:
            raise RuntimeError(f"the linear probe did not converge in {ITERATIONS} iterations") from None
        correct = probe.predict(test) == subject.test.labels.cpu().numpy()
    return {"probe_accuracy": float(correct.mean())}, {"test_probe_correct": correct}


FIT_SECONDS = 1.0, 2e-5
"""Of loading scikit-learn, which a process does once, and of the fit for each training image."""

PART = Part(
    "probe",
    "linear probe of the latent code",
    run,
    cost=lambda settings, images: Cost(
        images.train + images.test, seconds=FIT_SECONDS[0] + FIT_SECONDS[1] * images.train
    ),
)

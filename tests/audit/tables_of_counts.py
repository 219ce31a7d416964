"""The tables of sizes, claims, test images and settings: counted by hand, or read from the records and the manifest."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import stats

from tests.audit.computing import matching, networks
from tests.audit.computing.verdicts import distinct, versus
from tests.audit.facts import PIXELS, TASKS, Facts
from tests.audit.page import Maker, Rows, Where
from tests.audit.shown import NONE, gap, number
from tests.audit.tables_of_results import difference, shares


def totals(facts: Facts, where: Where) -> Rows:
    rows = [["architecture", "task", "parameters", "conv", "FC", "conv / FC", "MACs per image"]]
    for arch in facts.order:
        for task in facts.tasks:
            size, conv, fc, macs = networks.totals(arch, task)
            numbers = [f"{value:,}" for value in (size, conv, fc)]
            rows.append([arch, TASKS[task].label, *numbers, shares(size, conv), f"{macs:,}"])
    return rows


def layers(facts: Facts, where: Where) -> Rows:
    rows = [["architecture", "task", "part", "layer", "output", "weights", "biases", "MACs"]]
    for arch in facts.order:
        for row in networks.layers(arch, facts.tasks[0]):
            numbers = [f"{value:,}" for value in (row.weights, row.biases, row.macs)]
            rows.append([arch, TASKS[facts.tasks[0]].label, row.part, row.text, row.output, *numbers])
    return rows


CLAIMS_OF_CNN2 = [
    ["cnn2: kernel 4 × 4, stride 2 × 2, and 512 features",
     "512 features come with conv 5×5, stride 2, 16→32; the 4 × 4 kernel was not run here (cnn2-k4)."],
    ["cnn2: the FC layer has 20 × 512 = 10,240 weights", "True of one head; there are 2, 20,480 weights together."],
    ["cnn2: the biggest CNN layer has 4 × 16 × 32 = 2,048 weights",
     "12,800 (conv 5×5, stride 2, 16→32). 2,048 is the count of a 2×2 kernel."],
    ['cnn2: "thus, the effect of the CNN becomes much smaller than FC"',
     "As a count of weights it does not follow: 12,800 in the biggest convolution, more than the 10,240 of one head."],
]  # fmt: skip
"""By hand: 5·5·16·32 = 12,800; 512·20 = 10,240, twice that 20,480; 2·2·16·32 = 2,048."""
CLAIMS_OF_CNN3 = [
    ["cnn3: the FC layer has 20 × 64 = 1,280 weights", "True of one head; there are 2, 2,560 together."],
    ["cnn3: the last CNN layer has 9 × 32 × 64 = 18,432 weights", "True (conv 3×3, stride 1, 32→64)."],
]


def claims(facts: Facts, where: Where) -> Rows:
    named = {"cnn2": CLAIMS_OF_CNN2, "cnn3": CLAIMS_OF_CNN3}
    return [["claim", "count"], *(row for arch, rows in named.items() if arch in facts.order for row in rows)]


def images(facts: Facts, where: Where) -> Rows:
    """Return the intervals over seeds beside those over images, and McNemar's test of the classifiers."""
    is_counted = "classifier" in facts.tasks
    rows = [["task", "architecture", "over seeds", "over images"]]
    rows[0] += [f"McNemar (seed {facts.of('classifier')['seed'].min()})"] if is_counted else []
    for task in facts.tasks:
        values, base = facts.per_image(task), facts.per_image(task)[facts.baseline]
        for arch in distinct(facts, task):
            if arch not in versus(facts, task):
                continue
            own, scale, digits = values[arch], TASKS[task].scale, TASKS[task].digits
            common = sorted(set(own) & set(base))
            each = np.mean([own[seed] - base[seed] for seed in common], axis=0) * scale
            low, high = stats.t.interval(0.95, len(each) - 1, each.mean(), stats.sem(each))
            row = [TASKS[task].label, arch, difference(facts, task, arch), gap(each.mean(), low, high, digits)]
            if is_counted:
                first = common[0]
                row.append(mcnemar(own[first], base[first]) if task == "classifier" else NONE)
            rows.append(row)
    return rows


def mcnemar(own: np.ndarray, base: np.ndarray) -> str:
    only, other = int(((own == 1) & (base == 0)).sum()), int(((own == 0) & (base == 1)).sum())
    p = stats.binomtest(only, only + other).pvalue if only + other else 1.0
    return f"{only} vs {other}, {'p < 0.001' if p < 0.001 else f'p = {p:.3f}'}"


def settings(facts: Facts, where: Where) -> Rows:
    """Return the settings, from the manifest, the environments of the records, and the columns that all runs share."""
    manifest, environments = facts.manifest, facts.environments
    data = manifest["dataset"]
    counts = ", ".join(f"{data[f'{part}_images']:,} {part}" for part in ("train", "val", "test"))
    steps = _steps(facts)
    rise = max(1, round(0.4 * steps))
    likelihood = facts.only("likelihood")

    def of_environment(name: str) -> str:
        return ", ".join(sorted({str(around[name]) for around in environments}))

    images = facts.all_runs["train_images"].dropna().unique()
    rows = [
        ["data set", f"{data['name']} ({counts} images), fingerprint {facts.only('data_fingerprint')}"],
        ["likelihood", f"{likelihood}: {PIXELS[likelihood]}"],
        ["tasks", ", ".join(manifest["tasks"])],
        ["seeds", ", ".join(map(str, sorted(facts.all_runs["seed"].unique())))],
        ["baseline", facts.baseline],
        ["epochs", _epochs(facts)],
        *([name.replace("_", " "), str(facts.only(name))] for name in ("batch_size", "lr")),
        ["latent dim", str(int(facts.only("latent_dim")))],
        ["train images", str(int(images[0])) if len(images) else "all"],
        ["threads", str(facts.only("threads"))],
        ["protocol", str(facts.only("protocol"))],
        *([["tuning", _recipes(manifest["tuning"])]] if "tuning" in manifest else []),
        ["schedule of the lr",
         f"linear warm-up over {rise:,} of {steps:,} steps ({100 * rise / steps:.0f} %), then half a cosine down to "
         f"zero{f', of {facts.baseline}; of others over the same share of their own' * ('match' in manifest)}"],
        ["device", of_environment("device_name")],
        ["runs at a time", str(manifest["workers"])],
        ["processors", str(manifest["processors"])],
        *([name, of_environment(name)] for name in ("python", "torch", "numpy", "platform")),
        ["CPU instructions", of_environment("cpu_capability")],
        ["code", _code(environments[0])],
        ["hash of the code around the architectures", str(facts.only("code"))],
        ["wall time of the last call", f"{manifest['wall_seconds']:.0f} s (finished runs are not trained again)"],
        [f"training time of {'the runs shown' if 'race' in manifest else 'all runs'}"
         f"{' and their further trials' if 'tuning' in manifest else ''}",
         f"{number(float(facts.trials['train_seconds'].sum()), 0)} s"],
        ["created", manifest["created"]],
    ]  # fmt: skip
    return [["setting", "value"], *([name, str(value)] for name, value in rows)]


def _recipes(tuning: dict[str, Any]) -> str:
    (space,) = tuning["space"]
    return f"{tuning['trials']} trials of each run, peak learning rate from {space['low']:g} to {space['high']:g}"


def _code(environment: dict[str, Any]) -> str:
    """Say which commit it was, and which files were changed since."""
    files = environment.get("changed_files") or []
    named = f": {', '.join(files[:3])}{' …' if len(files) > 3 else ''}" if files else ""
    if not environment.get("commit"):
        return "at no known commit"
    return f"commit {environment['commit']}{f' with changes{named}' if environment['dirty'] else ''}"


def _steps(facts: Facts) -> int:
    """Return the steps of a run: whole batches of each epoch."""
    images = facts.all_runs["train_images"].dropna().unique()
    count = int(images[0]) if len(images) else facts.manifest["dataset"]["train_images"]
    epochs = matching.epochs(facts) if "match" in facts.manifest else int(facts.only("epochs"))
    return epochs * (count // int(facts.only("batch_size")))


def _epochs(facts: Facts) -> str:
    if "match" not in facts.manifest:
        return str(facts.only("epochs"))
    return f"{matching.epochs(facts)} of {facts.baseline}; others are at equal training {matching.what(facts)}"


def published(facts: Facts, where: Where) -> Rows:
    """Return published bounds, word for word: Burda et al. 2016, table 1; Vahdat & Kautz 2020, table 1."""
    return [
        ["published, dynamically binarised MNIST", "bound", "nats"],
        ["VAE, one stochastic layer of 50 (Burda et al. 2016)", "IWAE-5000", "−86.76"],
        ["IWAE k = 50, one layer (Burda et al. 2016)", "IWAE-5000", "−84.78"],
        ["NVAE (Vahdat & Kautz 2020)", "importance weighted", "−78.01"],
    ]


def failures(facts: Facts, where: Where) -> Rows:
    rows = [[row.arch, row.task, str(row.seed), row.error] for row in facts.failed.itertuples()]
    return [["architecture", "task", "seed", "error"], *rows]


LAYERS, PUBLISHED = "every layer", "published numbers"
COUNTS: dict[str, Maker] = {
    "Where the parameters sit": totals,
    LAYERS: layers,
    PUBLISHED: published,
    "What the reference README claimed, and what counting says": claims,
    "What is not in the numbers": failures,
    "How sure: seeds and test images": images,
    "How to reproduce": settings,
}

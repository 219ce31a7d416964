"""Varies what the paper leaves open of M2 with few labels, and shows the validation error of each variant.

    python -m bench.studies.m2                                     # goes on where it was stopped
    python -m bench.studies.m2 --variants lr=1e-3,weight=10        # adds one
    python -m bench.studies.m2 --from docs/m2/m2.csv               # table and figure once more

A variant is spelled by what it does otherwise than a job by default: weight (of classification), lr, init (standard
deviation of the weights at the start), prior (on the weights), ramp (share of the steps over which the bounds come in)
and epochs. Every choice here sees the labels of all validation images; no test image is looked at.

It writes m2.csv (a row per training, appended as it ends), table.md and figure.png.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bench.job.values import shared_equally
from bench.spec.arguments import Parser, integer
from bench.spec.command import run_command
from bench.studies.checks import writable
from bench.studies.trials.children import append, in_children, same_settings, table_of
from bench.studies.trials.m2_variants import VariantOrder, train_variant, variant
from bench.studies.trials.planning import (
    Planned,
    given_table,
    planned,
    render,
    request_of,
    table_options,
    training_options,
)

VARIANTS = (
    "default", "lr=0.001", "lr=0.003", "weight=1", "weight=10", "weight=50", "init=0.001", "prior=1", "ramp=0.4"
)  # fmt: skip
EPOCHS, SEEDS, LABELS, LATENT = 10, 2, 100, 50

KEY = ("arch", "variant", "seed", "epochs")
SETTINGS = ("labels", "train_images", "batch_size", "latent_dim", "protocol")
COLUMNS = (*KEY, *SETTINGS, "status", "value")


def parser() -> Parser:
    build = Parser(prog="python -m bench.studies.m2", description=(__doc__ or "").splitlines()[0], allow_abbrev=False)
    build.add_argument("--archs", nargs="+", default=["mlp"], help="default: mlp")
    build.add_argument("--variants", nargs="+", default=list(VARIANTS), help=f"default: {' '.join(VARIANTS)}")
    build.add_argument("--labels", type=shared_equally, default=LABELS, metavar="N", help=f"default: {LABELS}")
    build.add_argument("--latent-dim", type=integer(1, 1_000), default=LATENT, metavar="Z", help=f"default: {LATENT}")
    build.add_argument(
        "--seeds", type=integer(1, 1_000), default=SEEDS, metavar="N", help=f"seeds 0…N−1; default: {SEEDS}"
    )
    build.add_argument("--epochs", type=integer(1, 100_000), default=EPOCHS, help=f"default: {EPOCHS}")
    training_options(build)
    table_options(build, "m2.csv", "docs/m2")
    return build


def main(arguments: list[str]) -> int:
    """Run the command; return its exit status."""
    chosen = parser().parse_args(arguments)
    if given := given_table(chosen, "m2.csv"):
        return rendered(given)
    variants = dict.fromkeys(variant(text) for text in chosen.variants)
    chosen.tasks = ["m2"]
    request = request_of(chosen, device="cpu", labels=(chosen.labels,), latent_dim=chosen.latent_dim)
    table = chosen.out / "m2.csv"
    for name in ("m2.csv", "table.md", "figure.png"):
        writable(chosen.out / name, "--out")
    with planned(request) as plan:
        done = table_of(table, COLUMNS, "--out")
        orders = [
            VariantOrder(
                replace(run, lr=each.lr, classification_weight=each.weight, epochs=int(each.epochs) or run.epochs),
                each,
                plan.site,
            )
            for run in plan.runs
            for each in variants
        ]
        for order in orders:
            row = row_of(order, plan)
            same_settings(done, {name: row[name] for name in SETTINGS}, table)
        kept = {(arch, name, int(seed), int(epochs)) for arch, name, seed, epochs in done[list(KEY)].to_numpy()}
        orders = [each for each in orders if key_of(each) not in kept]
        for number, (order, (status, value)) in enumerate(in_children(train_variant, orders, plan.site.workers), 1):
            append(table, COLUMNS, {**row_of(order, plan), "status": status, "value": value})
            what = f"{order.spec.arch} {order.variant.name}, seed {order.spec.seed}"
            print(f"[{number}/{len(orders)}] {what}: {100 * (1 - value):.2f} % wrong", flush=True)
    return rendered(table)


def key_of(order: VariantOrder) -> tuple[str, str, int, int]:
    """Return what tells a training from others of the same table."""
    return order.spec.arch, order.variant.name, order.spec.seed, order.spec.epochs


def row_of(order: VariantOrder, plan: Planned) -> dict[str, object]:
    """Return what a row says of a training before it is done."""
    return {
        **dict(zip(KEY, key_of(order), strict=True)),
        "labels": order.spec.labels,
        "train_images": plan.images,
        "batch_size": order.spec.batch_size,
        "latent_dim": order.spec.latent_dim,
        "protocol": order.spec.protocol,
    }


def rendered(path: Path) -> int:
    """Write table.md and figure.png beside the study's table; return the exit status."""
    from bench.studies.trials.m2_page import draw_figure, page  # here: matplotlib is slow to import

    return render(path, COLUMNS, page, draw_figure)


if __name__ == "__main__":
    run_command(main)

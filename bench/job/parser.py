"""The options of the main job's command line, with their help. Loads nothing heavy, so that --help answers at once."""

from __future__ import annotations

import argparse

from bench.job import values
from bench.job.policies.options import add_options
from bench.machine.environment import COMMAND
from bench.spec.arguments import Parser, integer
from bench.spec.defaults import (
    DEFAULT_BATCH,
    DEFAULT_CLASSIFICATION_WEIGHT,
    DEFAULT_EPOCHS,
    DEFAULT_IWAE_SAMPLES,
    DEFAULT_LABELS,
    DEFAULT_LATENT,
    DEFAULT_LR,
    EPOCHS,
    EPOCHS_OF_ALL,
    QUICK,
)
from bench.spec.output.width import fill
from bench.spec.paths import path
from bench.spec.run import LIKELIHOODS
from bench.tasks import DEFAULT, names
from bench.trackers import kinds

EXAMPLES = f"""examples:
  {COMMAND} --archs cnn2 cnn3 --seeds 3
  {COMMAND} --archs cnn2/cnn3+cnn2/cnn3 --tasks vae
      cross encoders with decoders
  {COMMAND} --archs cnn:depth=2/3,kernel=3/5 --quick
      a grid, at a glance
  {COMMAND} --archs cnn2 cnn3 --until-sure
      as many seeds as the verdicts need
  {COMMAND} --archs cnn2 cnn:depth=2/3 --race --tasks vae
      the best of three, confirmed
  {COMMAND} --archs cnn2 my_arch --plugin my_arch.py
      your own beside ours
"""


def parser() -> argparse.ArgumentParser:
    build = Parser(
        prog=COMMAND.split()[-1],
        description=fill(
            "Trains every architecture × task × seed and writes a report that says which is better, by how much, at "
            "what cost, and how sure that is."
        ),
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    what = build.add_argument_group("what is compared")
    what.add_argument(
        "--archs",
        nargs="+",
        default=["cnn2", "cnn3"],
        metavar="ARCH",
        help="names, families (cnn:depth=2/3,kernel=5), crossings (cnn2+cnn3), wildcards; default: cnn2 cnn3",
    )
    what.add_argument(
        "--plugin",
        dest="plugins",
        action="append",
        type=path,
        default=[],
        metavar="FILE",
        help="a Python file with architectures or tasks of yours",
    )
    what.add_argument(
        "--tasks",
        nargs="+",
        default=None,
        metavar="TASK",
        help=f"of {', '.join(names())}; default: {', '.join(DEFAULT)}, if the architecture can",
    )
    what.add_argument("--baseline", metavar="ARCH", help="what the others are compared with; default: the first")
    what.add_argument(
        "--max-params",
        type=integer(1, values.MOST_SIZE),
        metavar="N",
        help="leave out what has more parameters, on the largest of the tasks; the baseline always stays",
    )
    what.add_argument(
        "--max-macs",
        type=integer(1, values.MOST_SIZE),
        metavar="N",
        help="leave out what takes more multiply-accumulates for one image, forward; the baseline always stays",
    )
    what.add_argument("--yes", action="store_true", help="plan more than 10,000 runs, if that is what is asked for")
    what.add_argument("--list", dest="list_archs", action="store_true", help="print the architectures and stop")

    add_options(build.add_argument_group("how many seeds"))

    data = build.add_argument_group("data")
    data.add_argument("--dataset", default="auto", help="auto, mnist, fashion_mnist, kmnist or digits; default: auto")
    data.add_argument(
        "--data-dir",
        type=path,
        metavar="DIR",
        help="where the data set is or goes; default: $ABLATION_DATA, else data/",
    )
    data.add_argument(
        "--accept-data",
        action="store_true",
        help="use data files that are not the published ones of the data set; the page says so",
    )
    data.add_argument("--likelihood", default="dynamic", help=f"of {', '.join(LIKELIHOODS)}; default: dynamic")
    data.add_argument("--train-images", type=integer(1, 60_000), metavar="N", help="only the first N training images")
    data.add_argument(
        "--labels",
        nargs="+",
        type=values.labelled,
        default=[(DEFAULT_LABELS,)],
        metavar="N",
        help="labelled training images of the tasks m2 and reader, as many of each class; of several numbers each is "
        f"trained; default: {DEFAULT_LABELS}",
    )

    how = build.add_argument_group("training")
    how.add_argument(
        "--epochs",
        type=integer(1, 100_000),
        metavar="N",
        help=f"default: {DEFAULT_EPOCHS} ({EPOCHS['digits']} on digits)",
    )
    how.add_argument(
        "--batch-size", type=integer(1, 60_000), default=DEFAULT_BATCH, metavar="N", help=f"default: {DEFAULT_BATCH}"
    )
    how.add_argument(
        "--lr", type=values.rate, default=DEFAULT_LR, help=f"peak learning rate of Adam; default: {DEFAULT_LR}"
    )
    how.add_argument(
        "--latent-dim", type=integer(1, 1_000), default=DEFAULT_LATENT, metavar="Z", help=f"default: {DEFAULT_LATENT}"
    )
    how.add_argument(
        "--classification-weight",
        type=values.weight,
        default=DEFAULT_CLASSIFICATION_WEIGHT,
        metavar="W",
        help="weight, in the loss of m2, of the labelled images' mean cross-entropy beside the mean bound per image; "
        f"default: {DEFAULT_CLASSIFICATION_WEIGHT}, the authors'",
    )
    how.add_argument(
        "--tune",
        type=integer(2, 1_000),
        metavar="K",
        help="train each run with K recipes, the one above and K − 1 drawn peak learning rates, the same for all "
        "architectures; the page shows beside the result of that one that of the best by validation",
    )
    how.add_argument(
        "--match",
        default=EPOCHS_OF_ALL,
        metavar="WHAT",
        help="what is equal for all architectures: epochs; flops, or time: each trains as many steps as cost what the "
        "baseline's epochs do, in operations, or in seconds measured beforehand; default: epochs",
    )
    how.add_argument(
        "--quick",
        action="store_true",
        help=f"a minute's look: {QUICK['epochs']} epochs of {QUICK['train_images']:,} images",
    )
    how.add_argument("--device", type=values.device, default="auto", help="auto, cpu, cuda or cuda:n; default: auto")
    how.add_argument(
        "--workers",
        type=integer(1, 512),
        metavar="N",
        help="processes that train; default: on a CPU one per core that this process may use, by its affinity and "
        "CPU quota; one for each GPU, which has several runs side by side",
    )
    how.add_argument(
        "--threads",
        type=integer(1, 512),
        default=1,
        metavar="N",
        help="CPU threads of each run, part of its identity; default: 1",
    )
    how.add_argument(
        "--stack",
        type=values.stack,
        default="auto",
        metavar="HOW",
        help="seeds of an architecture trained together as one model: auto, off or at most so many; default: auto, "
        "up to 32 on a GPU, off on a CPU",
    )
    how.add_argument(
        "--eager", action="store_true", help="on a GPU: training steps kernel by kernel, not as CUDA graphs"
    )
    how.add_argument(
        "--launcher",
        default="local",
        metavar="HOW",
        help="local, or ray: the runs go to the nodes of a Ray cluster (docs/cluster.md); default: local",
    )
    how.add_argument(
        "--ray-address",
        default="auto",
        metavar="WHERE",
        help="auto (the cluster that this machine belongs to), local or HOST:PORT; default: auto",
    )
    how.add_argument(
        "--fail-fast", action="store_true", help="stop at the first run that fails; the report says what is missing"
    )
    how.add_argument(
        "--deterministic",
        action="store_true",
        help="on CUDA: the same bits each time, more slowly; a CPU gives them anyway",
    )
    how.add_argument("--retry-failed", action="store_true", help="train runs again whose record says that they failed")

    after = build.add_argument_group("after training")
    after.add_argument(
        "--evaluate",
        default="basic",
        metavar="LEVEL",
        help="basic, or full: also importance-weighted bounds, linear probe, CVAE as a classifier, samples "
        "read by a classifier (a CPU needs about a minute per VAE and CVAE), or few-labels: also M1+M2 on each VAE's "
        "code (six to nine minutes more per VAE and number of --labels); default: basic",
    )
    after.add_argument(
        "--iwae-samples",
        type=integer(1, 1_000_000),
        default=DEFAULT_IWAE_SAMPLES,
        metavar="K",
        help=f"of the importance-weighted bound; default: {DEFAULT_IWAE_SAMPLES}",
    )
    after.add_argument(
        "--iwae-images",
        type=integer(1, 60_000),
        metavar="N",
        help="test images that it is computed on, spread over the test set; default: all",
    )
    after.add_argument(
        "--throughput",
        type=values.throughput,
        default="quick",
        metavar="HOW",
        help="off, quick or full: afterwards, time training steps, inference and sampling one at a time, for about "
        "2 s (quick) or 20 s (full) per architecture and task; default: quick",
    )

    where = build.add_argument_group("output")
    where.add_argument(
        "--runs-dir", type=path, default="runs", metavar="DIR", help="the store of finished runs; default: runs/"
    )
    where.add_argument(
        "--out",
        type=path,
        metavar="DIR",
        help="the report's folder; default: reports/generated/<name>/. A report of other runs that is there is kept in "
        "its folder earlier/",
    )
    where.add_argument("--latex", action="store_true", help="also write the tables as LaTeX")
    where.add_argument("--vector", action="store_true", help="also write the figures as SVG")
    where.add_argument("--parquet", action="store_true", help="also write the CSV tables as Parquet")
    for kind in kinds():
        where.add_argument(f"--{kind.name}", metavar=kind.metavar, help=kind.summary)
    return build

"""The data sets that come as files: their folders, their files, and the checksum of each file as it was published.

The MD5s are of the raw files, after unpacking; those that torchvision knows are of the archives. MNIST's and
Fashion-MNIST's are listed by several independent projects. KMNIST's are those under which the git-annex repository
datasets-mila/datasets--kmnist keeps what torchvision unpacked from archives with the published MD5s; a second project
lists those of the labels, and for the two image files it is the only source.
"""

from __future__ import annotations

from archs.base import IMAGE_SIZE

FOLDERS = {"mnist": "MNIST", "fashion_mnist": "FashionMNIST", "kmnist": "KMNIST"}
"""Data set → the folder that torchvision keeps it in."""

SHAPES = {
    "train-images-idx3-ubyte": (60_000, IMAGE_SIZE, IMAGE_SIZE),
    "train-labels-idx1-ubyte": (60_000,),
    "t10k-images-idx3-ubyte": (10_000, IMAGE_SIZE, IMAGE_SIZE),
    "t10k-labels-idx1-ubyte": (10_000,),
}
"""Name of a raw file → the shape of its array of bytes. The files of all data sets have the same names."""

MD5 = {
    "mnist": {
        "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
        "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
        "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
        "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
    },
    "fashion_mnist": {
        "train-images-idx3-ubyte": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
        "train-labels-idx1-ubyte": "9018921c3c673c538a1fc5bad174d6f9",
        "t10k-images-idx3-ubyte": "8181f5470baa50b63fa0f6fddb340f0a",
        "t10k-labels-idx1-ubyte": "15d484375f8d13e6eb1aabb0c3f46965",
    },
    "kmnist": {
        "train-images-idx3-ubyte": "92be26ec9822e900ac425d0a0aa84ced",
        "train-labels-idx1-ubyte": "949e75301f8813e0dc5800dcc320fc52",
        "t10k-images-idx3-ubyte": "bf305b8cd328700fbc17f5acbc2856d2",
        "t10k-labels-idx1-ubyte": "9f55f451c0988b028eccdf7d5cc265ab",
    },
}
"""Data set → name of a raw file → the MD5 of all its bytes, in hex."""


def publisher(md5: str) -> tuple[str, str] | None:
    """Return the data set and the name of the raw file that has this MD5; None if none was published with it."""
    return next(((name, file) for name, files in MD5.items() for file in files if files[file] == md5), None)

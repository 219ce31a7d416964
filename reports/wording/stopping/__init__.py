"""What is said of how many seeds there are: seeds that were added until settled, or a number fixed beforehand."""

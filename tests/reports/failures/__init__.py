"""What pages say of collapses in some seeds, and of seeds that stand out."""

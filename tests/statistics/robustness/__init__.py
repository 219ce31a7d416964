"""Tests of `bench/statistics/robustness`."""

"""Clouds of points and their neighbours: the ground of every estimator."""

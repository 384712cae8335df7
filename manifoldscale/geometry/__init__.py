"""Clouds of points and their neighbours, on which every estimator works.

Public are `ms.Cloud`, `ms.Neighbors`, `ms.estimate` and `ms.stream_neighbors`. The rest is
internal.
"""

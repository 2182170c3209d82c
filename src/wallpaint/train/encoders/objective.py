"""Losses and measures of the encoders: colour read from an embedding, and retrieval of the same texture."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from wallpaint.imaging import color
from wallpaint.typing import Array

LAB_CENTER, LAB_SCALE = (60.0, 0.0, 0.0), (25.0, 20.0, 20.0)  # of the head's outputs
COLOR_BETA = 0.1  # of the smooth L1 loss, in scaled Lab: quadratic up to 2 to 2.5 units
RIDGE = 1e-3  # of the probe, relative to the variance of a standardized feature


def scaled_lab(lab: Tensor) -> Tensor:
    """Return CIELAB, [..., 3], centred and scaled to the range of a network's output."""
    return (lab - torch.tensor(LAB_CENTER)) / torch.tensor(LAB_SCALE)


def color_loss(predicted: Tensor, lab: Tensor) -> Tensor:
    """Return the smooth L1 loss of a predicted colour. predicted: [B, 3], scaled Lab. lab: [B, 3]."""
    return functional.smooth_l1_loss(predicted, scaled_lab(lab), beta=COLOR_BETA)


def contrastive_loss(first: Tensor, second: Tensor, temperature: float) -> Tensor:
    """Return the normalized temperature-scaled cross-entropy between two views of each sample.

    first, second: [B, D] embeddings. Source: Chen et al. 2020 (SimCLR).
    """
    views = functional.normalize(torch.cat([first, second]), dim=1)
    logits = (views @ views.T / temperature).masked_fill(torch.eye(len(views), dtype=torch.bool), float("-inf"))
    count = len(first)
    partners = torch.cat([torch.arange(count, 2 * count), torch.arange(count)])
    return functional.cross_entropy(logits, partners)


def probe_error(features: Array, lab: Array, test_features: Array, test_lab: Array) -> float:
    """Fit a linear probe from features to CIELAB by ridge regression, and return its mean CIEDE2000 on other samples.

    features: (N, D). lab: (N, 3).
    """
    mean, scale = features.mean(0), features.std(0) + 1e-8
    design, test_design = ((one - mean) / scale for one in (features, test_features))
    gram = design.T @ design + RIDGE * len(design) * np.eye(design.shape[1])
    weights = np.linalg.solve(gram, design.T @ (lab - lab.mean(0)))
    return float(color.delta_e_2000(test_design @ weights + lab.mean(0), test_lab).mean())


def retrieval_accuracy(queries: Array, candidates: Array) -> float:
    """Return the share of queries whose nearest candidate by cosine has the same number. Both (N, D)."""
    first, second = (one / np.linalg.norm(one, axis=1, keepdims=True) for one in (queries, candidates))
    return float(((first @ second.T).argmax(1) == np.arange(len(queries))).mean())

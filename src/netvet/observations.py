"""What an observation is called in print, and the value that stands for its curve."""

from __future__ import annotations

import math

import numpy as np

from netvet.base.words import pretty
from netvet.locale import _
from netvet.trace import Series


def quantity(name: str) -> str:
    """What an observation is called in print."""
    known = {
        "loss": _("Batch loss"),
        "learning_rate": _("Highest learning rate"),
        "train_loss": _("Training loss"),
        "val_loss": _("Validation loss"),
        "train_accuracy": _("Training accuracy"),
        "train_eval_accuracy": _("Training accuracy in evaluation mode"),
        "batch_cross_entropy": _("Cross-entropy of the batch"),
        "val_accuracy": _("Validation accuracy"),
        "train_balanced_accuracy": _("Balanced accuracy, training"),
        "val_balanced_accuracy": _("Balanced accuracy, validation"),
        "train_auc": _("AUC on training images"),
        "val_auc": _("AUC on validation images"),
        "train_recall": _("Recall on training images"),
        "val_recall": _("Recall on validation images"),
        "class_images": _("Training images"),
        "grad_norm": _("Gradient norm"),
        "grad_rms": _("Gradient RMS"),
        "update_ratio": _("Update-to-weight ratio"),
        "weight_norm": _("Weight norm"),
        "weight_distance": _("Distance from the first weights"),
        "dead_fraction": _("Dead units"),
        "saturated_fraction": _("Saturated outputs"),
        "activation_std": _("Spread of activations"),
        "activation_mean": _("Mean activation"),
        "leaked_share": _("Leaked images"),
        "leaked_by_group": _("Leaked by group"),
        "leaked_by_look": _("Leaked by look"),
        "lr_range_loss": _("Lowest loss in the range test"),
        "parameters": _("Trainable parameters"),
        "recall_plain": _("Recall on images as they are"),
        "recall_augmented": _("Recall on images changed as in training"),
        "label_error_share": _("Labels that are likely wrong"),
        "image_auc": _("AUC of the images' own features"),
        "image_pair_auc": _("AUC of the images' own features, against the class it is taken for"),
        "image_rest_auc": _("AUC of the images' own features, against all others"),
        "probe_auc": _("AUC of a probe on the network's features"),
        "probe_pair_auc": _("AUC of a probe, against the class it is taken for"),
        "probe_recall": _("Recall of a probe on the network's features"),
        "detail_same": _("AUC of the images at this size"),
        "detail_double": _("AUC of the images at twice the size"),
        "receptive_field": _("Receptive field"),
        "quality_blur": _("Blur beside the others"),
        "quality_dark": _("Darkness beside the others"),
        "quality_flat": _("Flatness beside the others"),
        "quality_glare": _("Glare beside the others"),
        "quality_tiny": _("Smallness beside the others"),
        "form_distance": _("Distance between its forms"),
        "form_usual": _("Distance between the forms of the median class"),
        "form_chance": _("Chance of such a parting in a single cloud"),
        "form_silhouette": _("Silhouette of its forms"),
        "curve_auc_half": _("AUC with half of its images"),
        "curve_auc": _("AUC with all of its images"),
        "curve_auc_twice": _("AUC expected of twice its images"),
    }
    return known.get(name) or pretty(name).capitalize()


def telling(series: Series) -> float:
    """The value that stands for a curve: the newest; the highest learning rate; the lowest loss of a range test."""
    values = series.values[np.isfinite(series.values)]
    if not len(values):
        return math.nan
    if series.name == "learning_rate":
        return float(values.max())
    return float(values.min()) if series.name == "lr_range_loss" else float(values[-1])

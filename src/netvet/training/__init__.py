"""Training: the loop, models, losses and schedules."""

from netvet.listener import EpochReport, TrainingListener
from netvet.training.inference import Prediction, evaluate, predict
from netvet.training.loop import Outcome, load_images, train
from netvet.training.passes import recalibrate

__all__ = [
    "EpochReport",
    "Outcome",
    "Prediction",
    "TrainingListener",
    "evaluate",
    "load_images",
    "predict",
    "recalibrate",
    "train",
]

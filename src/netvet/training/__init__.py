"""Training: the loop, models, losses and schedules."""

from netvet.training.inference import Prediction, evaluate, predict
from netvet.training.loop import EpochReport, Outcome, load_images, train
from netvet.training.passes import recalibrate

__all__ = ["EpochReport", "Outcome", "Prediction", "evaluate", "load_images", "predict", "recalibrate", "train"]

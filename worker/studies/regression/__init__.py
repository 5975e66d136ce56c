"""Looks once more at ensembles that predict numbers: at rows unlike the others, and at shifted test images."""

from deepchord.worker.studies.regression.study import StudiedRegression, study_regression

__all__ = ["StudiedRegression", "study_regression"]

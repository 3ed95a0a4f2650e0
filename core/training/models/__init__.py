"""The models that a pipeline may end in, as scikit-learn estimators."""

"""Training of a bundle's depth estimator."""

"""Training data: data sets of photos, wall masks and true repaints, samples for training, and checks of a data set."""

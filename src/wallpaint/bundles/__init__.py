"""Sets of models: one layout, one loader, one code path for every set."""

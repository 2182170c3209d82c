"""Training data: photos, masks and true repaints as samples; their layout, and what can be wrong with them."""

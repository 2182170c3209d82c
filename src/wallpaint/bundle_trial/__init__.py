"""`wallpaint models try`: repaints beside the stock pipeline, memory and a short LoRA, on one page."""

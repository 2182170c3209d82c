"""Validation: LoRAs, bundles, painters and settings compared on a data set (`wallpaint validate`)."""

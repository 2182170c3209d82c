"""`python -m wallpaint`."""

import sys

from wallpaint.cli.app import main

sys.exit(main())

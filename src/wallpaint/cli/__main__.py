"""`python -m wallpaint.cli`."""

import sys

from wallpaint.cli.app import main

sys.exit(main())

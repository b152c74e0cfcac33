"""``python -m faceline``."""

import sys

from faceline.cli import main

sys.exit(main())

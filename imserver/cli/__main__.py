"""`python -m imserver.cli`: the same as the console script."""

from imserver.cli import main

main()

"""A look whose own import fails."""

import no_such_module  # type: ignore[import-not-found]

LOOK = no_such_module

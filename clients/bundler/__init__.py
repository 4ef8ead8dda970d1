"""Makes the pages that a browser loads out of plain ES modules: `pages` joins them, `npm` fetches the tool, `vendor` compares.

Only who changes the pages, or builds a wheel, needs this; the wheel holds what it makes (docs/decisions/0024).
"""

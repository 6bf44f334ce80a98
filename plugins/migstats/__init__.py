"""Harmonised migration statistics: from publishers' bytes to indicators that a BI tool can query."""

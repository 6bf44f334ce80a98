"""Exports: what `bi` holds as files that others read, one module per format. They lead back to identical facts."""

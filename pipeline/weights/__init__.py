"""Weight files: named, found, loaded, fetched."""

"""Stage crop: find, align and split the faces of a folder."""

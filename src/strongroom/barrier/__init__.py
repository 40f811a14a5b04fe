"""Everything the storage holds passes here: encrypted on the way in, opened on the way out."""

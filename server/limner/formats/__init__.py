"""Between the store and the files that other tools read and write; everything streams."""

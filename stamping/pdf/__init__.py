"""The PDF kernel: what is true of a file, where a stamp goes, how it is sealed and read back. Plain Python,
no Django."""

"""Networks and losses of Cali-Sketch; they know no files, devices or parameters."""

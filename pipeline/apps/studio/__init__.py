"""`cali-sketch studio`: a page in the browser to draw a face and see its photo while the pen moves."""

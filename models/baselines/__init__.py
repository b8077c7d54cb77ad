"""The systems that the paper compares with, each as published: a file a system."""

"""The engine: everything that computes. It knows no Qt and runs without a window."""

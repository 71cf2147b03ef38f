"""The update rules of the catalogue, one family a file."""

from lab.engine.optimizers import adaptive, first_order

__all__ = ["adaptive", "first_order"]

"""The window: it shows a recording at a cursor and sends commands to the engine."""

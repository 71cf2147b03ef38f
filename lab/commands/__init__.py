"""What the commands of `landscape-lab` do. Each module is imported when its command is given."""

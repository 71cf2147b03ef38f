"""What the commands of the menus do, one object for each menu."""

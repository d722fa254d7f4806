"""Task groups string the classes together for those who want one line."""

"""The files a user writes: campaigns and settings."""

"""What commands show as more than lines of text, made of rich renderables; nothing is printed here."""

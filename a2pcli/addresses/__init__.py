"""What an address is: phone numbers, e-mail addresses, chat ids. A file or folder a kind."""

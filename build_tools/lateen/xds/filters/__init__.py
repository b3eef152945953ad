"""One module per HTTP filter, and the one table that orders them."""

"""The sandbox gateway: our client of it (client.py) and the stand-in company itself (server/)."""

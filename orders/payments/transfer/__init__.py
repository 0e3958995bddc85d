"""Manual transfer to our own bank account: no company stands between, the bank's statement tells what came."""

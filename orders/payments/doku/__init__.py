"""DOKU: QRIS and virtual accounts through DOKU Checkout, its hosted page."""

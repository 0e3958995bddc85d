"""Xendit: QRIS and virtual accounts over its Payment Requests API."""

"""Midtrans: QRIS and virtual accounts through its Core API."""

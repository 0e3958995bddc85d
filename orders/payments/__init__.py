"""Payment gateways: one contract (gateway.py), a folder per company. Plain Python, no Django."""

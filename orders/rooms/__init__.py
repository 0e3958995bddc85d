"""The waiting room's rules: tickets, the draw, admission, estimates. Plain Python, no Django, no clock, no network."""

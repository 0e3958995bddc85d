"""Launcher for one machine: PostgreSQL and Valkey from wheels, and the processes of Meterai around them.

Plain Python without Django, so that it can start what Django needs. Doors: `script/server`, `script/test`,
`script/check` and `script/manage`, all through `python -m meterai.embedded`. In production real services
take the place of the embedded ones: see `DATABASE_URL`, `BROKER_URL`, `CACHE_URL` and `STORAGE_URL`.
"""

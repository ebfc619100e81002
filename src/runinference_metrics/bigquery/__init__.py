"""BigQuery: addresses of tables, read sessions, queries and loads, by Google's own clients; nothing
of this project's rows is known here.
"""

# The doors: other rooms use these modules and no others; tools/rooms.py holds it.
__all__ = ["addresses", "clients", "inputs", "loads", "queries", "schemas", "sessions", "tables"]

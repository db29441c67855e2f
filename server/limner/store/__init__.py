"""The database: who may do what, which images there are, and every edit that was ever acknowledged."""

from limner.store.engine import Database, Deadlocked

__all__ = ["Database", "Deadlocked"]

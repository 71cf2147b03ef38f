"""Older formats of the `.lab` file: how they are read, and how they become the present one.

Format 1 kept what measurements carry on as text, all of it in one entry of `meta`.
"""

import base64
import json
import sqlite3

from lab.engine.labfile import CARRIED, VERSION


def carried_rows(db: sqlite3.Connection) -> list[tuple[str, str, bytes]]:
    """What measurements left for the next ones, in any format: plan, lane and packed arrays.

    Raises:
        ValueError: text of an older format that is not whole.
    """
    if _format(db) > 1:
        return db.execute("SELECT plan, lane, arrays FROM carried").fetchall()
    found = db.execute("SELECT value FROM meta WHERE key = 'carried'").fetchone()
    rows = json.loads(found[0]) if found else []
    return [(plan, lane, base64.b64decode(data)) for plan, lane, data in rows]


def bring_up_to_date(db: sqlite3.Connection) -> None:
    """Turn a file into one of the present format, within a transaction.

    Raises:
        ValueError: text of an older format that is not whole.
    """
    if _format(db) == VERSION:
        return
    rows = carried_rows(db)
    db.execute(CARRIED)
    db.executemany("INSERT INTO carried VALUES (?, ?, ?)", rows)
    db.execute("DELETE FROM meta WHERE key = 'carried'")
    db.execute(f"PRAGMA user_version = {VERSION}")


def _format(db: sqlite3.Connection) -> int:
    return db.execute("PRAGMA user_version").fetchone()[0]

"""Keep a store safe: check it, back it up while it runs, restore it."""

from itertools import chain, count
from pathlib import Path

from latbase.db import copying
from latbase.db.duckdb_store import DuckDbStore
from latbase.db.rows import TABLES
from latbase.db.sql import statements
from latbase.db.store import Store
from latbase.errors import StoreBusyError, StoreError


def check(store: Store) -> list[str]:
    """Return what is wrong with a store, in words; nothing if every promise holds.

    Reads every block, so that DuckDB checks its checksums, every reference, and whether the
    summaries agree with the measurements.

    Raises:
        StoreError: it cannot even be read.
    """
    sql, problems = statements("upkeep"), []
    for table in TABLES:
        columns = ", ".join(f'max("{name}")' for name in table.schema.names)
        store.query(f"SELECT {columns} FROM {table.name}")
        for target in table.references:
            found = _count(store, sql["dangling"].format(table=table.name, target=target))
            if found:
                problems.append(f"{found} rows of {table.name} name a {target} that is not there.")
    for name, words in _DISAGREEMENTS.items():
        if found := _count(store, sql[name]):
            problems.append(f"{found} {words}.")
    return problems


_DISAGREEMENTS = {
    "repeated": "measurements are stored more than once",
    "newest": "rows of newest disagree with the measurements",
    "tally": "rows of tally disagree with the measurements",
}


def restore(backup: Path, target: Path) -> Path | None:
    """Put ``backup`` in the place of the store ``target``; returns where that was kept, if any.

    Both may have a log beside them, as a store has whose process was killed.

    Raises:
        StoreError: the backup is no sound store.
        StoreBusyError: ``target`` is in use.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with copying.drafted(target) as draft:
        with DuckDbStore(backup, read_only=True) as store:  # nobody writes it meanwhile
            if problems := check(store):
                raise StoreError(f"{backup} is damaged: {' '.join(problems)} Take another backup.")
            copying.copy_database(backup, draft)
        DuckDbStore(draft).close()  # its log becomes part of it
        kept = _set_aside(target)
        draft.replace(target)
    return kept


def _set_aside(target: Path) -> Path | None:
    """Move a store and its log, or what there is of them, to names that nothing has."""
    if target.exists():
        _refuse_if_in_use(target)
    numbered = (target.with_name(f"{target.name}.before-restore-{n}") for n in count(2))
    names = chain([target.with_name(f"{target.name}.before-restore")], numbered)
    free = next(name for name in names if not any(map(Path.exists, copying.with_log(name))))
    files = zip(copying.with_log(target), copying.with_log(free), strict=True)
    moved = [source.replace(kept) for source, kept in files if source.exists()]
    return moved[0] if moved else None


def _refuse_if_in_use(target: Path) -> None:
    try:
        DuckDbStore(target, read_only=True).close()
    except StoreBusyError:
        raise
    except StoreError:
        return  # A damaged store is what a restore is for.


def _count(store: Store, sql: str) -> int:
    return int(store.query(sql)["n"][0].as_py())

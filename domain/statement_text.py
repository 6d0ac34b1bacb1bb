"""A statement out of its text: what is easier to read as SQL than as a tree.

text in BigQuery's dialect -> tree, base tables -> Statement
"""

from sqlglot import exp, parse_one

from domain.ports import Statement

__all__ = ["parse_statement"]


def parse_statement(text: str) -> Statement:
    """Read a SELECT whose base tables are qualified and whose values are parameters.

    Raises:
        TypeError: It is another kind of statement (our bug).
    """
    tree = parse_one(text, dialect="bigquery")
    if not isinstance(tree, exp.Query):
        raise TypeError(type(tree))
    tables = (table for table in tree.find_all(exp.Table) if table.args.get("db"))
    return Statement(tree, frozenset(f"{table.db}.{table.name}" for table in tables))

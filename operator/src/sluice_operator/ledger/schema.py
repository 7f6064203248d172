"""The ledger's tables as this release uses them. What makes and changes them is in migrations/.

A record is kept as the text that was hashed. The columns beside it are what it is looked up by, and say nothing that
the text does not say. Records are never changed, which triggers see to; personal values can only be erased.
"""

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Integer, MetaData, String, Table, Text

REVISION = "v1"
"""The migration that makes these tables."""
VERSION_TABLE = "ledger_schema"

METADATA = MetaData()
_PLACE = BigInteger().with_variant(Integer(), "sqlite")  # SQLite's own row number is an INTEGER

RECORDS = Table(
    "ledger_records",
    METADATA,
    Column("seq", _PLACE, primary_key=True, autoincrement=False),
    Column("id", String(200), nullable=False, unique=True),
    Column("time", String(27), nullable=False),
    Column("namespace", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("text", Text, nullable=False),
    Index("ledger_records_subject", "namespace", "model", "seq"),
)

PERSONAL = Table(
    "ledger_personal",
    METADATA,
    Column("commitment", String(64), primary_key=True),
    Column("seq", _PLACE, nullable=False, index=True),
    Column("salt", String(64)),
    Column("value", Text),
)

HEAD = Table(
    "ledger_head",
    METADATA,
    Column("one", Integer, CheckConstraint("one = 1"), primary_key=True, autoincrement=False),
    Column("chain", String(64), nullable=False),
    Column("seq", _PLACE, nullable=False),
    Column("digest", String(64), nullable=False),
)

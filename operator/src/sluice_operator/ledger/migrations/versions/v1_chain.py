"""Records, what is personal in them, and the head of the chain; triggers that refuse whatever is not an append.

Triggers guard against mistakes. Against intent there is the chain: who owns the database can drop a trigger.
"""

import sqlalchemy as sa
from alembic import op

revision = "v1"
down_revision = None

_PLACE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_GENESIS = "0" * 64

_SQLITE = (
    """CREATE TRIGGER ledger_records_stay BEFORE UPDATE ON ledger_records
       BEGIN SELECT RAISE(ABORT, 'a record of the ledger is never changed'); END""",
    """CREATE TRIGGER ledger_records_remain BEFORE DELETE ON ledger_records
       BEGIN SELECT RAISE(ABORT, 'a record of the ledger is never deleted'); END""",
    """CREATE TRIGGER ledger_personal_stays BEFORE UPDATE ON ledger_personal
       WHEN NEW.salt IS NOT NULL OR NEW.value IS NOT NULL
            OR NEW.commitment IS NOT OLD.commitment OR NEW.seq IS NOT OLD.seq
       BEGIN SELECT RAISE(ABORT, 'a personal value of the ledger is only ever erased'); END""",
    """CREATE TRIGGER ledger_personal_remains BEFORE DELETE ON ledger_personal
       BEGIN SELECT RAISE(ABORT, 'a row of personal values is never deleted'); END""",
    """CREATE TRIGGER ledger_head_advances BEFORE UPDATE ON ledger_head
       WHEN NEW.seq <= OLD.seq OR OLD.chain NOT IN ('', NEW.chain)
       BEGIN SELECT RAISE(ABORT, 'the head of the ledger only advances'); END""",
    """CREATE TRIGGER ledger_head_remains BEFORE DELETE ON ledger_head
       BEGIN SELECT RAISE(ABORT, 'the head of the ledger is never deleted'); END""",
)

_POSTGRESQL = (
    """CREATE FUNCTION ledger_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
       BEGIN RAISE EXCEPTION '% of % is refused: the ledger is only appended to', TG_OP, TG_TABLE_NAME; END $$""",
    """CREATE TRIGGER ledger_records_stay BEFORE UPDATE OR DELETE ON ledger_records
       FOR EACH ROW EXECUTE FUNCTION ledger_refuse()""",
    """CREATE TRIGGER ledger_personal_stays BEFORE UPDATE ON ledger_personal FOR EACH ROW
       WHEN (NEW.salt IS NOT NULL OR NEW.value IS NOT NULL
             OR NEW.commitment IS DISTINCT FROM OLD.commitment OR NEW.seq IS DISTINCT FROM OLD.seq)
       EXECUTE FUNCTION ledger_refuse()""",
    """CREATE TRIGGER ledger_personal_remains BEFORE DELETE ON ledger_personal
       FOR EACH ROW EXECUTE FUNCTION ledger_refuse()""",
    """CREATE TRIGGER ledger_head_advances BEFORE UPDATE ON ledger_head FOR EACH ROW
       WHEN (NEW.seq <= OLD.seq OR OLD.chain NOT IN ('', NEW.chain)) EXECUTE FUNCTION ledger_refuse()""",
    """CREATE TRIGGER ledger_head_remains BEFORE DELETE ON ledger_head
       FOR EACH ROW EXECUTE FUNCTION ledger_refuse()""",
    *(
        f"CREATE TRIGGER {table}_whole BEFORE TRUNCATE ON {table} EXECUTE FUNCTION ledger_refuse()"
        for table in ("ledger_records", "ledger_personal", "ledger_head")
    ),
)


def upgrade() -> None:
    """Make the tables and their guards."""
    op.create_table(
        "ledger_records",
        sa.Column("seq", _PLACE, primary_key=True, autoincrement=False),
        sa.Column("id", sa.String(200), nullable=False, unique=True),
        sa.Column("time", sa.String(27), nullable=False),
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
    )
    op.create_index("ledger_records_subject", "ledger_records", ["namespace", "model", "seq"])
    op.create_table(
        "ledger_personal",
        sa.Column("commitment", sa.String(64), primary_key=True),
        sa.Column("seq", _PLACE, nullable=False, index=True),
        sa.Column("salt", sa.String(64)),
        sa.Column("value", sa.Text),
    )
    head = op.create_table(
        "ledger_head",
        sa.Column("one", sa.Integer, sa.CheckConstraint("one = 1"), primary_key=True, autoincrement=False),
        sa.Column("chain", sa.String(64), nullable=False),
        sa.Column("seq", _PLACE, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
    )
    op.bulk_insert(head, [{"one": 1, "chain": "", "seq": 0, "digest": _GENESIS}])
    guards = _POSTGRESQL if op.get_bind().dialect.name == "postgresql" else _SQLITE
    for guard in guards:
        op.execute(guard)

"""What Alembic runs: one transaction on the connection that `migrations.upgrade` hands over.

Schema files are written by hand, so there is no metadata to compare with here; that model and
schema agree is proved by `tests/repository/test_migrations.py`.
"""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()

"""What Alembic runs: the migrations, within the transaction of the connection that it is given."""

from alembic import context

from cpu_gpu_env.results.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
)
context.run_migrations()

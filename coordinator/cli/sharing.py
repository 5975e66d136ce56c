"""The commands about what runs share: queue, priority."""

from typing import Annotated

import typer

from deepchord.coordinator.cli.context import open_run, open_store, print_json, read_settings, with_live_broker
from deepchord.coordinator.cli.options import Broker, Force, Json, Run, Storage
from deepchord.shared.errors import BrokerError

# Heavy modules are imported by the command that needs them, so that `deepchord --help` answers at once.

commands = typer.Typer(add_completion=False)


@commands.command()
def queue(broker: Broker = None, storage: Storage = None, as_json: Json = False) -> None:
    """List the runs that wait or are trained, how far each is, and when the rest of it probably will be trained."""
    from redis import RedisError

    from deepchord.coordinator.monitoring import list_queue, queue_table
    from deepchord.shared.broker import connect, describe_error
    from deepchord.shared.command_line import print_table

    settings = with_live_broker(read_settings(broker=broker, storage=storage))
    with connect(settings) as client:
        try:
            rows = list_queue(client, open_store(settings))
        except RedisError as error:
            raise BrokerError(f"The broker does not tell what waits: {describe_error(error)}.") from error
    if as_json:
        print_json([row.as_json() for row in rows])
    elif rows:
        print_table(queue_table(rows))
    else:
        typer.echo("Nothing waits, and nothing is trained; `deepchord train` starts a run.")


@commands.command()
def priority(
    run: Run,
    wanted: Annotated[str, typer.Argument(metavar="low|normal|high", help="How it counts beside other runs.")],
    force: Force = False,
    broker: Broker = None,
    storage: Storage = None,
) -> None:
    """Change the priority of a run; what is being trained goes on, and the next members are chosen by it."""
    from redis import RedisError

    from deepchord.coordinator.runs import change_priority, check_owner
    from deepchord.shared.broker import connect, describe_error
    from deepchord.shared.queue import ShareBoard

    settings, store, spec = open_run(run, broker=broker, storage=storage)
    check_owner(settings, spec, "give priority to", force=force)
    if settings.broker is None:  # nobody trains it now: whoever resumes it tells the broker
        change_priority(store, spec, wanted)
    else:
        with connect(settings) as client:
            share = change_priority(store, spec, wanted)
            try:
                ShareBoard(client).publish(spec.run_id, share, spec.members)
            except RedisError as error:
                raise BrokerError(f"The broker does not take the priority: {describe_error(error)}.") from error
    typer.echo(f"Run {spec.run_id} has {wanted} priority.")

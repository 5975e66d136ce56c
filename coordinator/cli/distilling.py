"""The command that trains one network to say what an ensemble says: distill."""

from typing import Annotated

import typer

from deepchord.coordinator.cli.context import find_run, read_settings
from deepchord.coordinator.cli.following import check_options, run_to_end
from deepchord.coordinator.cli.options import Broker, Detach, Notify, Out, Run, RunName, Storage, Tags, Track, Workers

# Heavy modules are imported by the command that needs them, so that `deepchord --help` answers at once.

commands = typer.Typer(add_completion=False)


@commands.command()
def distill(
    run: Run,
    share: Annotated[
        float | None,
        typer.Option(help="How much of a target the ensemble says, the rest is the label; default: 1."),
    ] = None,
    temperature: Annotated[
        float | None, typer.Option(help="Above 1: learn to be less certain than the ensemble; default: 1.")
    ] = None,
    architecture: Annotated[
        str | None,
        typer.Option(
            "--architecture",
            "--network",
            metavar="FILE",
            help="The network: TOML or JSON, or a model that Keras saved; default: that of the ensemble.",
        ),
    ] = None,
    members: Annotated[int | None, typer.Option(help="How many networks are trained so; default: 1.")] = None,
    epochs: Annotated[int | None, typer.Option(help="At most so many passes; default: as the ensemble.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Images per training step; default: as the ensemble.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Default: as the ensemble.")] = None,
    flip: Annotated[
        bool | None, typer.Option("--flip/--no-flip", help="Mirror images at random; default: as the ensemble.")
    ] = None,
    shift: Annotated[
        int | None, typer.Option(help="Move images by up to so many pixels at random; default: as the ensemble.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Default: as the ensemble, so the same images are held out.")] = None,
    name: RunName = None,
    tag: Tags = None,
    broker: Broker = None,
    storage: Storage = None,
    workers: Workers = None,
    detach: Detach = False,
    out: Out = None,
    notify: Notify = None,
    track: Track = None,
) -> None:
    """Train one network towards what an ensemble says, calibrated, to predict at the cost of one member.

    The result is a run of its own, whose report says what was kept: little with a member's epochs, more with three
    times as many and changed images (--flip, --shift 1). Without a broker it is trained on this machine.
    """
    from deepchord.coordinator.running import submits
    from deepchord.coordinator.runs import check_broker, owner_of, plan_distillation, tags_of

    options = {
        "share": share,
        "temperature": temperature,
        "architecture": architecture,
        "members": members,
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "flip": flip,
        "shift": shift,
        "seed": seed,
        "name": name,
        "tags": tags_of(tag),
    }
    observers = {"notify": notify or None, "track": track or None}
    settings = read_settings(broker=broker, storage=storage, workers=workers, detach=detach or None, **observers)
    check_options(settings, workers, out, [*(notify or ()), *(track or ())])
    store, teacher = find_run(settings, run)
    spec = plan_distillation(
        store,
        teacher,
        options,
        max_attempts=settings.max_attempts,
        cache=settings.cache,
        owner=owner_of(settings),
    )
    check_broker(settings, spec.require)
    run_to_end(settings, store, spec, submits(store, spec), "is submitted", out)

"""The commands that have members trained: train, resume, extend."""

from pathlib import Path
from typing import Annotated

import typer

from deepchord.coordinator.cli.context import find_run, print_notes, read_settings
from deepchord.coordinator.cli.following import check_not_trained_here, check_options, run_to_end, train_remaining
from deepchord.coordinator.cli.options import (
    Broker,
    ChannelsFirst,
    DatasetPath,
    Detach,
    Force,
    Header,
    ImageSize,
    InitialNoise,
    InitialWeights,
    MostWorkers,
    NewHead,
    Notify,
    Out,
    PriorityOption,
    Require,
    Run,
    RunName,
    SkipDamaged,
    Storage,
    Tags,
    Target,
    Task,
    Test,
    TestShare,
    Track,
    Workers,
)
from deepchord.shared.command_line import home_path
from deepchord.shared.errors import InputError

# Heavy modules are imported by the command that needs them, so that `deepchord --help` answers at once.

commands = typer.Typer(add_completion=False)


@commands.command()
def train(
    recipe: Annotated[
        Path | None,
        typer.Argument(
            metavar="RECIPE.TOML", callback=home_path, help="A recipe file; options go before what it says."
        ),
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help="What to start from: quick, fast, notebook, best, digits, cifar10, tabular.")
    ] = None,
    dataset: DatasetPath = None,
    target: Target = None,
    task: Task = None,
    channels_first: ChannelsFirst = None,
    image_size: ImageSize = None,
    skip_damaged: SkipDamaged = False,
    header: Header = None,
    test: Test = None,
    test_share: TestShare = None,
    members: Annotated[
        str | None, typer.Option(metavar="N|auto", help="How many networks the ensemble has; auto: as many as help.")
    ] = None,
    at_most: Annotated[int | None, typer.Option(help="With --members auto: at most so many; default: 20.")] = None,
    architecture: Annotated[
        str | None,
        typer.Option(
            "--architecture",
            "--network",
            metavar="FILE",
            help="The network: TOML or JSON, or a model that Keras saved; default: that of the preset.",
        ),
    ] = None,
    initial_weights: InitialWeights = None,
    new_head: NewHead = False,
    initial_noise: InitialNoise = None,
    epochs: Annotated[int | None, typer.Option(help="At most so many passes over a member's training split.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Images per training step.")] = None,
    seed: Annotated[int | None, typer.Option(help="Same seed, same members; drawn at random if not given.")] = None,
    min_members: Annotated[
        int | None, typer.Option(help="Evaluate if at least so many members could be trained; default: half.")
    ] = None,
    require: Require = None,
    name: RunName = None,
    tag: Tags = None,
    priority: PriorityOption = None,
    most_workers: MostWorkers = None,
    broker: Broker = None,
    storage: Storage = None,
    local: Annotated[
        bool,
        typer.Option(
            "--local",
            help="An embedded broker and workers on this machine; the default without a broker. [DEEPCHORD_LOCAL]",
        ),
    ] = False,
    workers: Workers = None,
    detach: Detach = False,
    flower: Annotated[
        bool, typer.Option("--flower", help="Start Flower beside it, on this machine only. [DEEPCHORD_FLOWER]")
    ] = False,
    out: Out = None,
    notify: Notify = None,
    track: Track = None,
) -> None:
    """Train an ensemble, evaluate it, and write its report.

    Without a broker everything runs on this machine. With one, whichever workers listen to it train the members.
    """
    from deepchord.coordinator.running import submits
    from deepchord.coordinator.runs import prepare, tags_of

    options = {
        "preset": preset,
        "dataset": dataset,
        "channels_first": channels_first,
        "image_size": image_size,
        "skip_damaged": skip_damaged or None,
        "header": header,
        "test": test,
        "test_share": test_share,
        "target": target,
        "task": task,
        "members": _number_or_word(members),
        "at_most": at_most,
        "architecture": architecture,
        "initial_weights": initial_weights,
        "new_head": new_head or None,
        "initial_noise": initial_noise,
        "epochs": epochs,
        "batch_size": batch_size,
        "seed": seed,
        "min_members": min_members,
        "require": require,
        "name": name,
        "tags": tags_of(tag),
        "priority": priority,
        "most_workers": most_workers,
    }
    if local and broker:
        raise InputError("--local starts a broker of its own: give either --local or --broker, not both.")
    settings = read_settings(
        broker=broker,
        storage=storage,
        workers=workers,
        local=local or None,
        detach=detach or None,
        flower=flower or None,
        notify=notify or None,
        track=track or None,
    )
    check_options(settings, workers, out, [*(notify or ()), *(track or ())])
    store, run = prepare(settings, recipe, options)
    print_notes(run.dataset)
    run_to_end(settings, store, run, submits(store, run), "is submitted", out)


@commands.command()
def resume(
    run: Run,
    force: Force = False,
    broker: Broker = None,
    storage: Storage = None,
    workers: Workers = None,
    detach: Detach = False,
    out: Out = None,
    notify: Notify = None,
    track: Track = None,
) -> None:
    """Go on with a run that was cancelled or interrupted: its members continue from their last saved epoch.

    Without a broker, they are trained on this machine, as with `train`.
    """
    from deepchord.coordinator.runs import (
        check_broker,
        check_not_detached,
        check_owner,
        check_unfinished,
        extend_run,
        next_extension,
        resume_run,
    )

    observers = {"notify": notify or None, "track": track or None}
    settings = read_settings(broker=broker, storage=storage, workers=workers, detach=detach or None, **observers)
    check_options(settings, workers, out, [*(notify or ()), *(track or ())])
    store, spec = find_run(settings, run)
    check_owner(settings, spec, "resume", force=force)
    check_not_trained_here(settings, spec)
    check_not_detached(settings, is_automatic=spec.auto is not None)
    more = next_extension(store, spec)  # of a run with `members = "auto"` whose command ended too early
    if more is not None:
        check_broker(settings, more.require)
        train_remaining(settings, store, more, lambda: extend_run(store, more), out)
        return
    check_unfinished(store, spec)
    check_broker(settings, spec.require)
    train_remaining(settings, store, spec, lambda: resume_run(store, spec), out)


@commands.command()
def extend(
    run: Run,
    members: Annotated[int, typer.Option(help="How many networks the ensemble is to have in all.")],
    min_members: Annotated[
        int | None, typer.Option(help="Evaluate if at least so many could be trained; default: the same share.")
    ] = None,
    force: Force = False,
    broker: Broker = None,
    storage: Storage = None,
    workers: Workers = None,
    detach: Detach = False,
    out: Out = None,
    notify: Notify = None,
    track: Track = None,
) -> None:
    """Add members to a run: trains only the new ones, then evaluates all of them."""
    from deepchord.coordinator.runs import check_broker, check_owner, extend_run, plan_extension

    observers = {"notify": notify or None, "track": track or None}
    settings = read_settings(broker=broker, storage=storage, workers=workers, detach=detach or None, **observers)
    check_options(settings, workers, out, [*(notify or ()), *(track or ())])
    store, spec = find_run(settings, run)
    check_owner(settings, spec, "extend", force=force)
    check_not_trained_here(settings, spec)
    extended = plan_extension(spec, members, min_members)
    check_broker(settings, spec.require)
    train_remaining(settings, store, extended, lambda: extend_run(store, extended), out)


def _number_or_word(members: str | None) -> int | str | None:
    """Return the number of members as a number, if it is one."""
    try:
        return members if members is None else int(members)
    except ValueError:
        return members

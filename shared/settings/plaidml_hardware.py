"""The hardware settings of PlaidML that a user may give for a device."""

from pydantic import PositiveInt

from deepchord.shared.validation import Message


class PlaidMLHardware(Message):
    """How PlaidML uses a device. The names are those of PlaidML's hardware settings; None: deepchord chooses."""

    #: The number of work items in a work group.
    threads: PositiveInt | None = None
    #: The number of elements in a vector; 1 works everywhere.
    vec_size: PositiveInt | None = None
    #: Whether local memory is only a part of global memory, so that copies into it are useless.
    use_global: bool | None = None
    #: The width of a memory transaction, in bytes.
    mem_width: PositiveInt | None = None
    #: The local memory of a work group, in bytes.
    max_mem: PositiveInt | None = None
    #: The registers of a work group, in bytes.
    max_regs: PositiveInt | None = None
    #: How many work groups keep the device busy.
    goal_groups: PositiveInt | None = None
    goal_flops_per_byte: PositiveInt | None = None
    #: Whether the device computes one kernel at a time.
    is_synchronous: bool | None = None
    #: Whether the device's compiler decides about multiply-add.
    disable_mad: bool | None = None

"""What a user may say of how PlaidML is to use a device."""

from pydantic import PositiveInt

from deepchord.shared.validation import Message


class PlaidMLHardware(Message):
    """How PlaidML is to use a device; what is not given is chosen. The names are those of its hardware settings."""

    #: Work items of a work group.
    threads: PositiveInt | None = None
    #: Elements of a vector; 1 is right everywhere.
    vec_size: PositiveInt | None = None
    #: Whether local memory is only a part of global memory and copying into it a waste.
    use_global: bool | None = None
    #: Width of a memory transaction, in bytes.
    mem_width: PositiveInt | None = None
    #: Local memory of a work group, in bytes.
    max_mem: PositiveInt | None = None
    #: Registers of a work group, in bytes.
    max_regs: PositiveInt | None = None
    #: How many work groups keep the device busy.
    goal_groups: PositiveInt | None = None
    goal_flops_per_byte: PositiveInt | None = None
    #: Whether the device computes one kernel at a time.
    is_synchronous: bool | None = None
    #: Whether multiply-add is left to the device's compiler.
    disable_mad: bool | None = None

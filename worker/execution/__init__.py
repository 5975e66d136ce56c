"""What a worker does with one message: a member's task and an evaluation's task, and what becomes of the message."""

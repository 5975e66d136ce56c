"""Deep ensembles on the machines you happen to have: one Celery task per member, a chord to evaluate them.

The sides `shared`, `worker` and `coordinator` are folders at the top of the repository, and parts of this package by
links: an installed deepchord has this one name only. Nothing is imported here, so that `deepchord --help` is quick.
"""

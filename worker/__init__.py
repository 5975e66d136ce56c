"""The side that trains members and evaluates ensembles; the only side that imports an ML framework."""

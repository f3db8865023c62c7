# Fits a polynomial to points and says how far off it is: numpy in a function.

import numpy


def handler(event):
    x = numpy.asarray(event["x"], dtype=float)
    y = numpy.asarray(event["y"], dtype=float)
    powers = numpy.vander(x, event["degree"] + 1, increasing=True)
    coefficients, _, rank, _ = numpy.linalg.lstsq(powers, y, rcond=None)
    if rank <= event["degree"]:
        raise ValueError(f"{len(set(x))} different x are too few for degree {event['degree']}")
    deviation = numpy.sqrt(numpy.mean((powers @ coefficients - y) ** 2))
    return {"coefficients": coefficients.tolist(), "deviation": float(deviation)}

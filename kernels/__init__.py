"""Pointers: fused and packed operations, each beside its plain torch truth. Imports no other room.

Hugging Face has a distribution of the same import name. bitsandbytes asks it for a compiled kernel, finds this package
instead, goes on with its own code and logs that "kernels >= 0.11.1" should be installed. Mien never fetches kernels,
and installing that distribution breaks it (see `inference/rival.py`), so exactly that advice is not passed on.
"""

import logging


def _is_not_that_advice(record: logging.LogRecord) -> bool:
    return "kernels-community" not in str(record.msg)


# Here, because bitsandbytes imports this very package right before it would log.
logging.getLogger("bitsandbytes.backends.cpu.ops").addFilter(_is_not_that_advice)

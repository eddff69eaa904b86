"""What trains: one module per engine, each the worker of a job."""

import logging

# transformers imports bitsandbytes, which at once misses optional kernels for the CPU and does without them; users
# read that as a failure. Here, because it must be said before the first import.
logging.getLogger("bitsandbytes").setLevel(logging.ERROR)

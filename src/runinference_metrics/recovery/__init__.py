"""What to do when a batch fails: whose fault it is, isolation of the texts that fail,
halving, time-outs, the device's memory, a lost device.
"""

# The doors: other rooms use these modules and no others; tools/rooms.py holds it.
__all__ = ["batch", "blame", "lost_device", "memory", "timeouts"]

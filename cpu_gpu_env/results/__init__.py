"""What schedulers achieved: the measures, the records that hold them, and what made them."""

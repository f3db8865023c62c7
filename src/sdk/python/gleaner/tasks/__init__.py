"""Any function of Python on leased workers."""

"""Our request as the body that a vendor wants: what requests share, one file a form. No I/O."""

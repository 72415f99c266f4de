"""Response bytes in, model events out: what decoders share, and the longer decoders. No I/O."""

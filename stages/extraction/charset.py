def decode(raw, header=None): return raw.decode('utf8','replace')

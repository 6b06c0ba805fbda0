"""The fleet: sites, admission, loading, diagnosis, updates. The doors stand in `hub`."""

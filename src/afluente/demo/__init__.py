"""The reference projects, carried out end to end on this machine and told so that a newcomer understands them."""

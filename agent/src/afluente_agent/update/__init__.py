"""Updates of the agent: fetched by TUF, unpacked beside each other, switched by a pointer, watched from outside."""

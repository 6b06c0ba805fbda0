"""Connector `sftp`: a release uploaded to a partner's SFTP server."""

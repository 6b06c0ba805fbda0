"""The semantic types that come with the platform, one family a file. Others are added by entry points."""
